"""Journals as two workers hold them: one at a time owns the records, and the other's hand is refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from spec_service.storage.database import Database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from workflows.errors import JournalError
from workflows.memory import MemoryJournal
from workflows.records import Event, History, Record
from workflows.run import RunId


class Hand(Protocol):
    """What a worker writes and reads with."""

    async def commit(self, *records: Record) -> bool: ...

    async def history(self, run_id: RunId) -> History: ...

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]: ...


@dataclass(frozen=True)
class Hands:
    """Hands that do the same, and must get the same answer."""

    each: tuple[Hand, ...]

    async def commit(self, *records: Record) -> bool:
        answers = {await _answer(hand, records) for hand in self.each}
        assert len(answers) == 1, f"the journals disagree on {records}: {answers}"
        answer = answers.pop()
        if answer is None:
            raise JournalError("another worker has taken over")
        return answer


async def _answer(hand: Hand, records: tuple[Record, ...]) -> bool | None:
    try:
        return await hand.commit(*records)
    except JournalError:
        return None


class House(Protocol):
    """Where the records lie."""

    async def take_over(self) -> Hand:
        """Return the hand of a new owner; those given before may no longer write."""
        ...

    async def close(self) -> None: ...


@dataclass
class MemoryHouse:
    """Records in memory, which know no owner: the fence is this file's own."""

    journal: MemoryJournal = field(default_factory=MemoryJournal)
    fence: int = 0

    async def take_over(self) -> Hand:
        self.fence += 1
        return _MemoryHand(self, self.fence)

    async def close(self) -> None:
        pass


@dataclass
class _MemoryHand:
    house: MemoryHouse
    fence: int

    async def commit(self, *records: Record) -> bool:
        if self.fence != self.house.fence:
            raise JournalError("another worker has taken over")
        return await self.house.journal.commit(*records)

    async def history(self, run_id: RunId) -> History:
        return await self.house.journal.history(run_id)

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]:
        return await self.house.journal.page(run_id, after, limit)


class SqlHouse:
    """Records in a database file; each hand has connections of its own, as another process would."""

    def __init__(self, folder: Path, number: int) -> None:
        empty = folder / "empty.db"
        if not empty.exists():
            upgrade(empty)
            _own(empty)
        self._path = folder / f"{number}.db"
        shutil.copy(empty, self._path)
        self._opened: list[tuple[Database, SqlJournal]] = []

    async def take_over(self) -> Hand:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            fence = connection.execute("UPDATE owner SET fence = fence + 1 RETURNING fence").fetchall()[0][0]
        database = Database(self._path, fence)
        journal = SqlJournal(database)
        self._opened.append((database, journal))
        return journal

    async def close(self) -> None:
        for database, journal in self._opened:
            await journal.aclose()
            await database.aclose()
        for file in self._path.parent.glob(f"{self._path.name}*"):
            file.unlink()


def _own(path: Path) -> None:
    sql = "INSERT INTO owner (id, fence, pid, host, started_at, heartbeat_at) VALUES (1, 0, 1, 'here', '', '')"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()
