"""How values lie in columns: times as sortable text, JSON as compact text, rows as domain objects."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any, overload

from workflows.records import ArtifactStored, Event, ExpansionRecorded, KeyKept, Question, StepExecution, StepStatus
from workflows.run import Fork, Run, RunError, RunId, RunStatus
from workflows.usage import ONE_TOOL_CALL, Usage

Json = Any
DEFAULT_TENANT = "default"
_ONE_TOOL_CALL = '{"tool_calls":1}'
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode
"""Made once: `json.dumps` makes one for each value. Values are trees, whoever they come from."""


@overload
def time_text(at: datetime) -> str: ...
@overload
def time_text(at: datetime | None) -> str | None: ...
def time_text(at: datetime | None) -> str | None:
    """Write a time in UTC with microseconds, so that texts sort like times."""
    if at is None:
        return None
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat() if at.microsecond else at.isoformat(timespec="microseconds")


def read_time(text: str | None) -> datetime | None:
    """Read what `time_text` wrote."""
    return datetime.fromisoformat(text) if text is not None else None


def json_text(value: Json) -> str:
    """Write JSON; raises ValueError for what is no JSON."""
    return _encode(value)


def optional_json_text(value: Json) -> str | None:
    """Write JSON, nothing for null: both read as None again."""
    return None if value is None else json_text(value)


def read_json(text: str | None) -> Json:
    """Read what `json_text` wrote."""
    return None if text is None else json.loads(text)


def error_text(error: RunError | None) -> str | None:
    """Write an error."""
    return None if error is None else json_text(error.as_json())


def usage_text(usage: Usage | None) -> str | None:
    """Write what was used."""
    if usage is None or usage is ONE_TOOL_CALL:  # by far the most
        return None if usage is None else _ONE_TOOL_CALL
    return json_text(usage.as_json())


def _usage(text: str | None) -> Usage | None:
    return None if text is None else Usage.from_json(json.loads(text))


def _error(text: str | None) -> RunError | None:
    return None if text is None else RunError.from_json(json.loads(text))


def run_of(row: sqlite3.Row) -> Run:
    """Read a row of `run`."""
    return Run(
        id=RunId(row["id"]),
        spec_name=row["spec_name"],
        spec_revision=row["spec_revision"],
        spec_version=row["spec_version"],
        spec_digest=row["spec_digest"],
        plan_digest=row["plan_digest"],
        status=RunStatus(row["status"]),
        inputs=read_json(row["inputs"]),
        outputs=read_json(row["outputs"]),
        error=_error(row["error"]),
        labels=read_json(row["labels"]),
        priority=row["priority"],
        attempt=row["attempt"],
        cancel_requested=bool(row["cancel_requested"]),
        retried_after=row["retried_after"],
        retried_at=read_time(row["retried_at"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        started_at=read_time(row["started_at"]),
        finished_at=read_time(row["finished_at"]),
        forked_from=Fork.from_json(read_json(row["forked_from"])) if row["forked_from"] else None,
        traceparent=row["traceparent"],
        policies=tuple(read_json(row["policies"]) or ()),
        parent=RunId(row["parent"]) if row["parent"] else None,
    )


def step_of(row: sqlite3.Row) -> StepExecution:
    """Read a row of `step_execution`."""
    return StepExecution(
        run_id=RunId(row["run_id"]),
        step=row["step"],
        visit=row["visit"],
        task=row["task"],
        try_number=row["try_number"],
        name=row["name"],
        status=StepStatus(row["status"]),
        attempt=row["attempt"],
        started_at=datetime.fromisoformat(row["started_at"]),
        finished_at=read_time(row["finished_at"]),
        idempotency_key=row["idempotency_key"],
        arguments=read_json(row["arguments"]),
        result=read_json(row["result"]),
        saves=read_json(row["saves"]),
        goto=row["goto"],
        error=_error(row["error"]),
        log_uri=row["log_uri"],
        usage=_usage(row["usage"]),
    )


def question_of(row: sqlite3.Row) -> Question:
    """Read a row of `question`."""
    return Question(
        run_id=RunId(row["run_id"]),
        interrupt_id=row["interrupt_id"],
        step=row["step"],
        visit=row["visit"],
        title=row["title"],
        show=read_json(row["show"]),
        schema=read_json(row["schema"]),
        assignees=tuple(read_json(row["assignees"])),
        asked_at=datetime.fromisoformat(row["asked_at"]),
        expires_at=read_time(row["expires_at"]),
        description=row["description"],
        answered_at=read_time(row["answered_at"]),
        answer=read_json(row["answer"]),
        has_expired=bool(row["has_expired"]),
        is_taken=bool(row["is_taken"]),
        kind=row["kind"],
        signal=row["signal"],
        key=row["key"],
    )


def expansion_of(row: sqlite3.Row) -> ExpansionRecorded:
    """Read a row of `expansion`."""
    at = datetime.fromisoformat(row["recorded_at"])
    body = read_json(row["body"])
    return ExpansionRecorded(RunId(row["run_id"]), row["step"], row["visit"], row["digest"], body, at)


def artifact_of(row: sqlite3.Row) -> ArtifactStored:
    """Read a row of `artifact`."""
    return ArtifactStored(
        run_id=RunId(row["run_id"]),
        path=row["path"],
        bytes=row["bytes"],
        sha256=row["sha256"],
        media_type=row["media_type"],
        step=row["step"],
        at=datetime.fromisoformat(row["stored_at"]),
    )


def key_of(row: sqlite3.Row) -> KeyKept:
    """Read a row of `idempotency`."""
    return KeyKept(
        run_id=RunId(row["run_id"]),
        key=row["key"],
        door=row["door"],
        body_digest=row["body_digest"],
        status=row["status"],
        answer=read_json(row["answer"]),
        at=datetime.fromisoformat(row["created_at"]),
    )


def event_of(row: sqlite3.Row) -> Event:
    """Read a row of `event`."""
    return Event(
        run_id=RunId(row["run_id"]),
        seq=row["seq"],
        type=row["type"],
        at=datetime.fromisoformat(row["at"]),
        node=row["node"],
        attempt=row["attempt"],
        data=read_json(row["data"]),
    )
