"""What each record changes of what is known of its run: the rules of the in-memory journal, one per kind of record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import singledispatch
from itertools import islice
from typing import Generic, TypeVar

from workflows.errors import JournalError
from workflows.records import (
    AnswerTaken,
    ArtifactStored,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    EventRecorded,
    ExpansionRecorded,
    KeyKept,
    PoliciesApplied,
    Question,
    QuestionAnswered,
    QuestionAsked,
    Record,
    ResultCached,
    RunMoved,
    RunRetried,
    SignalKept,
    StepExecution,
)
from workflows.run import RERUN_FROM, RETRIED_FROM, Run, RunStatus, sources_of

T = TypeVar("T")
_ASKED = tuple(one.name for one in fields(QuestionAsked))


class Log(Generic[T]):
    """A list that never changes, with cheap longer ones: what a log and its longer ones share is kept once.

    Only the longest one grows in place; to add to another one copies it.
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: list[T] | None = None) -> None:
        self._items: list[T] = items if items is not None else []
        self._length = len(self._items)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return islice(self._items, self._length)

    def plus(self, item: T) -> Log[T]:
        """Return the log with one more item."""
        items = self._items if len(self._items) == self._length else self._items[: self._length]
        items.append(item)
        return Log(items)

    def part(self, start: int, end: int | None = None) -> tuple[T, ...]:
        """Return the items from `start` on and before `end`, both counted from 0."""
        return tuple(self._items[start : self._length if end is None else min(end, self._length)])


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is recorded of one run; every change makes a new entry, so that a refused unit leaves no trace."""

    run: Run
    steps: Log[StepExecution] = field(default_factory=Log[StepExecution])  # starts and ends of tries, as they came
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])
    expansions: Log[ExpansionRecorded] = field(default_factory=Log[ExpansionRecorded])
    artifacts: Log[ArtifactStored] = field(default_factory=Log[ArtifactStored])
    attempts: frozenset[int] = frozenset()
    events: Log[Event] = field(default_factory=Log[Event])


class Refusal(Exception):
    """A guarded record does not hold."""


@singledispatch
def applied(record: Record, entry: Entry) -> Entry:
    """Return the entry with a record in it; raises `Refusal` when its guard does not hold."""
    message = f"no rule for {type(record).__name__} of {entry.run.id}"
    raise TypeError(message)


@applied.register
def _(record: RunMoved, entry: Entry) -> Entry:
    run = entry.run
    has_news = any(one.answered_at is not None and not one.is_taken for one in entry.questions.values())
    sources = sources_of(record.to) & ({record.only_from} if record.only_from else set(RunStatus))
    if run.status not in sources or (record.unless_answered and has_news):
        raise Refusal
    changed = replace(run, status=record.to)
    if record.to is RunStatus.RUNNING and run.started_at is None:
        changed = replace(changed, started_at=record.at)
    if record.to.is_final:
        changed = replace(changed, finished_at=record.at, outputs=record.outputs, error=record.error)
    return replace(entry, run=changed)


@applied.register
def _(record: RunRetried, entry: Entry) -> Entry:
    run = entry.run
    if run.status not in (RERUN_FROM if record.is_rerun else RETRIED_FROM):
        raise Refusal
    kept = {name: one for name, one in entry.questions.items() if not _is_asked_anew(one)}
    return replace(entry, run=run.retried(record.at), questions=kept)


@applied.register
def _(_record: CancelRequested, entry: Entry) -> Entry:
    if entry.run.status.is_final:
        raise Refusal
    return replace(entry, run=replace(entry.run, cancel_requested=True))


@applied.register
def _(record: AttemptStarted, entry: Entry) -> Entry:
    if record.number in entry.attempts:
        raise JournalError("there is an attempt of this number already")
    run = replace(entry.run, attempt=record.number)
    return replace(entry, run=run, attempts=entry.attempts | {record.number})


@applied.register
def _(_record: AttemptEnded, entry: Entry) -> Entry:
    return entry


@applied.register
def _(record: StepExecution, entry: Entry) -> Entry:
    return replace(entry, steps=entry.steps.plus(record))


@applied.register
def _(record: QuestionAsked, entry: Entry) -> Entry:
    known = entry.questions.get(record.interrupt_id)
    if known is not None and not (known.kind == record.kind == "poll" and known.is_taken):
        return entry  # a resumed step asks again what it asked already
    question = Question(**{name: getattr(record, name) for name in _ASKED})
    return replace(entry, questions={**entry.questions, record.interrupt_id: question})


@applied.register
def _(record: QuestionAnswered, entry: Entry) -> Entry:
    question = entry.questions.get(record.interrupt_id)
    if question is None or not question.is_open:
        raise Refusal
    closed = replace(question, answered_at=record.at, answer=record.answer, has_expired=record.has_expired)
    return replace(entry, questions={**entry.questions, record.interrupt_id: closed})


@applied.register
def _(record: AnswerTaken, entry: Entry) -> Entry:
    question = entry.questions.get(record.interrupt_id)
    if question is None:
        return entry
    return replace(entry, questions={**entry.questions, record.interrupt_id: replace(question, is_taken=True)})


@applied.register
def _(record: ExpansionRecorded, entry: Entry) -> Entry:
    return replace(entry, expansions=entry.expansions.plus(record))


@applied.register
def _(record: PoliciesApplied, entry: Entry) -> Entry:
    return replace(entry, run=replace(entry.run, policies=record.policies))


@applied.register
def _(record: ArtifactStored, entry: Entry) -> Entry:
    return replace(entry, artifacts=entry.artifacts.plus(record))


@applied.register
def _(record: EventRecorded, entry: Entry) -> Entry:
    seq = len(entry.events) + 1
    event = Event(record.run_id, seq, record.type, record.at, record.node, record.attempt, record.data)
    return replace(entry, events=entry.events.plus(event))


@applied.register
def _(_record: KeyKept | ResultCached, entry: Entry) -> Entry:
    return entry  # they belong to no run alone


@applied.register
def _(_record: SignalKept, entry: Entry) -> Entry:
    if entry.run.status.is_final:
        raise Refusal
    return entry  # signals lie on a shelf of their own


def _is_asked_anew(question: Question) -> bool:
    """Tell whether a retried run asks a question again: nobody answered it in time, or a kept signal may."""
    if question.kind in ("person", "signal") and question.has_expired:
        return True
    if question.kind == "signal":
        return question.is_open
    return question.has_expired and question.is_taken  # the clock's news that nobody has taken up still counts
