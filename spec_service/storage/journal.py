"""The journal on SQLite: records of all runs, queued in order, written in one transaction per flush.

Nobody waits longer than for the flush that holds his records: an idle journal flushes at once when somebody waits,
and whatever is queued meanwhile shares the next flush. What nobody waits for is written a few milliseconds later.

Nothing of a run is written past a hole. When a record that nobody waited for could not be written, all that follows
of its run is refused, whoever asks, until whoever executes the run takes it up again from what is written.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any

from spec_service.errors import FencedOff, NotWritten
from spec_service.ports import Observer
from spec_service.storage.columns import DEFAULT_TENANT, event_of, expansion_of, question_of, run_of, step_of
from spec_service.storage.database import Database
from spec_service.storage.flushing import Outcome, Unit, why_missing, write_units
from spec_service.storage.key_rows import read_key
from spec_service.storage.outage import Outage
from spec_service.storage.result_rows import read_result
from spec_service.storage.statement import Statement
from spec_service.storage.statements import run_id_of, statements_of
from workflows.errors import JournalError, UnknownRun
from workflows.failpoints import hit
from workflows.following import Followers
from workflows.records import Event, History, KeyKept, Question, Record, RunCreated
from workflows.run import RunId, RunStatus

Json = Any
MAX_DELAY_SECONDS = 0.01  # until what nobody waits for is written
MAX_UNITS = 10_000  # that are queued before new work is refused
MAX_BYTES = 64 << 20
WEIGHED_FROM = 256  # units of a batch; to weigh each of a short one would cost more than it tells

_CALLERS_RUN: ContextVar[str | None] = ContextVar("callers_run", default=None)
"""The run of which a task last queued something: the one whose trouble its `durable()` tells."""


class _Batch:
    """The units of one flush, each with whoever waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.units: list[Unit] = []
        self.waiters: list[asyncio.Future[bool] | None] = []
        self.bytes = 0
        self.written: asyncio.Future[None] = loop.create_future()

    def add(self, unit: Unit, waiter: asyncio.Future[bool] | None) -> None:
        self.units.append(unit)
        self.waiters.append(waiter)
        if len(self.units) > WEIGHED_FROM:
            self.bytes += unit.size


