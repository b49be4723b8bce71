"""The rows of checkpoints and of what LangGraph's tasks wrote at them: how they are written, found and removed.

All SQL stands here, made of our own words only: filters that a caller gives are never part of it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from spec_service.storage.statement import Statement
from workflows.run import RETRIED_FROM


class CheckpointRow(NamedTuple):
    """A checkpoint as it is stored; `content` and `details` may be sealed."""

    thread_id: str
    namespace: str
    id: str
    parent_id: str | None
    run_id: str | None  # LangGraph's
    key_id: str | None
    format: str
    content: bytes
    details: bytes


class WriteRow(NamedTuple):
    """A value that a task wrote, as it is stored; `content` may be sealed."""

    thread_id: str
    namespace: str
    checkpoint_id: str
    task_id: str
    position: int
    task_path: str
    channel: str
    key_id: str | None
    format: str
    content: bytes


class Found(NamedTuple):
    """A checkpoint with what its tasks wrote, in the order in which LangGraph applies it."""

    checkpoint: CheckpointRow
    writes: tuple[WriteRow, ...]


class Wanted(NamedTuple):
    """Which checkpoints to list; None: any."""

    thread_id: str | None = None
    namespace: str | None = None
    id: str | None = None
    before: str | None = None  # an id
    after: tuple[str, str, str] | None = None  # id, thread and namespace of the last one of the page before


_CHECKPOINT = ", ".join(CheckpointRow._fields)
_WRITE = ", ".join(WriteRow._fields)
_AT = " WHERE tenant = ? AND thread_id = ? AND namespace = ?"
_PUT = f"INSERT OR REPLACE INTO checkpoint (tenant, {_CHECKPOINT}) VALUES ({', '.join('?' * 10)})"  # noqa: S608
_INTO_WRITES = f"INTO checkpoint_write (tenant, {_WRITE}) VALUES ({', '.join('?' * 11)})"
_REPLACE_WRITE, _ADD_WRITE = f"INSERT OR REPLACE {_INTO_WRITES}", f"INSERT OR IGNORE {_INTO_WRITES}"
_GET = f"SELECT {_CHECKPOINT} FROM checkpoint"  # noqa: S608 - our own words
_GET_WRITES = f"SELECT {_WRITE} FROM checkpoint_write{_AT} AND checkpoint_id = ? ORDER BY task_path, task_id, position"  # noqa: S608
_NEWER = (
    " AND EXISTS (SELECT 1 FROM checkpoint AS newer WHERE newer.tenant = {0}.tenant"
    " AND newer.thread_id = {0}.thread_id AND newer.namespace = {0}.namespace AND newer.id > {0}.{1})"
)
_NOT_RETRIED_FROM = (  # a visit is named after the checkpoint that a retry of it begins at
    " AND {0}.{1} NOT IN (SELECT visit FROM step_execution AS step WHERE step.tenant = {0}.tenant"
    " AND step.run_id = {0}.thread_id AND step.status NOT IN ('succeeded', 'skipped'))"
)
_FORGET = (
    "DELETE FROM checkpoint_write WHERE tenant = ? AND thread_id = ?",
    "DELETE FROM checkpoint WHERE tenant = ? AND thread_id = ?",
)
_PRUNE = (
    _FORGET[0] + _NEWER.format("checkpoint_write", "checkpoint_id"),
    _FORGET[1] + _NEWER.format("checkpoint", "id"),
)
_PRUNE_RETRYABLE = (
    _PRUNE[0] + _NOT_RETRIED_FROM.format("checkpoint_write", "checkpoint_id"),
    _PRUNE[1] + _NOT_RETRIED_FROM.format("checkpoint", "id") + " AND parent_id IS NOT NULL",
)
_IF_OVER = " AND EXISTS (SELECT 1 FROM run WHERE tenant = ? AND id = ? AND status = ? AND finished_at < ?)"
_OF_RUN = "SELECT thread_id, namespace, id FROM checkpoint WHERE tenant = ?1 AND run_id = ?2"
_FORGET_RUN = (
    f"DELETE FROM checkpoint_write WHERE tenant = ?1 AND (thread_id, namespace, checkpoint_id) IN ({_OF_RUN})",  # noqa: S608
    "DELETE FROM checkpoint WHERE tenant = ?1 AND run_id = ?2",
)
_OVER = (  # a cross join begins on the left, with what is still to be pruned, however many runs are over
    "SELECT DISTINCT run.id FROM checkpoint CROSS JOIN run"  # noqa: S608 - our own words
    " ON run.tenant = checkpoint.tenant AND run.id = checkpoint.thread_id"
    " WHERE checkpoint.tenant = ? AND checkpoint.parent_id IS NULL AND run.status = ? AND run.finished_at < ?"
    " AND EXISTS (SELECT 1 FROM checkpoint AS old WHERE old.tenant = run.tenant AND old.thread_id = run.id"
    + _NEWER.format("old", "id")
)
_OVER_ANY, _OVER_RETRYABLE = (
    f"{_OVER})",
    f"{_OVER}{_NOT_RETRIED_FROM.format('old', 'id')} AND old.parent_id IS NOT NULL)",
)
_UNFINISHED_KEYS = (
    "SELECT DISTINCT (SELECT COALESCE(key_id, '') FROM checkpoint WHERE tenant = run.tenant AND thread_id = run.id"
    " ORDER BY namespace, id DESC LIMIT 1) FROM run WHERE tenant = ? AND status IN ('queued', 'running', 'waiting')"
)


def put_checkpoint(tenant: str, row: CheckpointRow) -> Statement:
    """Return what stores a checkpoint."""
    return Statement(_PUT, (tenant, *row))


def put_write(tenant: str, row: WriteRow, *, replaces: bool) -> Statement:
    """Return what stores a value that a task wrote; one that does not replace leaves what was there first."""
    return Statement(_REPLACE_WRITE if replaces else _ADD_WRITE, (tenant, *row))


def forget_thread(tenant: str, thread_id: str) -> tuple[Statement, ...]:
    """Return what removes all checkpoints of a thread."""
    return tuple(Statement(sql, (tenant, thread_id)) for sql in _FORGET)


def forget_run(tenant: str, run_id: str) -> tuple[Statement, ...]:
    """Return what removes all checkpoints that carry LangGraph's id of a run."""
    return tuple(Statement(sql, (tenant, run_id)) for sql in _FORGET_RUN)


