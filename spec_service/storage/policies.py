"""The shelf of policies: revisions under names, as the operator posted them."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime
from functools import partial

from spec_service.errors import UnknownPolicy, VersionExists
from spec_service.ports import NewPolicy, StoredPolicy
from spec_service.storage.columns import DEFAULT_TENANT, time_text
from spec_service.storage.database import Database

_REVISION = re.compile(r"r([1-9][0-9]{0,8})")
_MAX_ID = 256  # characters


class SqlPolicyStore:
    """Revisions of policies of one tenant."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant

    async def put(self, policy: NewPolicy) -> tuple[StoredPolicy, bool]:
        """Store a policy and put it in force; False when its digest was there already. Raises `VersionExists`."""
        return await self._database.write(partial(_put, tenant=self._tenant, policy=policy))

    async def get(self, policy_id: str) -> StoredPolicy:
        """Return what a name, `name@version` or `name@rN` stands for; raises `UnknownPolicy`."""
        return await self._database.read(partial(_get, tenant=self._tenant, policy_id=policy_id))

    async def in_force(self) -> tuple[StoredPolicy, ...]:
        """Return the current revisions of all names that are not retired, by name."""
        return await self._database.read(partial(_in_force, tenant=self._tenant))

    async def retire(self, name: str, at: datetime) -> StoredPolicy:
        """Take a policy out of force until it is stored again; raises `UnknownPolicy`."""
        return await self._database.write(partial(_retire, tenant=self._tenant, name=name, at=at))


def _put(connection: sqlite3.Connection, *, tenant: str, policy: NewPolicy) -> tuple[StoredPolicy, bool]:
    sql = "SELECT revision FROM policy_revision WHERE tenant = ? AND digest = ?"
    known = connection.execute(sql, (tenant, policy.digest)).fetchone()
    if known is not None:
        revision = known["revision"]
        sql = "UPDATE policy_revision SET text = ?, media_type = ? WHERE tenant = ? AND name = ? AND revision = ?"
        connection.execute(sql, (policy.text, policy.media_type, tenant, policy.name, revision))
    else:
        revision = _add(connection, tenant, policy)
    current = (
        "INSERT INTO policy (tenant, name, current_revision, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tenant, name) DO UPDATE SET current_revision = excluded.current_revision, retired_at = NULL"
    )
    connection.execute(current, (tenant, policy.name, revision, time_text(policy.at)))
    return _get(connection, tenant=tenant, policy_id=f"{policy.name}@r{revision}"), known is None


def _add(connection: sqlite3.Connection, tenant: str, policy: NewPolicy) -> int:
    taken = "SELECT 1 FROM policy_revision WHERE tenant = ? AND name = ? AND version = ?"
    if policy.version is not None and connection.execute(taken, (tenant, policy.name, policy.version)).fetchone():
        raise VersionExists
    newest = "SELECT COALESCE(MAX(revision), 0) FROM policy_revision WHERE tenant = ? AND name = ?"
    revision = connection.execute(newest, (tenant, policy.name)).fetchone()[0] + 1
    sql = (
        "INSERT INTO policy_revision (tenant, name, revision, version, digest, text, media_type, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    values = (policy.version, policy.digest, policy.text, policy.media_type, time_text(policy.at))
    connection.execute(sql, (tenant, policy.name, revision, *values))
    return revision


_SELECT = "SELECT r.*, p.retired_at FROM policy_revision AS r JOIN policy AS p USING (tenant, name) WHERE tenant = ?"
_CURRENT = " AND r.revision = p.current_revision"


def _get(connection: sqlite3.Connection, *, tenant: str, policy_id: str) -> StoredPolicy:
    name, _, rest = policy_id.partition("@")
    match = _REVISION.fullmatch(rest)
    condition, value = (" AND r.revision = ?", int(match[1])) if match else (" AND r.version = ?", rest)
    sql, values = (
        f"{_SELECT} AND name = ?{condition if rest else _CURRENT}",
        (tenant, name, *((value,) if rest else ())),
    )
    row = connection.execute(sql, values).fetchone() if len(policy_id) <= _MAX_ID else None
    if row is None:
        raise UnknownPolicy
    return _stored(row)


def _in_force(connection: sqlite3.Connection, *, tenant: str) -> tuple[StoredPolicy, ...]:
    sql = f"{_SELECT}{_CURRENT} AND p.retired_at IS NULL ORDER BY name"
    return tuple(_stored(row) for row in connection.execute(sql, (tenant,)))


def _retire(connection: sqlite3.Connection, *, tenant: str, name: str, at: datetime) -> StoredPolicy:
    sql = "UPDATE policy SET retired_at = COALESCE(retired_at, ?) WHERE tenant = ? AND name = ?"
    connection.execute(sql, (time_text(at), tenant, name))
    return _get(connection, tenant=tenant, policy_id=name)


def _stored(row: sqlite3.Row) -> StoredPolicy:
    return StoredPolicy(
        name=row["name"],
        revision=row["revision"],
        version=row["version"],
        digest=row["digest"],
        text=row["text"],
        media_type=row["media_type"],
        created_at=datetime.fromisoformat(row["created_at"]),
        retired_at=datetime.fromisoformat(row["retired_at"]) if row["retired_at"] else None,
    )
