"""In-memory twins of the ports: for tests, previews and whoever needs no durability; they obey the same exams."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from translator.planning.plan import Plan
from workflows.applying import Entry, Refusal, applied
from workflows.errors import JournalError, StepError, UnknownArtifact, UnknownPlan, UnknownRun, UnknownSecret
from workflows.following import Followers
from workflows.ports import UPLOADS, Artifact, ToolCall
from workflows.records import (
    NO_RUN,
    ArtifactStored,
    CancelRequested,
    Event,
    History,
    KeyKept,
    Question,
    QuestionAnswered,
    QuestionAsked,
    Record,
    ResultCached,
    RunCreated,
    RunMoved,
    RunRetried,
    SignalKept,
)
from workflows.run import RunId
from workflows.shelving import Changes, Shelf
from workflows.usage import NOTHING, Usage

Json = Any
_CALLERS_RUN: ContextVar[RunId | None] = ContextVar("callers_run", default=None)
"""The run of which a task last recorded something: the one whose trouble its `durable()` tells."""


class MemoryJournal:
    """Journal, event log and cache of results in one; a record is as durable as the process the moment it is queued."""

    def __init__(self) -> None:
        self._entries: dict[RunId, Entry] = {}
        self._holes: dict[RunId, str] = {}  # per run, why a record that nobody waited for is missing
        self._shelf = Shelf()
        self._followers = Followers()
        self._observers: list[Callable[[tuple[Record, ...]], None]] = []

    def observe(self, observer: Callable[[tuple[Record, ...]], None]) -> None:
        """Call `observer` with the records of each unit."""
        self._observers.append(observer)

    def observe_recovery(self, observer: Callable[[], None]) -> None:
        """Do nothing: memory can always be written."""

    def append(self, *records: Record) -> None:
        """Record a unit; when it cannot be, nothing more of its run is recorded."""
        run_id = _begun(records)
        if run_id in self._holes:
            return
        try:
            self._write(records)
        except Refusal:
            self._holes[run_id] = f"refused: {', '.join(type(record).__name__ for record in records)}"
        except JournalError as error:
            self._holes[run_id] = error.message

    async def commit(self, *records: Record) -> bool:
        """Record a unit; False when a guarded record was refused."""
        self._raise_if_missing(_begun(records))
        try:
            self._write(records)
        except Refusal:
            return False
        return True

    async def durable(self) -> None:
        """Tell whether a record of the caller's run is missing; there is nothing to wait for."""
        run_id = _CALLERS_RUN.get()
        if run_id is not None:
            self._raise_if_missing(run_id)

    async def reopen(self, run_id: RunId) -> None:
        """Take the records of a run again of which one is missing."""
        self._holes.pop(run_id, None)

    async def kept(self, key: str) -> KeyKept | None:
        """Return what a request with this key was answered in the last 24 hours."""
        return self._shelf.key(key, datetime.now(UTC))

    async def get(self, key: str, now: datetime) -> Json | None:
        """Return the result that was cached last under a key, unless it is expired."""
        found = self._shelf.result(key, now)
        return found.kept if found is not None else None

    async def history(self, run_id: RunId) -> History:
        """Return all that is recorded of a run."""
        entry = self._entry(run_id)
        return History(
            run=entry.run,
            steps=tuple({(one.step, one.visit, one.task, one.try_number): one for one in entry.steps}.values()),
            questions=tuple(entry.questions.values()),
            expansions=tuple({(one.step, one.visit): one for one in entry.expansions}.values()),
            last_seq=len(entry.events),
            kept_bytes=_sizes(self.artifacts(run_id)),
        )

    async def used_since(self, since: datetime, spec: str | None = None) -> Usage:
        """Return what steps that started since then have used, of runs of a spec or of all."""
        used = NOTHING
        for run_id, entry in self._entries.items():
            if spec in {None, entry.run.spec_name}:
                tries = (await self.history(run_id)).steps
                used = sum((one.usage for one in tries if one.usage and one.started_at >= since), used)
        return used

    async def used_by_family(self, run_id: RunId) -> Usage:
        """Return what a run has used, together with all runs that it started, and those that they did."""
        tries = (await self.history(run_id)).steps
        used = sum((one.usage for one in tries if one.usage), NOTHING)
        for child, entry in self._entries.items():
            if entry.run.parent == run_id:
                used += await self.used_by_family(child)
        return used

    async def question(self, run_id: RunId, interrupt_id: str) -> Question | None:
        """Return a question as it is recorded now."""
        entry = self._entries.get(run_id)
        return entry.questions.get(interrupt_id) if entry is not None else None

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]:
        """Return events with a seq over `after`, in order, at most `limit`."""
        events, _ = await self._read_page(run_id, after, limit)
        return events

    def follow(self, run_id: RunId, after: int) -> AsyncGenerator[Event]:
        """Yield the events after `after`, then each new one; ends after the run's last event."""
        return self._followers.follow(run_id, after, self._read_page)

    def artifacts(self, run_id: RunId) -> tuple[ArtifactStored, ...]:
        """Return what a run keeps; raises `UnknownRun`."""
        return tuple({one.path: one for one in self._entry(run_id).artifacts}.values())

    def _raise_if_missing(self, run_id: RunId) -> None:
        if run_id in self._holes:
            raise JournalError(self._holes[run_id])

    def _entry(self, run_id: RunId) -> Entry:
        if run_id not in self._entries:
            raise UnknownRun
        return self._entries[run_id]

    async def _read_page(self, run_id: RunId, after: int, limit: int) -> tuple[tuple[Event, ...], bool]:
        entry = self._entries.get(run_id)
        if entry is None:
            return (), True
        return entry.events.part(max(after, 0), max(after, 0) + limit), entry.run.status.is_final

    def _write(self, records: tuple[Record, ...]) -> None:
        run_id = _run_id_of(records[0])
        before = self._entries.get(run_id)
        entry, changes = before, Changes(self._shelf)
        for record in records:
            if isinstance(record, RunCreated):
                if entry is not None:
                    raise JournalError("there is a run of this id already")
                entry = Entry(record.run)
            elif entry is not None:
                entry = applied(record, entry)
            elif run_id != NO_RUN:
                raise _missing(record)
            entry = self._shelved(record, entry, changes)
        changes.make()
        if entry is not None:
            self._entries[run_id] = entry
            self._followers.announce(entry.events.part(len(before.events) if before else 0))
        for observer in self._observers:
            observer(records)

    def _shelved(self, record: Record, entry: Entry | None, changes: Changes) -> Entry | None:
        """Note what a record changes of what belongs to no run alone, and return its run; raises `Refusal`."""
        if isinstance(record, KeyKept):
            if changes.has_key(record):
                raise Refusal
            changes.add_key(record)
        elif isinstance(record, ResultCached):
            changes.add_result(record)
        elif isinstance(record, SignalKept):
            entries = self._entries.values() if entry is None else (entry,)
            if any(_is_awaited(record, one) for one in entries):
                raise Refusal
            changes.add_signal(record)
        elif isinstance(record, QuestionAsked) and record.kind == "signal" and entry is not None:
            question = changes.answered(entry.questions[record.interrupt_id])
            return replace(entry, questions={**entry.questions, record.interrupt_id: question})
        return entry


