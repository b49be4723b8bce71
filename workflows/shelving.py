"""What the in-memory journal keeps beside runs: signals that wait for a question, cached results and keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workflows.errors import JournalError
from workflows.records import KEYS_KEPT, NO_RUN, SIGNALS_KEPT, KeyKept, Question, ResultCached, SignalKept


class Shelf:
    """All that belongs to no run alone; changed by `Changes` only, when a unit is accepted."""

    def __init__(self) -> None:
        self.signals: dict[str, SignalKept] = {}  # by id, the oldest first
        self.known: set[str] = set()  # ids of signals, of those that were taken, too
        self.results: dict[str, ResultCached] = {}
        self.keys: dict[str, KeyKept] = {}

    def key(self, key: str, now: datetime) -> KeyKept | None:
        """Return a key that still stands for what was done."""
        found = self.keys.get(key)
        return found if found is not None and found.at > now - KEYS_KEPT else None

    def result(self, key: str, now: datetime) -> ResultCached | None:
        """Return a result that is not expired."""
        found = self.results.get(key)
        is_fresh = found is not None and (found.expires_at is None or found.expires_at > now)
        return found if is_fresh else None


class Changes:
    """What a unit changes on the shelf; a refused unit's changes are simply never made."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._signals: dict[str, SignalKept] = {}
        self._taken: set[str] = set()
        self._results: dict[str, ResultCached] = {}
        self._keys: dict[str, KeyKept] = {}

    def has_key(self, kept: KeyKept) -> bool:
        """Tell whether a key stands for something already."""
        return kept.key in self._keys or self._shelf.key(kept.key, kept.at) is not None

    def add_key(self, kept: KeyKept) -> None:
        """Keep a key."""
        self._keys[kept.key] = kept

    def add_result(self, cached: ResultCached) -> None:
        """Keep a result."""
        self._results[cached.key] = cached

    def add_signal(self, signal: SignalKept) -> None:
        """Keep a signal; raises `JournalError` when there is one of its id."""
        if signal.id in self._shelf.known or signal.id in self._signals:
            raise JournalError("there is a signal of this id already")
        self._signals[signal.id] = signal

    def answered(self, question: Question) -> Question:
        """Answer a question with the oldest signal that is kept for it, if there is one."""
        for signal in (*self._shelf.signals.values(), *self._signals.values()):
            if signal.id not in self._taken and _is_for(signal, question):
                self._taken.add(signal.id)
                return replace(question, answered_at=question.asked_at, answer=signal.data)
        return question

    def make(self) -> None:
        """Make the changes."""
        shelf = self._shelf
        shelf.known.update(self._signals)
        shelf.signals.update(self._signals)
        for taken in self._taken:
            del shelf.signals[taken]
        shelf.results.update(self._results)
        shelf.keys.update(self._keys)


def _is_for(signal: SignalKept, question: Question) -> bool:
    if signal.run_id == NO_RUN:
        return question.is_answered_by(signal) and signal.at > question.asked_at - SIGNALS_KEPT
    return signal.run_id == question.run_id and question.is_answered_by(signal)