def keep_newest(tenant: str, thread_id: str) -> tuple[Statement, ...]:
    """Return what removes all checkpoints of a thread but the newest of each namespace."""
    return tuple(Statement(sql, (tenant, thread_id)) for sql in _PRUNE)


def keep_newest_if_over(tenant: str, run_id: str, status: str, before: str) -> tuple[Statement, ...]:
    """Return the same for a run, as long as it still has this status and ended before a time.

    A run that can be retried keeps as well what a retry begins at, however long ago it ended, and its first one, by
    which it is found when it has succeeded after all.
    """
    prune = _PRUNE_RETRYABLE if status in RETRIED_FROM else _PRUNE
    return tuple(Statement(sql + _IF_OVER, (tenant, run_id, tenant, run_id, status, before)) for sql in prune)


def read_over(connection: sqlite3.Connection, tenant: str, status: str, before: str, limit: int) -> list[str]:
    """Return runs of a status that ended before a time and have more checkpoints than they should keep."""
    over = _OVER_RETRYABLE if status in RETRIED_FROM else _OVER_ANY
    return [row[0] for row in connection.execute(f"{over} LIMIT ?", (tenant, status, before, limit))]


def read_unfinished_keys(connection: sqlite3.Connection, tenant: str) -> set[str | None]:
    """Return the ids of the keys that seal the newest checkpoints of unfinished runs; None: one is not sealed."""
    return {row[0] or None for row in connection.execute(_UNFINISHED_KEYS, (tenant,)) if row[0] is not None}


def read_one(
    connection: sqlite3.Connection, tenant: str, thread_id: str, namespace: str, checkpoint_id: str | None
) -> Found | None:
    """Return a checkpoint, the newest one when none is named."""
    key = (tenant, thread_id, namespace)
    if checkpoint_id is None:
        found = connection.execute(f"{_GET}{_AT} ORDER BY id DESC LIMIT 1", key).fetchone()
    else:
        found = connection.execute(f"{_GET}{_AT} AND id = ?", (*key, checkpoint_id)).fetchone()
    return None if found is None else _with_writes(connection, tenant, CheckpointRow(*found))


def read_many(connection: sqlite3.Connection, tenant: str, wanted: Wanted, limit: int) -> list[Found]:
    """Return a page of checkpoints, the newest first."""
    wheres, values = ["tenant = ?"], [tenant]
    for clause, value in (
        ("thread_id = ?", wanted.thread_id),
        ("namespace = ?", wanted.namespace),
        ("id = ?", wanted.id),
        ("id < ?", wanted.before),
    ):
        if value is not None:
            wheres.append(clause)
            values.append(value)
    if wanted.after is not None:
        wheres.append("(id, thread_id, namespace) < (?, ?, ?)")
        values += wanted.after
    sql = f"{_GET} WHERE {' AND '.join(wheres)} ORDER BY id DESC, thread_id DESC, namespace DESC LIMIT ?"
    rows = connection.execute(sql, (*values, limit)).fetchall()
    return [_with_writes(connection, tenant, CheckpointRow(*row)) for row in rows]


def _with_writes(connection: sqlite3.Connection, tenant: str, row: CheckpointRow) -> Found:
    writes = connection.execute(_GET_WRITES, (tenant, row.thread_id, row.namespace, row.id))
    return Found(row, tuple(WriteRow(*one) for one in writes))
