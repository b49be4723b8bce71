import asyncio
import sqlite3
from datetime import UTC, datetime

import pytest

from spec_service.storage.journal import SqlJournal
from workflows.errors import JournalError
from workflows.records import EventRecorded, RunCreated, RunMoved
from workflows.run import Run, RunId, RunStatus

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def run(number: int = 1) -> Run:
    return Run(RunId(f"run-{number}"), "hello", 1, "s", "p", {}, NOW)


def event(number: int = 1) -> EventRecorded:
    return EventRecorded(RunId(f"run-{number}"), "step.started", NOW)


class CountingDatabase:
    """A database that counts its transactions, and can be told to fail them."""

    def __init__(self, database) -> None:
        self._database = database
        self.writes = 0
        self.failure = None

    def write(self, work, *, committed=None):
        self.writes += 1
        if self.failure is None:
            return self._database.write(work, committed=committed)

        def fail(connection: sqlite3.Connection):
            work(connection)
            raise self.failure

        return self._database.write(fail)

    async def read(self, work):
        return await self._database.read(work)

    async def confirm(self):
        await self._database.confirm()


@pytest.fixture
def counting(database):
    return CountingDatabase(database)


@pytest.fixture
async def journal(counting):
    opened = SqlJournal(counting)
    yield opened
    await opened.aclose()


async def test_what_is_queued_while_a_flush_is_under_way_shares_the_next(journal, counting):
    first = asyncio.create_task(journal.commit(RunCreated(run(0))))
    while not counting.writes:  # noqa: ASYNC110 - there is nothing to wait for
        await asyncio.sleep(0)
    await asyncio.gather(first, *(journal.commit(RunCreated(run(number))) for number in range(1, 100)))
    assert counting.writes == 2


async def test_what_is_queued_at_the_same_moment_shares_a_flush(journal, counting):
    await asyncio.gather(*(journal.commit(RunCreated(run(number))) for number in range(100)))
    assert counting.writes == 1


async def test_what_nobody_waits_for_is_written_soon(journal, counting):
    journal.append(RunCreated(run()))
    assert counting.writes == 0
    await asyncio.sleep(0.2)
    assert counting.writes == 1
    await journal.durable()
    assert counting.writes == 1


async def test_closing_writes_what_is_queued(journal, database):
    journal.append(RunCreated(run()))
    journal.append(event())
    await journal.aclose()
    assert await database.read(lambda connection: connection.execute("SELECT COUNT(*) FROM event").fetchone()[0]) == 1


async def count_events(database) -> int:
    return await database.read(lambda connection: connection.execute("SELECT COUNT(*) FROM event").fetchone()[0])


async def test_a_failed_flush_fails_exactly_the_callers_in_it(journal, counting, database):
    await journal.commit(RunCreated(run(1)), event(1))
    await journal.commit(RunCreated(run(2)), event(2))
    counting.failure = sqlite3.OperationalError("database or disk is full")
    journal.append(event(1))
    with pytest.raises(JournalError, match="disk is full"):
        await journal.durable()
    with pytest.raises(JournalError, match="disk is full"):
        await journal.commit(event(2))
    assert journal.is_broken
    counting.failure = None
    assert await journal.commit(event(2))  # its caller was told: nothing of this run is missing
    assert not journal.is_broken
    with pytest.raises(JournalError, match="disk is full"):
        await journal.commit(event(1))
    await journal.reopen(RunId("run-1"))
    assert await journal.commit(event(1))
    assert await count_events(database) == 4


async def test_the_journal_notices_by_itself_that_it_can_write_again(journal, counting, monkeypatch):
    monkeypatch.setattr("spec_service.storage.outage.PROBE_SECONDS", 0.01)
    told = []
    journal.observe_recovery(lambda: told.append(journal.is_broken))
    await journal.commit(RunCreated(run()))
    counting.failure = OSError(5, "Input/output error")
    journal.append(event())
    with pytest.raises(JournalError, match="Input/output error; look after the disk"):
        await journal.durable()
    reopening = asyncio.ensure_future(journal.reopen(RunId("run-1")))
    await asyncio.sleep(0.05)
    assert not reopening.done()
    counting.failure = None
    async with asyncio.timeout(10):
        await reopening
    assert told == [False]
    assert await journal.commit(event())