class SqlJournal:
    """Journal, event log, announcer and cache of results of one tenant; made on the loop that uses it."""

    def __init__(self, database: Database, tenant: str = DEFAULT_TENANT) -> None:
        self._database = database
        self._tenant = tenant
        self._loop = asyncio.get_running_loop()
        self._pending = _Batch(self._loop)
        self._newest: dict[str, _Batch] = {}  # per run, the batch of its newest records
        self._creating: set[str] = set()  # runs whose creation is queued
        self._in_flight: _Batch | None = None
        self._timer: asyncio.Handle | None = None
        self._is_hurried = False  # the timer is for those who wait
        self._holes: dict[str, str] = {}  # per run, why a record that nobody waited for is missing
        self._outage = Outage(database, self._loop)
        self._is_full = False
        self._followers = Followers()
        self._observers: list[Observer] = []

    @property
    def is_broken(self) -> bool:
        """Tell whether the newest flush failed, and nothing was written since."""
        return self._outage.reason is not None

    @property
    def is_full(self) -> bool:
        """Tell whether so much is queued that new work has to wait; holds until half of it is written."""
        return self._is_full

    def observe(self, observer: Observer) -> None:
        """Call `observer` on the loop with the records of each flush."""
        self._observers.append(observer)

    def observe_recovery(self, observer: Callable[[], None]) -> None:
        """Call `observer` on the loop whenever records can be written again after they could not."""
        self._outage.observe(observer)

    def append(self, *records: Record) -> None:
        """Queue a unit without waiting; dropped when a record of the run is missing already."""
        self._add(self._unit(records, is_awaited=False), None)
        self._flush_soon()

    def put(self, run_id: str, statements: tuple[Statement, ...], written: Callable[[], None] | None = None) -> None:
        """Queue rows that belong to a run and must keep their place among its records, without waiting.

        `written` is called on the loop once they are durable, and never when they are not written.
        """
        _CALLERS_RUN.set(run_id)
        self._creating.discard(run_id)
        self._add(Unit(run_id, ((None, statements),), is_awaited=False, written=written), None)
        hit("checkpoint.queued")
        self._flush_soon()

    async def commit(self, *records: Record) -> bool:
        """Queue a unit and wait until it is durable; False when a guarded record was refused."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        unit = self._unit(records, is_awaited=True)
        self._raise_if_missing(unit.run_id)
        self._add(unit, waiter)
        self._flush_now()
        return await waiter

    async def durable(self) -> None:
        """Wait until all that this caller queued so far is durable, and the process still the owner."""
        run_id = _CALLERS_RUN.get()
        if run_id is not None:
            await self.settle(run_id)
            self._raise_if_missing(run_id)
            await self._confirm()

    def creates(self, run_id: str) -> bool:
        """Tell whether the creation of a run is queued, and nothing was put for it since."""
        return run_id in self._creating

    async def _confirm(self) -> None:
        try:
            await self._database.confirm()
        except (FencedOff, NotWritten) as error:
            raise JournalError(error.message) from error

    async def reopen(self, run_id: RunId) -> None:
        """Wait until records can be written, and take those of this run again, whatever is missing of it."""
        await self._outage.over()
        if run_id in self._holes:
            await self.settle(run_id)
            self._holes.pop(run_id, None)

    async def kept(self, key: str) -> KeyKept | None:
        """Return what a request with this key was answered in the last 24 hours."""
        return await self._database.read(partial(read_key, tenant=self._tenant, key=key))

    async def history(self, run_id: RunId) -> History:
        """Return all that is recorded of a run, what is queued included."""
        await self.settle(run_id)
        return await self._database.read(partial(_read_history, tenant=self._tenant, run_id=run_id))

    async def question(self, run_id: RunId, interrupt_id: str) -> Question | None:
        """Return a question as it is recorded now, what is queued included."""
        await self.settle(run_id)
        work = partial(_read_question, tenant=self._tenant, run_id=run_id, interrupt_id=interrupt_id)
        return await self._database.read(work)

    async def get(self, key: str, now: datetime) -> Json | None:
        """Return the result that was cached last under a key, unless it is expired; what the caller queued counts."""
        run_id = _CALLERS_RUN.get()
        if run_id is not None:
            await self.settle(run_id)
        return await self._database.read(partial(read_result, tenant=self._tenant, key=key, now=now))

    async def page(self, run_id: RunId, after: int, limit: int) -> tuple[Event, ...]:
        """Return events with a seq over `after`, in order, at most `limit`."""
        events, _ = await self._read_page(run_id, after, limit)
        return events

    def follow(self, run_id: RunId, after: int) -> AsyncGenerator[Event]:
        """Yield the events after `after`, then each new one once it is durable."""
        return self._followers.follow(run_id, after, self._read_page)

    async def aclose(self) -> None:
        """Write what is queued."""
        self._flush()
        while self._in_flight is not None:
            await asyncio.shield(self._in_flight.written)
        self._outage.stop_probing()

    async def settle(self, run_id: str) -> None:
        """Wait until everything that is queued of a run has been written, or has failed to be."""
        batch = self._newest.get(run_id)
        if batch is not None:
            self._flush_now()
            await asyncio.shield(batch.written)

    def _unit(self, records: tuple[Record, ...], *, is_awaited: bool) -> Unit:
        parts = tuple((record, statements_of(record, self._tenant)) for record in records)
        run_id = run_id_of(records[0])
        _CALLERS_RUN.set(run_id)
        return Unit(run_id, parts, is_awaited)

    def _add(self, unit: Unit, waiter: asyncio.Future[bool] | None) -> None:
        if unit.run_id in self._holes:
            return
        if unit.parts[0][0].__class__ is RunCreated:
            self._creating.add(unit.run_id)
        self._pending.add(unit, waiter)
        self._newest[unit.run_id] = self._pending
        self._weigh()

    def _weigh(self) -> None:
        units, size = len(self._pending.units), self._pending.bytes
        if self._in_flight is not None:
            units, size = units + len(self._in_flight.units), size + self._in_flight.bytes
        share = 2 if self._is_full else 1
        self._is_full = units * share > MAX_UNITS or size * share > MAX_BYTES

    def _flush_soon(self) -> None:
        if self._timer is None and self._in_flight is None:
            self._timer = self._loop.call_later(MAX_DELAY_SECONDS, self._flush)

    def _flush_now(self) -> None:
        """Flush as soon as all that goes on at this moment has queued what it will: it shares the flush."""
        if self._in_flight is None and not self._is_hurried:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._is_hurried = self._loop.call_soon(self._flush), True

    def _flush(self) -> None:
        """Hand what is pending to the writer, unless it is busy: then the end of its flush starts the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._is_hurried = None, False
        if self._in_flight is not None or not self._pending.units:
            return
        batch, self._pending = self._pending, _Batch(self._loop)
        self._in_flight = batch
        work = partial(write_units, units=tuple(batch.units), holes=dict(self._holes))
        flush = self._database.write(work, committed=partial(hit, "flush.after"))
        flush.add_done_callback(partial(self._after_flush, batch))

    def _after_flush(self, batch: _Batch, flush: asyncio.Future[list[Outcome]]) -> None:
        self._in_flight = None
        error = flush.exception()
        if error is not None:
            reason = self._outage.note(error)
            outcomes = [Outcome(is_accepted=False, error=reason)] * len(batch.units)
        else:
            self._outage.end()
            outcomes = flush.result()
        self._settle_units(batch, outcomes)
        self._finish(batch)
        self._weigh()
        self._flush()
        if any(outcome.events for outcome in outcomes):
            hit("event.announced")

    def _settle_units(self, batch: _Batch, outcomes: list[Outcome]) -> None:
        records: list[Record] = []
        for unit, waiter, outcome in zip(batch.units, batch.waiters, outcomes, strict=True):
            self._tell(unit, waiter, outcome)
            if outcome.is_accepted:
                records += [record for record, _ in unit.parts if record is not None]
                self._followers.announce(outcome.events)
        if records:
            for observer in self._observers:
                observer(records)

    def _tell(self, unit: Unit, waiter: asyncio.Future[bool] | None, outcome: Outcome) -> None:
        if outcome.is_accepted and unit.written is not None:
            unit.written()
        if waiter is None:
            if not outcome.is_accepted:
                self._holes.setdefault(unit.run_id, why_missing(unit, outcome))
        elif waiter.done():  # a cancelled caller's records are written all the same
            if outcome.error is not None:
                self._holes.setdefault(unit.run_id, outcome.error)
        elif outcome.error is not None:
            waiter.set_exception(JournalError(outcome.error))
        else:
            waiter.set_result(outcome.is_accepted)

    def _finish(self, batch: _Batch) -> None:
        for unit in batch.units:
            self._creating.discard(unit.run_id)
            if self._newest.get(unit.run_id) is batch:
                del self._newest[unit.run_id]
        if not batch.written.done():
            batch.written.set_result(None)

    def _raise_if_missing(self, run_id: str) -> None:
        hole = self._holes.get(run_id)
        if hole is not None:
            raise JournalError(hole)

    async def _read_page(self, run_id: RunId, after: int, limit: int) -> tuple[tuple[Event, ...], bool]:
        work = partial(_read_events, tenant=self._tenant, run_id=run_id, after=after, limit=limit)
        return await self._database.read(work)


