"""What the engine needs from outside, one port per need; `memory.py` has the in-memory twins.

The ports given to an engine are bound to one tenant already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from translator.planning.plan import Binding, Plan
from workflows.records import Event, History, KeyKept, Question, Record
from workflows.run import RunId
from workflows.usage import Usage

Json = Any
UPLOADS = "specloom://uploads/"
"""What the URI of an upload begins with; its digest follows."""


class Journal(Protocol):
    """The one door through which runs, steps, questions and events become durable.

    Records are written in the order in which they were queued. The records of one call are a unit: all of them are
    written, or, when a guarded one is refused, none.
    """

    def append(self, *records: Record) -> None:
        """Queue a unit without waiting.

        When it is refused or fails, a record of the run is missing: from then on nothing more of the run is written,
        and `durable()` and `commit()` say so, until somebody calls `reopen()`.
        """
        ...

    async def commit(self, *records: Record) -> bool:
        """Queue a unit and wait until it is durable; False when a guarded record was refused.

        Raises `JournalError` when it could not be written.
        """
        ...

    async def durable(self) -> None:
        """Wait until all that this caller queued so far is durable; raises `JournalError` when it is not."""
        ...

    async def reopen(self, run_id: RunId) -> None:
        """Wait until records can be written, and take those of a run again of which one is missing.

        For whoever is about to execute the run again from its history. Raises `JournalError` when nothing will ever
        be written any more.
        """
        ...

    async def kept(self, key: str) -> KeyKept | None:
        """Return what a request with this key was answered; None when there was none in the last 24 hours."""
        ...

    async def history(self, run_id: RunId) -> History:
        """Return all that is recorded of a run; raises `UnknownRun`."""
        ...

    async def question(self, run_id: RunId, interrupt_id: str) -> Question | None:
        """Return a question as it is recorded now, what is queued included; None when there is none."""
        ...


class EventLog(Protocol):
    """The run's transcript, to read and to follow."""

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]:
        """Return events with a seq over `after`, in order, at most `limit`."""
        ...

    def follow(self, run_id: RunId, after: int) -> AsyncGenerator[Event]:
        """Yield the events after `after`, then each new one once it is durable; ends after the run's last event."""
        ...


class ResultCache(Protocol):
    """Results that later calls may be given instead of calling; filled by `ResultCached` records."""

    async def get(self, key: str, now: datetime) -> Json | None:
        """Return what was kept last under a key, unless it is expired; None when there is nothing."""
        ...


class UsageTotals(Protocol):
    """What runs have used, as far as it is recorded."""

    async def used_since(self, since: datetime, spec: str | None = None) -> Usage:
        """Return what steps that started since then have used, of runs of a spec or of all."""
        ...

    async def used_by_family(self, run_id: RunId) -> Usage:
        """Return what a run has used, together with all runs that it started, and those that they did."""
        ...


class PlanStore(Protocol):
    """Plans by digest."""

    async def get(self, digest: str) -> Plan:
        """Return a stored plan; raises `UnknownPlan`."""
        ...


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes of a run, by URI."""

    uri: str  # specloom://runs/<run>/artifacts/<path>
    path: str
    bytes: int
    sha256: str
    media_type: str


class ArtifactStore(Protocol):
    """A run's private directory and the bytes that it keeps there; what was uploaded can be read by its URI, too."""

    def work_directory(self, run_id: RunId) -> Path:
        """Return the directory in which the run's stages work; it exists."""
        ...

    async def put(self, run_id: RunId, path: str, content: bytes, media_type: str) -> Artifact:
        """Keep bytes under a path, whole or not at all."""
        ...

    async def register(self, run_id: RunId, file: Path) -> Artifact:
        """Take a file of the work directory as an artifact, without copying it."""
        ...

    async def read(self, uri: str) -> bytes:
        """Return the bytes; raises `UnknownArtifact`."""
        ...

    async def path_of(self, uri: str) -> Path:
        """Return a local file with the bytes, only to be read; raises `UnknownArtifact`."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool of the catalog."""

    binding: Binding
    arguments: Mapping[str, Json]
    secrets: Mapping[str, str]  # parameter of the tool → name of a secret
    idempotency_key: str
    timeout_seconds: float | None
    run_id: RunId
    step: str
    traceparent: str | None = None  # of the span that the call is


class Tools(Protocol):
    """Calls tools: async ones on the loop, sync ones in a host."""

    async def call(self, call: ToolCall) -> Json:
        """Return the tool's JSON result; raises `StepError`s (`tool-failed`, `timeout`, `unavailable` …)."""
        ...


class Secrets(Protocol):
    """Values of secrets, for tools only."""

    def value(self, name: str) -> str:
        """Return the value; raises `UnknownSecret`."""
        ...
