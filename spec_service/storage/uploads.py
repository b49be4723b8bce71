"""Uploads: bytes that somebody sent to give them to runs, in files called by their digests.

A file is there before its row, and goes after it: whoever reads a row finds the file. Both happen one upload at a
time, so that bytes that come again while they are being removed are not lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from anyio import to_thread

from spec_service.ports import Upload
from spec_service.storage.columns import DEFAULT_TENANT, time_text
from spec_service.storage.database import Database
from workflows.errors import JournalError
from workflows.ports import UPLOADS

_BUFFER = 1 << 20  # bytes that are written at once
_PUT = (
    "INSERT INTO upload (tenant, sha256, bytes, media_type, uploaded_at, used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)"
    " ON CONFLICT (tenant, sha256) DO UPDATE SET used_at = excluded.used_at"
)
_OVER = (
    "DELETE FROM upload WHERE used_at <= ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.tenant = upload.tenant"
    " AND run.status IN ('queued', 'running', 'waiting', 'failed', 'cancelled')"
    " AND instr(run.inputs, upload.sha256)) RETURNING sha256"
)


class _File:
    """A file that is being written, and the digest of what is in it so far."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
        self.path = Path(name)
        self.bytes = 0
        self._file = os.fdopen(handle, "wb")
        self._digest = hashlib.sha256()

    def write(self, content: bytes) -> None:
        self._digest.update(content)
        self._file.write(content)
        self.bytes += len(content)

    def finish(self) -> str:
        """Have all of it on the disk, and return the digest."""
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o400)
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()

    def discard(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class FolderUploads:
    """Uploads of one tenant as files of one folder."""

    def __init__(self, folder: Path, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._folder = folder
        self._database = database
        self._tenant = tenant
        self._one_at_a_time = asyncio.Lock()

    async def put(self, content: AsyncIterable[bytes], media_type: str) -> tuple[Upload, bool]:
        """Keep bytes while they come, whole or not at all; False when they were there already.

        Raises `JournalError` when they cannot be written, and what `content` raises.
        """
        try:
            file = await to_thread.run_sync(_File, self._folder)
            try:
                await _fill(file, content)
                digest = await to_thread.run_sync(file.finish)
                return await self._kept(file, digest, media_type)
            finally:
                await to_thread.run_sync(file.discard)
        except OSError as error:
            reason = error.strerror or str(error)
            raise JournalError(
                f"the upload was not written to {self._folder}: {reason}; make room on the disk"
            ) from error

    async def use(self, digests: Sequence[str]) -> frozenset[str]:
        """Keep uploads for a while more, since a run is about to name them; return those that are not there."""
        now = time_text(datetime.now(UTC))
        return await self._database.write(partial(_use, tenant=self._tenant, digests=tuple(digests), now=now))

    async def prune(self, unused_since: datetime) -> int:
        """Remove what no run names that may go on or be retried, and return how many there were.

        What was sent or named in new inputs after `unused_since` stays.
        """
        async with self._one_at_a_time:
            removed = await self._database.write(partial(_remove, unused_since=time_text(unused_since)))
            await to_thread.run_sync(_unlink, self._folder, removed, unused_since.timestamp())
        return len(removed)

    async def _kept(self, file: _File, digest: str, media_type: str) -> tuple[Upload, bool]:
        values = (self._tenant, digest, file.bytes, media_type, time_text(datetime.now(UTC)))
        async with self._one_at_a_time:
            await to_thread.run_sync(_moved, file.path, self._folder / digest)
            upload, is_new = await self._database.write(partial(_put, values=values))
        return upload, is_new


async def _fill(file: _File, content: AsyncIterable[bytes]) -> None:
    buffer = bytearray()
    async for chunk in content:
        buffer += chunk
        if len(buffer) >= _BUFFER:
            await to_thread.run_sync(file.write, bytes(buffer))
            buffer.clear()
    await to_thread.run_sync(file.write, bytes(buffer))


def _moved(path: Path, target: Path) -> None:
    path.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the row must not outlive the name of its file in a power cut
    finally:
        os.close(folder)


def _unlink(folder: Path, digests: list[str], before: float) -> None:
    """Remove files, and what an upload left that was cut off with its server."""
    for digest in digests:
        (folder / digest).unlink(missing_ok=True)
    for leftover in folder.glob(".new-*"):
        if leftover.stat().st_mtime <= before:
            leftover.unlink(missing_ok=True)


def _put(connection: sqlite3.Connection, *, values: tuple[str | int, ...]) -> tuple[Upload, bool]:
    sql = "SELECT * FROM upload WHERE tenant = ? AND sha256 = ?"
    is_new = connection.execute(sql, values[:2]).fetchone() is None
    connection.execute(_PUT, values)
    row = connection.execute(sql, values[:2]).fetchone()
    return Upload(f"{UPLOADS}{row['sha256']}", row["bytes"], row["sha256"], row["media_type"]), is_new


def _use(connection: sqlite3.Connection, *, tenant: str, digests: tuple[str, ...], now: str) -> frozenset[str]:
    sql = "UPDATE upload SET used_at = ? WHERE tenant = ? AND sha256 = ?"
    return frozenset(one for one in digests if connection.execute(sql, (now, tenant, one)).rowcount == 0)


def _remove(connection: sqlite3.Connection, *, unused_since: str) -> list[str]:
    """Remove rows that are over, and return the digests that no other tenant has."""
    removed = [row["sha256"] for row in connection.execute(_OVER, (unused_since,)).fetchall()]
    sql = "SELECT 1 FROM upload WHERE sha256 = ?"
    return [one for one in removed if connection.execute(sql, (one,)).fetchone() is None]
