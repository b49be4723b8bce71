"""The journal on SQLite: records of all runs, queued in order, written in one transaction per flush.

Nobody waits longer than for the flush that holds his records: an idle journal flushes at once when somebody waits,
and whatever is queued meanwhile shares the next flush. What nobody waits for is written a few milliseconds later.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

from spec_service.ports import Observer
from spec_service.storage.columns import DEFAULT_TENANT, event_of, expansion_of, question_of, run_of, step_of
from spec_service.storage.database import Database
from spec_service.storage.statements import Statement, run_id_of, statements_of
from workflows.errors import JournalError, UnknownRun
from workflows.following import Followers
from workflows.records import Event, EventRecorded, History, Record
from workflows.run import RunId, RunStatus

MAX_DELAY_SECONDS = 0.01  # until what nobody waits for is written

_CALLERS_RUN: ContextVar[str | None] = ContextVar("callers_run", default=None)
"""The run of which a task last queued something: the one whose trouble its `durable()` tells."""


class Unit(NamedTuple):
    """The records of one call, as statements; all of them are written, or none."""

    run_id: str
    parts: tuple[tuple[Record | None, tuple[Statement, ...]], ...]  # None: rows that are nobody's record
    waiter: asyncio.Future[bool] | None
    written: Callable[[], None] | None = None  # called once the unit is durable


class Outcome(NamedTuple):
    """What became of a unit: `error` is a mistake, a refusal is none."""

    is_accepted: bool
    events: tuple[Event, ...] = ()
    error: str | None = None


class _Batch:
    """The units of one flush."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.units: list[Unit] = []
        self.written: asyncio.Future[None] = loop.create_future()


