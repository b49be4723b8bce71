"""The SQLite file: one writer thread with one connection, a few read connections, and how long they wait.

SQLite knows one writer at a time. With a single writer thread of ours nobody waits for a lock, and what several
callers want written shares one commit. Every write of an owner begins with a look whether it is still the owner:
inside the transaction, so that nobody can take over between the look and the commit.
"""

from __future__ import annotations

import asyncio
import errno
import math
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread

from spec_service.errors import FencedOff, NotWritten

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY_SECONDS = 30.0  # LangGraph's saver writes to the same file
READERS = 4
_ADVICE: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable",
    sqlite3.SQLITE_IOERR: "look after the disk",
    sqlite3.SQLITE_CORRUPT: "restore a backup with specloom restore",
    sqlite3.SQLITE_NOTADB: "restore a backup with specloom restore",
    sqlite3.SQLITE_BUSY: "end the other program that writes to it",
}


def connect(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a connection as we want it: WAL, every commit on disk, foreign keys; transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={busy_seconds * 1000:.0f}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class Database:
    """Run functions over connections: reads beside each other, writes one after the other.

    With a fence, writes are refused from the moment at which the row of the owner has another one; without, as in a
    file that nobody else knows of, they are not.
    """

    def __init__(self, path: Path, fence: int | None = None, lease_seconds: float = math.inf) -> None:
        self.path = path
        self.fenced_off = asyncio.Event()  # another process has taken over: nothing will be written any more
        self._fence = fence
        self._trusted_seconds = lease_seconds / 2  # after a look nobody can have taken over yet, even if it was long
        self._looked_at = time.monotonic()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="specloom-writer")
        self._connection = connect(path)
        self._idle: list[sqlite3.Connection] = []
        self._readers = CapacityLimiter(READERS)

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds, all of it from one snapshot."""
        return await to_thread.run_sync(self._read, work, limiter=self._readers)

    def write(self, work: Work[T], *, committed: Callable[[], None] | None = None) -> asyncio.Future[T]:
        """Run `work` in a transaction of its own after everything asked before; the future ends after the commit.

        `committed` is called between the two, on the writer's thread. The future raises `FencedOff`, `NotWritten`,
        and what `work` raises.
        """
        written = asyncio.get_running_loop().run_in_executor(self._writer, self._write, work, committed)
        written.add_done_callback(self._notice)
        return written

    async def confirm(self) -> None:
        """Make sure that this process was the owner a moment ago; raises `FencedOff` and `NotWritten`.

        Who was frozen learns it here, before he begins what he had announced before he froze.
        """
        while time.monotonic() - self._looked_at > self._trusted_seconds:
            await self.write(_nothing)

    async def aclose(self) -> None:
        """Finish what is being written and close all connections."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._connection.close)
        self._writer.shutdown()
        for connection in self._idle:
            connection.close()

    def _read(self, work: Work[T]) -> T:
        connection = self._idle.pop() if self._idle else self._open_reader()
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("COMMIT")
            self._idle.append(connection)

    def _open_reader(self) -> sqlite3.Connection:
        connection = connect(self.path)
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-256")  # KiB: what is read lies in the system's cache anyway
        return connection

    def _write(self, work: Work[T], committed: Callable[[], None] | None) -> T:
        try:
            result = self._transact(work)
            if committed is not None:
                committed()
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
                raise
            raise NotWritten(_reason(self.path, error)) from error
        return result

    def _transact(self, work: Work[T]) -> T:
        connection, now = self._connection, time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._fence is not None:
                check_fence(connection, self._fence, self.path)
            self._looked_at = now
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _notice(self, written: asyncio.Future[Any]) -> None:
        if not written.cancelled() and isinstance(written.exception(), FencedOff):
            self.fenced_off.set()


def _nothing(_: sqlite3.Connection) -> None:
    """Write nothing: the look at the owner's row is what counts."""


def check_fence(connection: sqlite3.Connection, fence: int, path: Path) -> None:
    """Raise `FencedOff` unless the row of the owner has this fence."""
    row = connection.execute("SELECT fence FROM owner WHERE id = 1").fetchone()
    if row is None or row["fence"] != fence:
        raise FencedOff(
            f"another process has taken over the data directory {path.parent}, because this one was silent for too"
            " long; nothing more is written, and its unfinished runs go on there"
        )


def _reason(path: Path, error: Exception) -> str:
    """Return what could not be written, why, and what can be done about it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        code = sqlite3.SQLITE_FULL if getattr(error, "errno", None) == errno.ENOSPC else sqlite3.SQLITE_IOERR
    why = getattr(error, "strerror", None) or str(error)
    return f"nothing was written to {path}: {why}; {_ADVICE.get(code & 0xFF, 'look at the log')}"


@asynccontextmanager
async def open_database(
    path: Path, fence: int | None = None, lease_seconds: float = math.inf
) -> AsyncGenerator[Database]:
    """Open a database that has its tables already, as the owner with this fence, for at least so long at a time."""
    database = await to_thread.run_sync(Database, path, fence, lease_seconds)
    try:
        yield database
    finally:
        await database.aclose()
