"""The board of runs: how they stand, which there are, and what they keep."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from spec_service.ports import Kin, RunFilter, RunPosition
from spec_service.storage.columns import DEFAULT_TENANT, artifact_of, question_of, run_of
from spec_service.storage.cursors import read_cursor, write_cursor
from spec_service.storage.database import Database
from spec_service.storage.usage_rows import used_by
from workflows.errors import UnknownRun
from workflows.records import ArtifactStored, Question
from workflows.run import Run, RunId, RunStatus
from workflows.usage import NOTHING


class SqlRunBoard:
    """Runs of one tenant, to look at; only the journal changes them."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant

    async def get(self, run_id: RunId) -> RunPosition:
        """Return a run with all its questions; raises `UnknownRun`."""
        return await self._database.read(partial(_get, tenant=self._tenant, run_id=run_id))

    async def page(
        self, wanted: RunFilter, cursor: str | None, limit: int
    ) -> tuple[tuple[RunPosition, ...], str | None]:
        """Return runs, the newest first, and the cursor of the next page; raises `BadCursor`."""
        before = read_cursor(cursor)
        work = partial(_page, tenant=self._tenant, wanted=wanted, before=before, limit=limit + 1)
        found = await self._database.read(work)
        items = found[:limit]
        return items, write_cursor(items[-1].run.id) if len(found) > limit else None

    async def unfinished(
        self, statuses: Collection[RunStatus], after: RunId | None, limit: int
    ) -> tuple[RunPosition, ...]:
        """Return some runs of these statuses behind the run `after`, the oldest first, with their questions."""
        wanted = tuple(status.value for status in statuses)
        work = partial(_unfinished, tenant=self._tenant, statuses=wanted, after=after or "", limit=limit)
        return await self._database.read(work)

    async def waiting_for_signal(self, name: str, key: str) -> tuple[Question, ...]:
        """Return, of each run that waits for a signal of this key, the first question that does."""
        return await self._database.read(partial(_waiting_for_signal, tenant=self._tenant, name=name, key=key))

    async def families(self) -> tuple[Kin, ...]:
        """Return the runs with a parent that are not over, or for whose end their parent still waits."""
        return await self._database.read(partial(_families, tenant=self._tenant))

    async def artifacts(self, run_id: RunId) -> tuple[ArtifactStored, ...]:
        """Return what a run keeps, by path; raises `UnknownRun`."""
        return await self._database.read(partial(_artifacts, tenant=self._tenant, run_id=run_id))

    async def counts(self) -> Mapping[RunStatus, int]:
        """Return how many runs have each status."""
        return await self._database.read(partial(_counts, tenant=self._tenant))


def _get(connection: sqlite3.Connection, *, tenant: str, run_id: RunId) -> RunPosition:
    run = _run(connection, tenant, run_id)
    questions = _questions(connection, tenant, (run_id,)).get(run_id, ())
    return RunPosition(run, questions, used_by(connection, tenant, run_id))


def _run(connection: sqlite3.Connection, tenant: str, run_id: RunId) -> Run:
    row = connection.execute("SELECT * FROM run WHERE tenant = ? AND id = ?", (tenant, run_id)).fetchone()
    if row is None:
        raise UnknownRun
    return run_of(row)


def _questions(connection: sqlite3.Connection, tenant: str, run_ids: Sequence[str]) -> dict[str, tuple[Question, ...]]:
    found: dict[str, tuple[Question, ...]] = {}
    for run_id in run_ids:
        sql = "SELECT * FROM question WHERE tenant = ? AND run_id = ? ORDER BY id"
        rows = connection.execute(sql, (tenant, run_id)).fetchall()
        found[run_id] = tuple(question_of(row) for row in rows)
    return found


def _page(
    connection: sqlite3.Connection, *, tenant: str, wanted: RunFilter, before: str | None, limit: int
) -> tuple[RunPosition, ...]:
    conditions, values = _conditions(wanted, before)
    sql = f"SELECT * FROM run WHERE tenant = ?{''.join(conditions)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own text
    rows = connection.execute(sql, (tenant, *values, limit)).fetchall()
    return _positions(connection, tenant, rows, are_shown=True)


