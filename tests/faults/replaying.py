"""What a run's transcript says of the run: replayed event by event, it must give what is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workflows.run import ALLOWED_MOVES, RERUN_FROM, RETRIED_FROM, RunStatus

Json = Any
_STATUS_AFTER = {
    "run.started": RunStatus.RUNNING,
    "run.waiting": RunStatus.WAITING,
    "run.resumed": RunStatus.QUEUED,
    "run.drained": RunStatus.QUEUED,
    "run.retried": RunStatus.QUEUED,
    "run.rerun": RunStatus.QUEUED,
    "run.succeeded": RunStatus.SUCCEEDED,
    "run.failed": RunStatus.FAILED,
    "run.cancelled": RunStatus.CANCELLED,
}


class OutOfOrder(AssertionError):
    """An event tells of a move that the table of allowed moves does not have."""


@dataclass(frozen=True)
class Replayed:
    """A run as its transcript tells it."""

    status: str
    outputs: Json
    error: Json
    attempts: int


def replayed(events: Iterable[Json]) -> Replayed:
    """Return the run that a transcript tells of; raises `OutOfOrder`."""
    status, outputs, error, attempts = None, None, None, 0
    for event in events:
        kind, data = event["type"], event["data"]
        if kind == "run.queued" and status is None:
            status = RunStatus.QUEUED
        elif kind in _STATUS_AFTER:
            _check(status, kind, event)
            status = _STATUS_AFTER[kind]
            outputs = data["outputs"] if status is RunStatus.SUCCEEDED else None
            error = data["error"] if status is RunStatus.FAILED else None
        attempts = max(attempts, event["attempt"])
    assert status is not None, "a transcript begins with run.queued"
    return Replayed(status.value, outputs, error, attempts)


def _check(before: RunStatus | None, kind: str, event: Json) -> None:
    after = _STATUS_AFTER[kind]
    if before is None:
        is_allowed = False
    elif kind == "run.retried":
        is_allowed = before in RETRIED_FROM
    elif kind == "run.rerun":
        is_allowed = before in RERUN_FROM
    elif kind == "run.started":  # a claim has no event of its own, and a recovery finds the run running
        is_allowed = before in {RunStatus.QUEUED, RunStatus.RUNNING}
    elif before is RunStatus.QUEUED:  # claimed meanwhile, or closed while it was queued
        is_allowed = after in ALLOWED_MOVES[RunStatus.QUEUED] | ALLOWED_MOVES[RunStatus.RUNNING]
    else:
        is_allowed = after in ALLOWED_MOVES[before]
    if not is_allowed:
        raise OutOfOrder(f"{before} does not lead to {kind}: {event}")