def _sizes(artifacts: Iterable[ArtifactStored]) -> dict[str, int]:
    """Return how many bytes each step keeps."""
    found: dict[str, int] = {}
    for one in artifacts:
        found[one.step] = found.get(one.step, 0) + one.bytes
    return found


def _run_id_of(record: Record) -> RunId:
    return record.run.id if isinstance(record, RunCreated) else record.run_id


def _is_awaited(signal: SignalKept, entry: Entry) -> bool:
    return not entry.run.status.is_final and any(one.is_answered_by(signal) for one in entry.questions.values())


def _begun(records: tuple[Record, ...]) -> RunId:
    """Return the run of a unit, and note that the caller records something of it."""
    run_id = _run_id_of(records[0])
    _CALLERS_RUN.set(run_id)
    return run_id


def _missing(record: Record) -> Exception:
    """Return what a record of an unknown run leads to: a guard that does not hold, or a mistake."""
    is_guarded = isinstance(record, RunMoved | RunRetried | CancelRequested | QuestionAnswered | SignalKept)
    return Refusal() if is_guarded else JournalError("there is no run of this id")


class MemoryPlans:
    """Plans by digest."""

    def __init__(self, plans: Iterable[Plan] = ()) -> None:
        self._plans = {plan.digest: plan for plan in plans}

    async def put(self, plan: Plan, at: object = None) -> None:
        """Keep a plan; a plan that is there already stays as it is."""
        del at
        self._plans.setdefault(plan.digest, plan)

    async def get(self, digest: str) -> Plan:
        """Return a plan; raises `UnknownPlan`."""
        if digest not in self._plans:
            raise UnknownPlan
        return self._plans[digest]


