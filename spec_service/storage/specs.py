"""The shelf of specs: revisions under names, found by name, version, revision or digest."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from dataclasses import asdict
from datetime import datetime
from functools import partial

from spec_service.errors import UnknownSpec, VersionExists
from spec_service.ports import NewSpec, Publication, Revision, SpecSource, StoredSpec
from spec_service.storage.columns import DEFAULT_TENANT, json_text, read_json, time_text
from spec_service.storage.cursors import read_cursor, write_cursor
from spec_service.storage.database import Database, T, Work

_REVISION = re.compile(r"r([1-9][0-9]{0,8})")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_MAX_ID = 256  # characters
_KNOWN, _KNOWN_CHARACTERS = 128, 65_536  # specs that are kept in memory, and the longest text of one


class SqlSpecStore:
    """Revisions of specs of one tenant; only the owner of the file changes them, so what was read stays true here."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant
        self._known: dict[str, StoredSpec] = {}  # by what they were asked for with, until something is written
        self._changes = 0

    async def put(self, spec: NewSpec) -> tuple[StoredSpec, bool]:
        """Store a spec and make it current; False when its digest was there already. Raises `VersionExists`."""
        return await self._write(partial(_put, tenant=self._tenant, spec=spec))

    async def get(self, spec_id: str) -> StoredSpec:
        """Return what a name, `name@version`, `name@rN` or a digest stands for; raises `UnknownSpec`."""
        known, changes = self._known.get(spec_id), self._changes
        if known is not None:
            return known
        stored = await self._database.read(partial(_get, tenant=self._tenant, spec_id=spec_id))
        if changes == self._changes and len(stored.text) <= _KNOWN_CHARACTERS:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[spec_id] = stored
        return stored

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return the revisions of a name that is in use: the current one, then the newest first; else none."""
        return await self._database.read(partial(_revisions, tenant=self._tenant, name=name))

    async def page(self, cursor: str | None, limit: int) -> tuple[tuple[StoredSpec, ...], str | None]:
        """Return current revisions by name, and the cursor of the next page; raises `BadCursor`."""
        after = read_cursor(cursor) or ""
        found = await self._database.read(partial(_page, tenant=self._tenant, after=after, limit=limit + 1))
        items = found[:limit]
        return items, write_cursor(items[-1].name) if len(found) > limit else None

    async def retire(self, name: str, at: datetime) -> StoredSpec:
        """Take a name out of use until it is stored again; raises `UnknownSpec`."""
        return await self._write(partial(_retire, tenant=self._tenant, name=name, at=at))

    async def note_published(self, name: str, revision: int, published: Publication) -> StoredSpec:
        """Remember where a revision was committed; raises `UnknownSpec`."""
        key = (self._tenant, name, revision)
        return await self._write(partial(_note_published, key=key, published=published))

    async def publications(self, name: str) -> tuple[Publication, ...]:
        """Return where the revisions of a name were committed last, the newest revision first."""
        return await self._database.read(partial(_publications, tenant=self._tenant, name=name))

    async def _write(self, work: Work[T]) -> T:
        self._forget()
        written = self._database.write(work)
        written.add_done_callback(self._forget)  # what was read meanwhile, too
        return await asyncio.shield(written)  # it is written, whoever waits for it

    def _forget(self, _: object = None) -> None:
        self._known.clear()
        self._changes += 1


def _put(connection: sqlite3.Connection, *, tenant: str, spec: NewSpec) -> tuple[StoredSpec, bool]:
    sql = "SELECT revision FROM spec_revision WHERE tenant = ? AND digest = ?"
    known = connection.execute(sql, (tenant, spec.digest)).fetchone()
    if known is not None:
        revision = known["revision"]
        _refresh(connection, tenant, spec, revision)
    else:
        revision = _add(connection, tenant, spec)
    current = (
        "INSERT INTO spec (tenant, name, current_revision, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tenant, name) DO UPDATE SET current_revision = excluded.current_revision, retired_at = NULL"
    )
    connection.execute(current, (tenant, spec.name, revision, time_text(spec.at)))
    return _one(connection, "tenant = ? AND name = ? AND revision = ?", (tenant, spec.name, revision)), known is None


def _refresh(connection: sqlite3.Connection, tenant: str, spec: NewSpec, revision: int) -> None:
    """Take what the digest does not cover: labels, description, tests, and the text in which they stand."""
    sql = (
        "UPDATE spec_revision SET text = ?, media_type = ?, description = ?, labels = ?, warnings = ?"
        " WHERE tenant = ? AND name = ? AND revision = ?"
    )
    connection.execute(sql, (*_changeable(spec), tenant, spec.name, revision))
    if spec.source is not None:
        sql = "UPDATE spec_revision SET source = ? WHERE tenant = ? AND name = ? AND revision = ?"
        connection.execute(sql, (json_text(asdict(spec.source)), tenant, spec.name, revision))


def _add(connection: sqlite3.Connection, tenant: str, spec: NewSpec) -> int:
    taken = "SELECT 1 FROM spec_revision WHERE tenant = ? AND name = ? AND version = ?"
    if spec.version is not None and connection.execute(taken, (tenant, spec.name, spec.version)).fetchone():
        raise VersionExists
    newest = "SELECT COALESCE(MAX(revision), 0) FROM spec_revision WHERE tenant = ? AND name = ?"
    revision = connection.execute(newest, (tenant, spec.name)).fetchone()[0] + 1
    sql = (
        "INSERT INTO spec_revision (tenant, name, revision, version, digest, created_at,"
        " text, media_type, description, labels, warnings, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    identity = (tenant, spec.name, revision, spec.version, spec.digest, time_text(spec.at))
    source = json_text(asdict(spec.source)) if spec.source else None
    connection.execute(sql, (*identity, *_changeable(spec), source))
    return revision


def _changeable(spec: NewSpec) -> tuple[str, str, str, str, str]:
    labels, warnings = json_text(dict(spec.labels)), json_text([dict(one) for one in spec.warnings])
    return spec.text, spec.media_type, spec.description, labels, warnings


def _get(connection: sqlite3.Connection, *, tenant: str, spec_id: str) -> StoredSpec:
    if len(spec_id) > _MAX_ID:
        raise UnknownSpec
    name, at, rest = spec_id.partition("@")
    if _DIGEST.fullmatch(spec_id):
        digest = spec_id.removeprefix("sha256:")
        return _one(connection, "tenant = ? AND digest IN (?, ?)", (tenant, digest, f"sha256:{digest}"))
    if not at:
        current = "(SELECT current_revision FROM spec WHERE tenant = ? AND name = ?)"
        return _one(connection, f"tenant = ? AND name = ? AND revision = {current}", (tenant, name, tenant, name))
    match = _REVISION.fullmatch(rest)
    if match:
        return _one(connection, "tenant = ? AND name = ? AND revision = ?", (tenant, name, int(match[1])))
    return _one(connection, "tenant = ? AND name = ? AND version = ?", (tenant, name, rest))


def _revisions(connection: sqlite3.Connection, *, tenant: str, name: str) -> tuple[Revision, ...]:
    sql = (
        "SELECT r.revision, r.version, r.digest FROM spec AS s JOIN spec_revision AS r USING (tenant, name)"
        " WHERE s.tenant = ? AND s.name = ? AND s.retired_at IS NULL"
        " ORDER BY r.revision = s.current_revision DESC, r.revision DESC"
    )
    rows = connection.execute(sql, (tenant, name))
    return tuple(Revision(row["revision"], row["version"], row["digest"]) for row in rows)


def _one(connection: sqlite3.Connection, condition: str, values: tuple[str | int, ...]) -> StoredSpec:
    sql = f"SELECT r.*, retired_at FROM spec_revision AS r JOIN spec USING (tenant, name) WHERE {condition}"  # noqa: S608
    row = connection.execute(sql, values).fetchone()
    if row is None:
        raise UnknownSpec
    return _stored(row)


def _page(connection: sqlite3.Connection, *, tenant: str, after: str, limit: int) -> tuple[StoredSpec, ...]:
    sql = (
        "SELECT r.*, s.retired_at FROM spec AS s JOIN spec_revision AS r"
        " ON r.tenant = s.tenant AND r.name = s.name AND r.revision = s.current_revision"
        " WHERE s.tenant = ? AND s.name > ? AND s.retired_at IS NULL ORDER BY s.name LIMIT ?"
    )
    return tuple(_stored(row) for row in connection.execute(sql, (tenant, after, limit)))


def _retire(connection: sqlite3.Connection, *, tenant: str, name: str, at: datetime) -> StoredSpec:
    sql = "UPDATE spec SET retired_at = COALESCE(retired_at, ?) WHERE tenant = ? AND name = ?"
    connection.execute(sql, (time_text(at), tenant, name))
    return _get(connection, tenant=tenant, spec_id=name)


def _note_published(connection: sqlite3.Connection, *, key: tuple[str, str, int], published: Publication) -> StoredSpec:
    sql = "UPDATE spec_revision SET published = ? WHERE tenant = ? AND name = ? AND revision = ?"
    connection.execute(sql, (json_text(asdict(published)), *key))
    return _one(connection, "tenant = ? AND name = ? AND revision = ?", key)


def _publications(connection: sqlite3.Connection, *, tenant: str, name: str) -> tuple[Publication, ...]:
    sql = (
        "SELECT published FROM spec_revision WHERE tenant = ? AND name = ? AND published IS NOT NULL"
        " ORDER BY revision DESC"
    )
    return tuple(Publication(**read_json(row["published"])) for row in connection.execute(sql, (tenant, name)))


def _stored(row: sqlite3.Row) -> StoredSpec:
    return StoredSpec(
        name=row["name"],
        revision=row["revision"],
        version=row["version"],
        digest=row["digest"],
        text=row["text"],
        media_type=row["media_type"],
        description=row["description"],
        labels=read_json(row["labels"]),
        warnings=tuple(read_json(row["warnings"])),
        created_at=datetime.fromisoformat(row["created_at"]),
        source=SpecSource(**read_json(row["source"])) if row["source"] else SpecSource(),
        published=Publication(**read_json(row["published"])) if row["published"] else None,
        retired_at=datetime.fromisoformat(row["retired_at"]) if row["retired_at"] else None,
    )