async def test_a_full_database_is_told_and_goes_on_once_there_is_room(database):
    journal = SqlJournal(database)
    await journal.commit(RunCreated(run()))
    pages = await database.write(lambda one: one.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda one: one.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    big = EventRecorded(RunId("run-1"), "step.started", NOW, data={"text": "x" * 100_000})
    with pytest.raises(JournalError, match="disk is full; make room"):
        await journal.commit(big)
    assert journal.is_broken
    await database.write(lambda one: one.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert await journal.commit(big)
    assert not journal.is_broken
    assert [one.seq for one in await journal.page(RunId("run-1"), 0, 9)] == [1]
    await journal.aclose()


async def test_a_probe_does_not_take_a_full_database_for_a_usable_one(database, monkeypatch):
    monkeypatch.setattr("spec_service.storage.outage.PROBE_SECONDS", 0.01)
    journal = SqlJournal(database)
    await journal.commit(RunCreated(run()))
    pages = await database.write(lambda one: one.execute("PRAGMA page_count").fetchone()[0])
    await database.write(lambda one: one.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    journal.append(EventRecorded(RunId("run-1"), "step.started", NOW, data={"text": "x" * 100_000}))
    with pytest.raises(JournalError):
        await journal.durable()
    await asyncio.sleep(0.2)
    assert journal.is_broken
    await database.write(lambda one: one.execute("PRAGMA max_page_count = 1000000").fetchone())
    async with asyncio.timeout(10):
        await journal.reopen(RunId("run-1"))
    tables = await database.read(lambda one: [row["name"] for row in one.execute("SELECT name FROM sqlite_master")])
    assert "probe" not in tables
    await journal.aclose()


async def test_new_work_waits_while_too_much_is_queued(journal, monkeypatch):
    monkeypatch.setattr("spec_service.storage.journal.MAX_UNITS", 10)
    await journal.commit(RunCreated(run()))
    for _ in range(10):
        journal.append(event())
    assert not journal.is_full
    journal.append(event())
    assert journal.is_full
    await journal.durable()
    assert not journal.is_full


async def test_a_few_large_records_are_too_much_as_well(journal, monkeypatch):
    monkeypatch.setattr("spec_service.storage.journal.MAX_BYTES", 10_000)
    monkeypatch.setattr("spec_service.storage.journal.WEIGHED_FROM", 1)
    await journal.commit(RunCreated(run()))
    journal.append(event())
    assert not journal.is_full
    journal.append(EventRecorded(RunId("run-1"), "step.started", NOW, data={"text": "x" * 10_000}))
    assert journal.is_full
    await journal.durable()
    assert not journal.is_full


async def test_a_failed_flush_announces_nothing(journal, counting):
    await journal.commit(RunCreated(run()))
    seen = []

    async def follow():
        seen.extend([one async for one in journal.follow(RunId("run-1"), 0)])

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(0.05)
    counting.failure = sqlite3.OperationalError("disk")
    with pytest.raises(JournalError):
        await journal.commit(event())
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert seen == []


async def test_a_mistake_in_one_unit_leaves_the_others_of_the_flush_alone(journal):
    results = await asyncio.gather(
        journal.commit(RunCreated(run(1))),
        journal.commit(event(7)),
        journal.commit(RunCreated(run(2)), event(2)),
        return_exceptions=True,
    )
    assert results[0] is True
    assert isinstance(results[1], JournalError)
    assert results[2] is True
    assert not journal.is_broken


async def test_the_records_of_a_cancelled_caller_are_written_all_the_same(journal):
    await journal.commit(RunCreated(run()))
    task = asyncio.ensure_future(journal.commit(RunMoved(RunId("run-1"), RunStatus.RUNNING, NOW)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await journal.history(RunId("run-1"))).run.status is RunStatus.RUNNING


async def test_trouble_of_one_run_is_not_told_to_another(journal):
    await journal.commit(RunCreated(run(1)))
    await journal.commit(RunCreated(run(2)))

    async def refused():
        journal.append(RunMoved(RunId("run-1"), RunStatus.WAITING, NOW))
        with pytest.raises(JournalError):
            await journal.durable()

    async def fine():
        journal.append(event(2))
        await journal.durable()

    await asyncio.gather(asyncio.create_task(refused()), asyncio.create_task(fine()))


async def test_something_that_is_no_json_is_refused_before_it_is_queued(journal):
    await journal.commit(RunCreated(run()))
    with pytest.raises(ValueError, match="JSON"):
        journal.append(EventRecorded(RunId("run-1"), "step.started", NOW, data={"n": float("nan")}))
    assert await journal.commit(event())
