"""A run, what it may become next, and the one table that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

Json = Any
RunId = NewType("RunId", str)
"""Names a run; the same text is LangGraph's `thread_id`."""


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Tell whether a run stays as it is, unless somebody retries it."""
        return self in {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}


ALLOWED_MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.FAILED}),
    RunStatus.RUNNING: frozenset(
        {RunStatus.WAITING, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.QUEUED}
    ),
    RunStatus.WAITING: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED, RunStatus.FAILED}),
    RunStatus.SUCCEEDED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}
"""From each status, the statuses that a run may move to. `running → queued` is a drain or a takeover.

A final status is left in one way only: `RunRetried` queues a run again that is over.
"""

RETRIED_FROM = frozenset({RunStatus.FAILED, RunStatus.CANCELLED})
"""The statuses from which a run may be retried."""

RERUN_FROM = RETRIED_FROM | {RunStatus.SUCCEEDED}
"""The statuses from which a part of a run may be run again."""


def sources_of(target: RunStatus) -> frozenset[RunStatus]:
    """Return the statuses from which a run may move to `target`."""
    return frozenset(source for source, targets in ALLOWED_MOVES.items() if target in targets)


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run or a step failed: a stable name, a text for people, and where it happened."""

    name: str  # kebab-case: "stage-failed", "step-limit", a name given to `fail` …
    message: str
    code: str | None = None  # of the problem kinds that have one
    node: str | None = None
    attempt: int | None = None  # in which the step failed
    log_uri: str | None = None  # where the captured output of the step lies
    cause: RunError | None = None  # what failed below or before: the first item, what a `catch` had taken

    def as_json(self) -> dict[str, Json]:
        """Return the form that the API gives."""
        return {
            "name": self.name,
            "message": self.message,
            "code": self.code,
            "node": self.node,
            "attempt": self.attempt,
            "log_uri": self.log_uri,
            "cause": self.cause.as_json() if self.cause else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> RunError:
        """Read what `as_json` wrote."""
        cause = value.get("cause")
        return cls(
            name=value["name"],
            message=value["message"],
            code=value.get("code"),
            node=value.get("node"),
            attempt=value.get("attempt"),
            log_uri=value.get("log_uri"),
            cause=cls.from_json(cause) if cause else None,
        )


@dataclass(frozen=True, slots=True)
class Fork:
    """From where a run was forked, and what was changed there."""

    run: RunId
    step: str
    visit: int = 1  # which arrival at the step, from 1
    taken: int = 0  # steps whose records were taken over
    sets: Mapping[str, Json] = field(default_factory=dict[str, Json])  # channels of the workflow that the step is in
    inputs: tuple[str, ...] = ()  # names of the inputs that were changed
    read_before: tuple[str, ...] = ()  # steps that were taken over, and had read such an input as it was
    after: tuple[str, str] | None = None  # step and visit behind which the state is changed; None: as `enters` begins
    enters: tuple[str, str, str] = ("", "", "")  # prefix, block and path of a map of nodes; empty: the run's own

    def as_json(self) -> dict[str, Json]:
        """Return the form that is recorded."""
        return {
            "run": self.run,
            "step": self.step,
            "visit": self.visit,
            "taken": self.taken,
            "sets": dict(self.sets),
            "inputs": list(self.inputs),
            "read_before": list(self.read_before),
            "after": list(self.after) if self.after else None,
            "enters": list(self.enters),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Fork:
        """Read what `as_json` wrote."""
        return cls(
            run=value["run"],
            step=value["step"],
            visit=value["visit"],
            taken=value["taken"],
            sets=value["sets"],
            inputs=tuple(value["inputs"]),
            read_before=tuple(value["read_before"]),
            after=(value["after"][0], value["after"][1]) if value["after"] else None,
            enters=(value["enters"][0], value["enters"][1], value["enters"][2]),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a plan from start to end, pauses included."""

    id: RunId
    spec_name: str
    spec_revision: int
    spec_digest: str
    plan_digest: str
    inputs: Mapping[str, Json]
    created_at: datetime
    status: RunStatus = RunStatus.QUEUED
    spec_version: str | None = None
    outputs: Json = None
    error: RunError | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    priority: int = 0
    attempt: int = 0  # number of the newest attempt, from 1; 0 before the first
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested: bool = False
    retried_after: int = 0  # what attempts up to this number failed in is tried afresh
    retried_at: datetime | None = None
    parent: RunId | None = None  # the run that started this one, and shares its limits with it
    policies: tuple[Mapping[str, Json], ...] = ()  # revisions that were in force: {name, revision, digest}
    forked_from: Fork | None = None
    traceparent: str | None = None  # the span of the caller that the run belongs below

    @property
    def patch(self) -> Fork | None:
        """Return the fork that this run is when it has changed the state where it began."""
        return self.forked_from if self.forked_from and self.forked_from.sets else None

    def retried(self, at: datetime) -> Run:
        """Return the run as it is queued again, after it failed or was cancelled."""
        return replace(
            self,
            status=RunStatus.QUEUED,
            outputs=None,
            error=None,
            finished_at=None,
            cancel_requested=False,
            retried_after=self.attempt,
            retried_at=at,
        )