class SqlJournal:
    """Journal, event log and announcer of one tenant; made on the loop that uses it."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant
        self._loop = asyncio.get_running_loop()
        self._pending = _Batch(self._loop)
        self._newest: dict[str, _Batch] = {}  # per run, the batch of its newest records
        self._in_flight: _Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures: dict[str, str] = {}  # per run, why a unit that nobody waited for was not written
        self._broken: str | None = None
        self._followers = Followers()
        self._observers: list[Observer] = []

    @property
    def is_broken(self) -> bool:
        """Tell whether a flush failed, after which nothing is written any more."""
        return self._broken is not None

    def observe(self, observer: Observer) -> None:
        """Call `observer` on the loop with the records of each flush."""
        self._observers.append(observer)

    def append(self, *records: Record) -> None:
        """Queue a unit without waiting."""
        self._queue(records, None)
        self._flush_soon()

    def put(self, run_id: str, statements: tuple[Statement, ...], written: Callable[[], None] | None = None) -> None:
        """Queue rows that belong to a run and must keep their place among its records, without waiting.

        `written` is called on the loop once they are durable, and never when they are not written.
        """
        self._add(Unit(run_id, ((None, statements),), None, written))
        self._flush_soon()

    async def commit(self, *records: Record) -> bool:
        """Queue a unit and wait until it is durable; False when a guarded record was refused."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._queue(records, waiter)
        self._flush()
        return await waiter

    async def durable(self) -> None:
        """Wait until all that this caller queued so far is durable."""
        run_id = _CALLERS_RUN.get()
        if run_id is None:
            return
        await self.settle(run_id)
        self._raise_if_broken()
        failure = self._failures.pop(run_id, None)
        if failure is not None:
            raise JournalError(failure)

    async def history(self, run_id: RunId) -> History:
        """Return all that is recorded of a run, what is queued included."""
        await self.settle(run_id)
        return await self._database.read(partial(_read_history, tenant=self._tenant, run_id=run_id))

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]:
        """Return events with a seq over `after`, in order, at most `limit`."""
        events, _ = await self._read_page(run_id, after, limit)
        return events

    def follow(self, run_id: RunId, after: int) -> AsyncIterator[Event]:
        """Yield the events after `after`, then each new one once it is durable."""
        return self._followers.follow(run_id, after, self._read_page)

    async def aclose(self) -> None:
        """Write what is queued."""
        self._flush()
        while self._in_flight is not None:
            await asyncio.shield(self._in_flight.written)

    def _queue(self, records: tuple[Record, ...], waiter: asyncio.Future[bool] | None) -> None:
        parts = tuple((record, statements_of(record, self._tenant)) for record in records)
        self._add(Unit(run_id_of(records[0]), parts, waiter))

    def _add(self, unit: Unit) -> None:
        _CALLERS_RUN.set(unit.run_id)
        self._pending.units.append(unit)
        self._newest[unit.run_id] = self._pending

    async def settle(self, run_id: str) -> None:
        """Wait until everything that is queued of a run has been written, or has failed to be."""
        batch = self._newest.get(run_id)
        if batch is not None:
            self._flush()
            await asyncio.shield(batch.written)

    def _flush_soon(self) -> None:
        if self._timer is None and self._in_flight is None:
            self._timer = self._loop.call_later(MAX_DELAY_SECONDS, self._flush)

    def _flush(self) -> None:
        """Hand what is pending to the writer, unless it is busy: then the end of its flush starts the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._in_flight is not None or not self._pending.units:
            return
        batch, self._pending = self._pending, _Batch(self._loop)
        if self._broken is not None:
            self._fail(batch)
            return
        self._in_flight = batch
        work = partial(_write_units, units=tuple(batch.units))
        self._database.write(work).add_done_callback(partial(self._after_flush, batch))

    def _after_flush(self, batch: _Batch, flush: asyncio.Future[list[Outcome]]) -> None:
        self._in_flight = None
        error = flush.exception()
        if error is not None:
            self._broken = f"{type(error).__name__}: {error}"
            self._fail(batch)
        else:
            self._settle_units(batch, flush.result())
        self._finish(batch)
        self._flush()

    def _settle_units(self, batch: _Batch, outcomes: list[Outcome]) -> None:
        for unit, outcome in zip(batch.units, outcomes, strict=True):
            self._tell_waiter(unit, outcome)
            if outcome.is_accepted and unit.written is not None:
                unit.written()
        accepted = [(unit, outcome) for unit, outcome in zip(batch.units, outcomes, strict=True) if outcome.is_accepted]
        for _, outcome in accepted:
            self._followers.announce(outcome.events)
        records = [record for unit, _ in accepted for record, _ in unit.parts if record is not None]
        for observer in self._observers:
            observer(records)

    def _tell_waiter(self, unit: Unit, outcome: Outcome) -> None:
        if unit.waiter is None:
            if not outcome.is_accepted:
                kinds = ", ".join(type(record).__name__ for record, _ in unit.parts)
                self._failures[unit.run_id] = outcome.error or f"refused: {kinds}"
        elif not unit.waiter.done():  # a cancelled caller's records are written all the same
            if outcome.error is not None:
                unit.waiter.set_exception(JournalError(outcome.error))
            else:
                unit.waiter.set_result(outcome.is_accepted)

    def _fail(self, batch: _Batch) -> None:
        for unit in batch.units:
            if unit.waiter is not None and not unit.waiter.done():
                unit.waiter.set_exception(JournalError(self._broken))
        self._finish(batch)

    def _finish(self, batch: _Batch) -> None:
        for unit in batch.units:
            if self._newest.get(unit.run_id) is batch:
                del self._newest[unit.run_id]
        if not batch.written.done():
            batch.written.set_result(None)

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise JournalError(self._broken)

    async def _read_page(self, run_id: RunId, after: int, limit: int) -> tuple[tuple[Event, ...], bool]:
        work = partial(_read_events, tenant=self._tenant, run_id=run_id, after=after, limit=limit)
        return await self._database.read(work)


def _write_units(connection: sqlite3.Connection, *, units: tuple[Unit, ...]) -> list[Outcome]:
    return [_write_unit(connection, unit) for unit in units]


def _write_unit(connection: sqlite3.Connection, unit: Unit) -> Outcome:
    """Write a unit inside a savepoint; a refusal or a broken constraint undoes this unit only."""
    connection.execute("SAVEPOINT unit")
    try:
        events = _write_parts(connection, unit)
    except sqlite3.IntegrityError as error:
        outcome = Outcome(is_accepted=False, error=f"{type(error).__name__}: {error}")
    else:
        outcome = Outcome(is_accepted=events is not None, events=events or ())
    if not outcome.is_accepted:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return outcome


def _write_parts(connection: sqlite3.Connection, unit: Unit) -> tuple[Event, ...] | None:
    """Return the events with their numbers, or None when a guarded statement changed nothing."""
    events: list[Event] = []
    for record, statements in unit.parts:
        for statement in statements:
            cursor = connection.execute(statement.sql, statement.values)
            if statement.is_guarded and cursor.rowcount == 0:
                return None
            if isinstance(record, EventRecorded):
                events.append(_numbered(record, cursor.fetchall()[0]["seq"]))
    return tuple(events)


def _numbered(record: EventRecorded, seq: int) -> Event:
    return Event(record.run_id, seq, record.type, record.at, record.node, record.attempt, record.data)


def _read_history(connection: sqlite3.Connection, *, tenant: str, run_id: RunId) -> History:
    key = (tenant, run_id)
    row = connection.execute("SELECT * FROM run WHERE tenant = ? AND id = ?", key).fetchone()
    if row is None:
        raise UnknownRun
    steps = connection.execute("SELECT * FROM step_execution WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    questions = connection.execute("SELECT * FROM question WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    expansions = connection.execute("SELECT * FROM expansion WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    last = connection.execute("SELECT MAX(seq) FROM event WHERE tenant = ? AND run_id = ?", key).fetchone()[0]
    return History(
        run=run_of(row),
        steps=tuple(step_of(one) for one in steps),
        questions=tuple(question_of(one) for one in questions),
        expansions=tuple(expansion_of(one) for one in expansions),
        last_seq=last or 0,
    )


def _read_events(
    connection: sqlite3.Connection, *, tenant: str, run_id: RunId, after: int, limit: int
) -> tuple[tuple[Event, ...], bool]:
    sql = "SELECT * FROM event WHERE tenant = ? AND run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
    rows = connection.execute(sql, (tenant, run_id, after, limit)).fetchall()
    run = connection.execute("SELECT status FROM run WHERE tenant = ? AND id = ?", (tenant, run_id)).fetchone()
    return tuple(event_of(row) for row in rows), run is None or RunStatus(run["status"]).is_final
