"""Runs that an agent starts, watches and steers: the port, what is ordered, and what is told of a child run."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from translator.planning.plan import Plan
from workflows.run import Run, RunError, RunId, RunStatus

Json = Any
MOST_CHILDREN = 100
"""Runs that one run may have started and that are not over."""


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """A run to be started by another one; the same order again means the same run."""

    id: RunId  # as `child_id` makes it
    parent: Run
    plan: Plan  # pinned when the parent was planned, with all that it calls
    inputs: Mapping[str, Json]
    traceparent: str | None = None  # of the span that the call is


@dataclass(frozen=True, slots=True)
class ChildRun:
    """How a child run stands."""

    id: RunId
    spec: str
    version: str  # as declared; else "r" and the revision
    status: RunStatus
    outputs: Json = None
    error: RunError | None = None
    waits_for: tuple[str, ...] = ()  # titles of questions to people, names of signals

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.status.is_final

    def as_json(self) -> dict[str, Json]:
        """Return what an agent is told of it."""
        shown: dict[str, Json] = {"task": self.id, "workflow": self.spec, "status": self.status.value}
        if self.status is RunStatus.SUCCEEDED:
            shown["outputs"] = self.outputs
        if self.error is not None:
            shown["error"] = {"name": self.error.name, "message": self.error.message}
        if self.waits_for and not self.is_over:
            shown["waits_for"] = list(self.waits_for)
        return shown


class ChildRuns(Protocol):
    """Starts and steers runs that other runs have started.

    Whoever answers this also ends the children of a run that is over, and answers questions of the kind `run` when the
    run that is their key has ended.
    """

    async def start(self, order: ChildOrder) -> ChildRun:
        """Start a run, or return the one that this order has started; raises `StepError` with what is wrong."""
        ...

    async def look(self, parent: RunId, child: RunId) -> ChildRun:
        """Return how a child stands; raises `UnknownRun` for a run that this one has not started."""
        ...

    async def of(self, parent: RunId) -> tuple[ChildRun, ...]:
        """Return all children of a run, the oldest first."""
        ...

    async def settle(self, child: RunId, seconds: float) -> None:
        """Wait until a run is over or waits itself, or until the time is up."""
        ...

    async def signal(self, child: RunId, name: str, data: Json, key: str | None, once: str) -> None:
        """Send a signal, once for the key `once`; raises `StepError` with what is wrong."""
        ...

    async def cancel(self, child: RunId) -> None:
        """Ask a run to stop; nothing happens to one that is over."""
        ...


def child_id(key: str, at: datetime) -> RunId:
    """Return the id of the run that a call with this idempotency key starts: a UUIDv7 of the moment of the call.

    It is worked out, not drawn, so that a call which a crash has cut off starts the same run again: that is, none.
    """
    random = int.from_bytes(hashlib.sha256(key.encode()).digest()[:10], "big")
    value = int(at.timestamp() * 1000) << 80 | random
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return RunId(str(uuid.UUID(int=value)))
