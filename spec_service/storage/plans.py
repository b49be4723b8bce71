"""The shelf of plans: by digest, never changed."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from datetime import datetime
from functools import partial

from spec_service.storage.columns import DEFAULT_TENANT, time_text
from spec_service.storage.database import Database
from translator.planning.plan import Plan
from workflows.errors import UnknownPlan

_REMEMBERED = 128


class SqlPlanStore:
    """Plans of one tenant; those used last are remembered, which is safe because they never change."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant
        self._remembered: OrderedDict[str, Plan] = OrderedDict()

    async def put(self, plan: Plan, at: datetime) -> None:
        """Keep a plan; a plan that is there already stays as it is."""
        if plan.digest in self._remembered:
            return
        body = plan.model_dump_json(by_alias=True)
        values = (self._tenant, plan.digest, plan.spec_digest, body, time_text(at))
        await self._database.write(partial(_put, values=values))
        self._remember(plan)

    async def get(self, digest: str) -> Plan:
        """Return a stored plan; raises `UnknownPlan`."""
        plan = self._remembered.get(digest)
        if plan is None:
            body = await self._database.read(partial(_body, tenant=self._tenant, digest=digest))
            plan = Plan.model_validate_json(body)
        self._remember(plan)
        return plan

    async def last(self, spec_name: str) -> Plan | None:
        """Return the plan that was made or asked for last among those of all revisions of a spec."""
        digest = await self._database.read(partial(_last, tenant=self._tenant, name=spec_name))
        return None if digest is None else await self.get(digest)

    async def make_last(self, digest: str, at: datetime) -> None:
        """Have a stored plan be the last one of its spec."""
        await self._database.write(partial(_make_last, values=(time_text(at), self._tenant, digest)))

    def _remember(self, plan: Plan) -> None:
        self._remembered[plan.digest] = plan
        self._remembered.move_to_end(plan.digest)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)


def _put(connection: sqlite3.Connection, *, values: tuple[str, ...]) -> None:
    sql = (
        "INSERT INTO plan (tenant, digest, spec_digest, body, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, digest) DO NOTHING"
    )
    connection.execute(sql, values)


def _body(connection: sqlite3.Connection, *, tenant: str, digest: str) -> str:
    sql = "SELECT body FROM plan WHERE tenant = ? AND digest = ?"
    row = connection.execute(sql, (tenant, digest)).fetchone()
    if row is None:
        raise UnknownPlan
    return row["body"]


def _last(connection: sqlite3.Connection, *, tenant: str, name: str) -> str | None:
    sql = (
        "SELECT p.digest FROM spec_revision AS r JOIN plan AS p ON p.tenant = r.tenant AND p.spec_digest = r.digest"
        " WHERE r.tenant = ? AND r.name = ? ORDER BY COALESCE(p.planned_at, p.created_at) DESC, p.rowid DESC LIMIT 1"
    )
    row = connection.execute(sql, (tenant, name)).fetchone()
    return None if row is None else row["digest"]


def _make_last(connection: sqlite3.Connection, *, values: tuple[str, ...]) -> None:
    connection.execute("UPDATE plan SET planned_at = ? WHERE tenant = ? AND digest = ?", values)