class MemoryArtifacts:
    """Artifacts in memory; the work directories lie under a folder, since stages need real ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}

    def work_directory(self, run_id: RunId) -> Path:
        """Return the directory in which the run's stages work; it exists."""
        path = self._folder / _safe(run_id) / "work"
        path.mkdir(parents=True, exist_ok=True)
        return path

    async def put(self, run_id: RunId, path: str, content: bytes, media_type: str) -> Artifact:
        """Keep bytes under a path."""
        for part in path.split("/"):
            _safe(part)
        return self._keep(run_id, path, content, media_type)

    async def register(self, run_id: RunId, file: Path) -> Artifact:
        """Take a file of the work directory as an artifact."""
        work = self.work_directory(run_id).resolve()
        real = (work / file).resolve()
        if not real.is_relative_to(work) or not real.is_file():
            raise UnknownArtifact
        return self._keep(run_id, real.relative_to(work).as_posix(), real.read_bytes(), "application/octet-stream")

    def upload(self, content: bytes) -> str:
        """Keep bytes that belong to no run, and return their URI."""
        uri = f"{UPLOADS}{hashlib.sha256(content).hexdigest()}"
        self._kept[uri] = content
        return uri

    async def read(self, uri: str) -> bytes:
        """Return the bytes; raises `UnknownArtifact`."""
        if uri not in self._kept:
            raise UnknownArtifact
        return self._kept[uri]

    async def path_of(self, uri: str) -> Path:
        """Return a local file with the bytes, only to be read; raises `UnknownArtifact`."""
        content = await self.read(uri)
        path = self._folder / "files" / hashlib.sha256(uri.encode()).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def _keep(self, run_id: RunId, path: str, content: bytes, media_type: str) -> Artifact:
        uri = f"specloom://runs/{run_id}/artifacts/{path}"
        self._kept[uri] = content
        return Artifact(uri, path, len(content), hashlib.sha256(content).hexdigest(), media_type)


def _safe(part: str) -> str:
    if part in ("", ".", "..") or "/" in part or "\\" in part or "\0" in part:
        raise UnknownArtifact
    return part


class MemoryTools:
    """Tools that are async functions of this process, by name."""

    def __init__(self, functions: Mapping[str, Callable[[ToolCall], Awaitable[Json]]]) -> None:
        self._functions = dict(functions)
        self.calls: list[ToolCall] = []

    async def call(self, call: ToolCall) -> Json:
        """Return the function's result; raises `StepError` for an unknown tool."""
        self.calls.append(call)
        function = self._functions.get(call.binding.name)
        if function is None:
            raise StepError(f"there is no tool {call.binding.name}", error_name="unavailable")
        return await function(call)


class MemorySecrets:
    """Secrets that are known already."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def value(self, name: str) -> str:
        """Return the value; raises `UnknownSecret`."""
        if name not in self._values:
            raise UnknownSecret
        return self._values[name]
