"""What runs have used, summed up from the rows of tries of steps: for a run, for all, and by groups."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from spec_service.ports import UsageGroup, UsageQuery
from spec_service.storage.columns import DEFAULT_TENANT, read_json, time_text
from spec_service.storage.database import Database
from workflows.run import RunId
from workflows.usage import NOTHING, Usage

_COUNTS = ("tokens_in", "tokens_out", "cached_tokens", "tool_calls", "model_calls", "retries")
_MEASURES = ("cost_usd", "latency_ms")
_SUMS = ", ".join(
    [f"COALESCE(SUM(json_extract(usage, '$.{name}')), 0) AS {name}" for name in _COUNTS]
    + [f"ROUND(COALESCE(SUM(json_extract(usage, '$.{name}')), 0), 10) AS {name}" for name in _MEASURES]
)
_FEW = 100  # rows that are read rather than summed up where they lie
_OF_RUN = "tenant = ? AND run_id = ? AND +usage IS NOT NULL"  # the index of all used rows is none for one run
_FAMILY = (
    "tenant = ?1 AND +usage IS NOT NULL AND run_id IN (WITH RECURSIVE family(id) AS (VALUES (?2) UNION"
    " SELECT run.id FROM run JOIN family ON run.tenant = ?1 AND run.parent = family.id) SELECT id FROM family)"
)
_KEYS = {
    "step": "run.spec_name || '/' || s.step",
    "run": "s.run_id",
    "spec": "run.spec_name",
    "tenant": "s.tenant",
    "model": "COALESCE(json_extract(s.usage, '$.models'), '[]')",
    "label": "COALESCE((SELECT l.value FROM json_each(run.labels) AS l WHERE l.key = ?), '')",
}


class SqlUsageBoard:
    """What the runs of one tenant have used, as far as it is recorded."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant

    async def used_since(self, since: datetime, spec: str | None = None) -> Usage:
        """Return what steps that started since then have used, of runs of a spec or of all."""
        condition, values = "tenant = ? AND usage IS NOT NULL AND started_at >= ?", [self._tenant, time_text(since)]
        if spec is not None:
            condition += " AND run_id IN (SELECT id FROM run WHERE tenant = ? AND spec_name = ?)"
            values += [self._tenant, spec]
        return await self._database.read(partial(_summed, condition=condition, values=values))

    async def used_by_family(self, run_id: RunId) -> Usage:
        """Return what a run has used, together with all runs that it started, and those that they did."""
        return await self._database.read(partial(_summed, condition=_FAMILY, values=[self._tenant, run_id]))

    async def groups(self, query: UsageQuery) -> tuple[UsageGroup, ...]:
        """Return totals by groups, the dearest first, at most `query.limit`."""
        return await self._database.read(partial(_groups, tenant=self._tenant, query=query))


def used_by(connection: sqlite3.Connection, tenant: str, run_id: RunId) -> Usage:
    """Return what a run has used so far, all tries of its steps together."""
    values = [tenant, run_id]
    rows = connection.execute(f"SELECT usage FROM step_execution WHERE {_OF_RUN}", values).fetchmany(_FEW + 1)  # noqa: S608
    if len(rows) > _FEW:
        return _summed(connection, condition=_OF_RUN, values=values)
    return sum((Usage.from_json(read_json(row["usage"])) for row in rows), NOTHING)  # three sums of JSON take longer


def _summed(connection: sqlite3.Connection, *, condition: str, values: Sequence[Any]) -> Usage:
    row = connection.execute(f"SELECT {_SUMS} FROM step_execution WHERE {condition}", values).fetchone()  # noqa: S608
    models = connection.execute(
        f"SELECT DISTINCT m.value FROM step_execution, json_each(usage, '$.models') AS m WHERE {condition} ORDER BY 1",  # noqa: S608
        values,
    ).fetchall()
    unknown = connection.execute(
        "SELECT u.key, SUM(u.value) FROM step_execution, json_each(usage, '$.unknown') AS u"  # noqa: S608
        f" WHERE {condition} GROUP BY u.key ORDER BY 1",
        values,
    ).fetchall()
    return _usage(row, tuple(one[0] for one in models), {one[0]: one[1] for one in unknown})


def _groups(connection: sqlite3.Connection, *, tenant: str, query: UsageQuery) -> tuple[UsageGroup, ...]:
    kind, _, label = query.group_by.partition(":")
    values: list[Any] = [label] if kind == "label" else []
    condition = "s.tenant = ? AND s.usage IS NOT NULL"
    values.append(tenant)
    for at, sign in ((query.since, ">="), (query.until, "<")):
        if at is not None:
            condition += f" AND s.started_at {sign} ?"
            values.append(time_text(at))
    sql = (
        f"SELECT {_KEYS[kind]} AS key, COUNT(*) AS tries, COUNT(DISTINCT s.run_id) AS runs, {_SUMS}"  # noqa: S608
        " FROM step_execution AS s JOIN run ON run.tenant = s.tenant AND run.id = s.run_id"
        f" WHERE {condition} GROUP BY 1 ORDER BY cost_usd DESC, tokens_in + tokens_out DESC, tool_calls DESC, 1 LIMIT ?"
    )
    rows = connection.execute(sql, (*values, query.limit)).fetchall()
    return tuple(_group(row, is_model=kind == "model") for row in rows)


def _group(row: sqlite3.Row, *, is_model: bool) -> UsageGroup:
    models = tuple(read_json(row["key"])) if is_model else ()
    key = ", ".join(models) if is_model else str(row["key"])
    return UsageGroup(key, row["tries"], row["runs"], _usage(row, models, {}))


def _usage(row: sqlite3.Row, models: tuple[str, ...], unknown: dict[str, int]) -> Usage:
    figures = {name: row[name] for name in _COUNTS + _MEASURES}
    return Usage(**figures, models=models, unknown=unknown)