_KEPT_BYTES = "SELECT step, SUM(bytes) AS size FROM artifact WHERE tenant = ? AND run_id = ? GROUP BY step"


def _read_history(connection: sqlite3.Connection, *, tenant: str, run_id: RunId) -> History:
    key = (tenant, run_id)
    row = connection.execute("SELECT * FROM run WHERE tenant = ? AND id = ?", key).fetchone()
    if row is None:
        raise UnknownRun
    steps = connection.execute("SELECT * FROM step_execution WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    questions = connection.execute("SELECT * FROM question WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    expansions = connection.execute("SELECT * FROM expansion WHERE tenant = ? AND run_id = ? ORDER BY id", key)
    sizes = connection.execute(_KEPT_BYTES, key)
    last = connection.execute("SELECT MAX(seq) FROM event WHERE tenant = ? AND run_id = ?", key).fetchone()[0]
    return History(
        run=run_of(row),
        steps=tuple(step_of(one) for one in steps),
        questions=tuple(question_of(one) for one in questions),
        expansions=tuple(expansion_of(one) for one in expansions),
        last_seq=last or 0,
        kept_bytes={one["step"]: one["size"] for one in sizes},
    )


def _read_question(connection: sqlite3.Connection, *, tenant: str, run_id: RunId, interrupt_id: str) -> Question | None:
    sql = "SELECT * FROM question WHERE tenant = ? AND run_id = ? AND interrupt_id = ?"
    row = connection.execute(sql, (tenant, run_id, interrupt_id)).fetchone()
    return question_of(row) if row is not None else None


def _read_events(
    connection: sqlite3.Connection, *, tenant: str, run_id: RunId, after: int, limit: int
) -> tuple[tuple[Event, ...], bool]:
    sql = "SELECT * FROM event WHERE tenant = ? AND run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
    rows = connection.execute(sql, (tenant, run_id, after, limit)).fetchall()
    run = connection.execute("SELECT status FROM run WHERE tenant = ? AND id = ?", (tenant, run_id)).fetchone()
    return tuple(event_of(row) for row in rows), run is None or RunStatus(run["status"]).is_final