def _conditions(wanted: RunFilter, before: str | None) -> tuple[list[str], list[Any]]:
    name, _, revision = (wanted.spec or "").partition("@r")
    number = int(revision) if revision.isdecimal() and len(revision) < 10 else (0 if revision else None)  # noqa: PLR2004
    choices = [
        (" AND status = ?", wanted.status.value if wanted.status else None),
        (" AND spec_name = ?", name or None),
        (" AND spec_revision = ?", number),
        (" AND parent = ?", wanted.parent),
        (" AND id < ?", before),  # ids grow with time
    ]
    conditions = [text for text, value in choices if value is not None]
    values: list[Any] = [value for _, value in choices if value is not None]
    for key, value in wanted.labels.items():
        conditions.append(" AND EXISTS (SELECT 1 FROM json_each(run.labels) AS l WHERE l.key = ? AND l.value = ?)")
        values += [key, value]
    return conditions, values


def _unfinished(
    connection: sqlite3.Connection, *, tenant: str, statuses: tuple[str, ...], after: str, limit: int
) -> tuple[RunPosition, ...]:
    places = ", ".join("?" * len(statuses))
    sql = f"SELECT * FROM run WHERE tenant = ? AND status IN ({places}) AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
    return _positions(connection, tenant, connection.execute(sql, (tenant, *statuses, after, limit)).fetchall())


def _positions(
    connection: sqlite3.Connection, tenant: str, rows: Sequence[sqlite3.Row], *, are_shown: bool = False
) -> tuple[RunPosition, ...]:
    """Return runs with their questions; what they have used is counted for those that are shown to somebody."""
    runs = [run_of(row) for row in rows]
    asking = [run.id for run in runs if not run.status.is_final]
    questions = _questions(connection, tenant, asking)
    used = {run.id: used_by(connection, tenant, run.id) for run in runs} if are_shown else {}
    return tuple(RunPosition(run, questions.get(run.id, ()), used.get(run.id, NOTHING)) for run in runs)


def _waiting_for_signal(connection: sqlite3.Connection, *, tenant: str, name: str, key: str) -> tuple[Question, ...]:
    sql = (
        "SELECT q.* FROM question AS q JOIN run AS r ON r.tenant = q.tenant AND r.id = q.run_id"
        " WHERE q.tenant = ? AND q.signal = ? AND q.key = ? AND q.answered_at IS NULL AND q.kind = 'signal'"
        " AND r.status IN ('queued', 'running', 'waiting') ORDER BY q.id"
    )
    found: dict[str, Question] = {}
    for row in connection.execute(sql, (tenant, name, key)):
        found.setdefault(row["run_id"], question_of(row))
    return tuple(found.values())


def _families(connection: sqlite3.Connection, *, tenant: str) -> tuple[Kin, ...]:
    sql = (
        "SELECT c.id, c.parent, c.status, p.status AS above FROM run AS c"
        " JOIN run AS p ON p.tenant = c.tenant AND p.id = c.parent"
        " WHERE c.tenant = ? AND c.parent IS NOT NULL AND (c.status IN ('queued', 'running', 'waiting')"
        " OR EXISTS (SELECT 1 FROM question AS q WHERE q.tenant = c.tenant AND q.run_id = c.parent"
        " AND q.kind = 'run' AND q.key = c.id AND q.answered_at IS NULL)) ORDER BY c.id"
    )
    rows = connection.execute(sql, (tenant,))
    return tuple(
        Kin(RunId(row["id"]), RunId(row["parent"]), RunStatus(row["status"]), RunStatus(row["above"])) for row in rows
    )


def _artifacts(connection: sqlite3.Connection, *, tenant: str, run_id: RunId) -> tuple[ArtifactStored, ...]:
    _run(connection, tenant, run_id)
    sql = "SELECT * FROM artifact WHERE tenant = ? AND run_id = ? ORDER BY path"
    return tuple(artifact_of(row) for row in connection.execute(sql, (tenant, run_id)))


def _counts(connection: sqlite3.Connection, *, tenant: str) -> Mapping[RunStatus, int]:
    sql = "SELECT status, COUNT(*) AS number FROM run WHERE tenant = ? GROUP BY status"
    found = {row["status"]: row["number"] for row in connection.execute(sql, (tenant,))}
    return {status: found.get(status.value, 0) for status in RunStatus}
