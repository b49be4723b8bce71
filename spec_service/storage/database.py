"""The SQLite file: one writer thread with one connection, a few read connections, and how long they wait.

SQLite knows one writer at a time. With a single writer thread of ours nobody waits for a lock, and what several
callers want written shares one commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY_SECONDS = 30.0  # LangGraph's saver writes to the same file
READERS = 4


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as we want it: WAL, every commit on disk, foreign keys; transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000:.0f}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class Database:
    """Run functions over connections: reads beside each other, writes one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="specloom-writer")
        self._connection = connect(path)
        self._idle: list[sqlite3.Connection] = []
        self._readers = CapacityLimiter(READERS)

    async def read(self, work: Work[T]) -> T:
        """Return what `work` finds, all of it from one snapshot."""
        return await to_thread.run_sync(self._read, work, limiter=self._readers)

    def write(self, work: Work[T]) -> asyncio.Future[T]:
        """Run `work` in a transaction of its own after everything asked before; the future ends after the commit."""
        return asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

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
        return connection

    def _write(self, work: Work[T]) -> T:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result


@asynccontextmanager
async def open_database(path: Path) -> AsyncGenerator[Database]:
    """Open a database that has its tables already."""
    database = await to_thread.run_sync(Database, path)
    try:
        yield database
    finally:
        await database.aclose()
