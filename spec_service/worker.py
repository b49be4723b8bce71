"""The dispatcher: starts runs in this process from durable rows, continues them after a restart, stops them gently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

import anyio
from anyio.abc import TaskGroup
from structlog.stdlib import get_logger

from spec_service.answering import close_question
from spec_service.eventually import Eventually
from spec_service.expiring import Expiries
from spec_service.ports import Announcer, RunBoard, RunPosition
from workflows.errors import JournalError
from workflows.ports import Journal
from workflows.records import (
    AttemptStarted,
    EventRecorded,
    History,
    Question,
    QuestionAnswered,
    Record,
    RunMoved,
    RunRetried,
)
from workflows.run import Run, RunId, RunStatus

RETAKE_SECONDS = 0.05  # until a run whose records could not be written is taken up again; doubles each time
MAX_RETAKE_SECONDS = 30.0
CANCEL_PATIENCE_SECONDS = 0.02  # between two tries to stop an attempt that is just being made or ended
FIRST_PAGE, PAGE = 50, 500  # unfinished runs that are read at a time: the first ones go on while others are read
log = get_logger("specloom.worker")


class AttemptEngine(Protocol):
    """What the dispatcher needs of the engine."""

    async def run_attempt(self, run_id: RunId, known: History | None = None) -> RunStatus:
        """Execute a queued run until it ends, waits or is drained."""
        ...

    def deliver(self, run_id: RunId, interrupt_id: str) -> bool:
        """Tell a live attempt that an answer is recorded."""
        ...

    def cancel(self, run_id: RunId) -> bool:
        """Stop a live attempt for real."""
        ...

    async def drain(self, grace_seconds: float) -> None:
        """Stop all live attempts at their next step."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What the dispatcher works with."""

    journal: Journal
    announcer: Announcer
    runs: RunBoard
    engine: Eventually[AttemptEngine]
    limit: int  # attempts at the same time
    fenced_off: asyncio.Event = field(default_factory=asyncio.Event)  # another process has taken the runs over


@dataclass(slots=True)
class Dispatcher:
    """Executes submitted runs, each at most once at a time."""

    desk: Desk
    group: TaskGroup
    _queue: asyncio.PriorityQueue[tuple[int, int, RunId]] = field(
        default_factory=asyncio.PriorityQueue[tuple[int, int, RunId]]
    )
    _numbers: count[int] = field(default_factory=count)
    _queued: set[RunId] = field(default_factory=set[RunId])
    _active: dict[RunId, int] = field(default_factory=dict[RunId, int])  # each time with another number
    _again: set[RunId] = field(default_factory=set[RunId])
    _new: dict[RunId, History] = field(default_factory=dict[RunId, History])
    _expiries: Expiries = field(default_factory=Expiries)
    _troubles: dict[RunId, int] = field(default_factory=dict[RunId, int])  # attempts in a row that were not recorded
    _outage_over: asyncio.Event = field(default_factory=asyncio.Event)
    _is_draining: bool = False
    _knows_clocks: bool = True  # of all runs that wait

    def start(self, run: Run) -> None:
        """Start a run whose creation is queued just now: all that is recorded of it is known."""
        self._new[run.id] = History(run, (), (), (), last_seq=1)
        self.submit(run.id, run.priority)

    def submit(self, run_id: RunId, priority: int = 0) -> None:
        """Start or continue a queued run as soon as there is room; higher priorities first."""
        self._queue.put_nowait((-priority, next(self._numbers), run_id))
        self._queued.add(run_id)

    def is_live(self, run_id: RunId) -> bool:
        """Tell whether the run is executed here, or will be as soon as there is room."""
        return run_id in self._active or run_id in self._queued

    def deliver(self, run_id: RunId, interrupt_id: str) -> bool:
        """Tell a live attempt that an answer was recorded; False when no node of it waits for that here."""
        engine = self.desk.engine.value
        return engine is not None and engine.deliver(run_id, interrupt_id)

    def cancel(self, run_id: RunId) -> bool:
        """Stop a live attempt; False when the run is not live here."""
        engine, number = self.desk.engine.value, self._active.get(run_id)
        if engine is None or number is None:
            return False
        if not engine.cancel(run_id):
            self.group.start_soon(self._cancel_soon, engine, run_id, number)
        return True

    async def serve(self, *, recover: bool) -> None:
        """Continue what is unfinished, then execute what is submitted, until cancelled."""
        self._knows_clocks = recover
        self.desk.announcer.observe(self._observe)
        self.desk.announcer.observe_recovery(self._outage_over.set)
        self.group.start_soon(self._stop_when_fenced_off)
        self.group.start_soon(self._recover_after_outages)
        try:
            if recover:  # beside everything else: what is found first goes on first
                self.group.start_soon(self._recover_or_say_why)
            self.group.start_soon(self._expiries.run, self._expire, self._open_questions)
            engine = await self.desk.engine.get()
        except Exception:
            log.exception("worker.broke")
            return
        await self._admit(engine)

    async def drain(self, grace_seconds: float) -> None:
        """Start nothing more and stop what is live at the next step; stopped runs are queued again."""
        self._is_draining = True
        engine = self.desk.engine.value
        if engine is not None and self._active:
            log.info("worker.draining", runs=len(self._active))
            await engine.drain(grace_seconds)

    async def _admit(self, engine: AttemptEngine) -> None:
        turns = asyncio.Semaphore(self.desk.limit)
        while True:
            await turns.acquire()
            _, _, run_id = await self._queue.get()
            self._queued.discard(run_id)
            if self._is_draining:
                return
            if run_id in self._active:
                self._again.add(run_id)
                turns.release()
                continue
            self._active[run_id] = next(self._numbers)
            self.group.start_soon(self._attempt, engine, run_id, turns)

    async def _attempt(self, engine: AttemptEngine, run_id: RunId, turns: asyncio.Semaphore) -> None:
        try:
            # Here and nowhere else: reopened while it is executed, a run would be recorded past what is missing.
            await self.desk.journal.reopen(run_id)
            await engine.run_attempt(run_id, self._new.pop(run_id, None))
            self._troubles.pop(run_id, None)
        except JournalError as error:
            log.error("attempt.not-recorded", run_id=run_id, reason=error.message)  # noqa: TRY400 - the trace says less
            self.group.start_soon(self._retake, run_id)
        except Exception:
            log.exception("attempt.broke", run_id=run_id)
        finally:
            del self._active[run_id]
            turns.release()
            if run_id in self._again:
                self._again.discard(run_id)
                self.submit(run_id)

    async def _cancel_soon(self, engine: AttemptEngine, run_id: RunId, number: int) -> None:
        """Stop an attempt that has no task of its own at the moment, then make sure that the run is over.

        Only that attempt: when the run was retried meanwhile, nobody wants the next one to stop.
        """
        while self._active.get(run_id) == number and not engine.cancel(run_id):  # noqa: ASYNC110 - it tells nobody
            await anyio.sleep(CANCEL_PATIENCE_SECONDS)
        if run_id in self._active:
            return
        with suppress(JournalError):  # then whoever takes the run up again stops it
            run = (await self.desk.journal.history(run_id)).run
            if run.cancel_requested and not run.status.is_final:
                now = datetime.now(UTC)
                event = EventRecorded(run_id, "run.cancelled", now)
                await self.desk.journal.commit(RunMoved(run_id, RunStatus.CANCELLED, now, only_from=run.status), event)

    async def _recover(self) -> None:
        """Continue what is unfinished, page by page: first what was executed, then what waits."""
        for statuses in ((RunStatus.QUEUED, RunStatus.RUNNING), (RunStatus.WAITING,)):
            after, limit = None, FIRST_PAGE
            while page := await self.desk.runs.unfinished(statuses, after, limit):
                for position in page:
                    await self._continue_if_nobody_does(position)
                after, limit = page[-1].run.id, PAGE

    async def _continue_if_nobody_does(self, position: RunPosition) -> None:
        if self.is_live(position.run.id):
            return
        try:
            await self._continue(position)
        except JournalError as error:
            log.error("run.not-continued", run_id=position.run.id, reason=error.message)  # noqa: TRY400
            self.group.start_soon(self._retake, position.run.id)

    async def _recover_or_say_why(self) -> None:
        try:
            await self._recover()
        except Exception:
            log.exception("worker.not-recovered")

    async def _recover_after_outages(self) -> None:
        """Take up, after each time in which nothing could be written, what somebody could not set in motion."""
        while True:
            await self._outage_over.wait()
            self._outage_over.clear()
            if not self._is_draining:
                await self._recover_or_say_why()

    async def _retake(self, run_id: RunId) -> None:
        """Continue a run of which something could not be recorded, from what is recorded, after a while."""
        tries = self._troubles[run_id] = self._troubles.get(run_id, 0) + 1
        # A record that can never be written must not keep the machine busy.
        await anyio.sleep(min(RETAKE_SECONDS * 2.0 ** min(tries - 1, 16), MAX_RETAKE_SECONDS))
        if not self._is_draining and not self.desk.fenced_off.is_set():
            log.info("run.retaken", run_id=run_id)
            self.submit(run_id)

    async def _stop_when_fenced_off(self) -> None:
        await self.desk.fenced_off.wait()
        await self.drain(0)

    async def _continue(self, position: RunPosition) -> None:
        """Take up a run where an earlier process left it."""
        run, journal, now = position.run, self.desk.journal, datetime.now(UTC)
        for question in position.questions:
            if question.is_open:
                self._expiries.add(question)
        if run.cancel_requested:  # the engine ends it, after what stands under `finally`
            is_queued = run.status is not RunStatus.WAITING or await journal.commit(
                RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)
            )
            if is_queued:
                self.submit(run.id, run.priority)
        elif run.status is not RunStatus.WAITING:
            self.submit(run.id, run.priority)
        elif any(not one.is_open and not one.is_taken for one in position.questions):
            event = EventRecorded(run.id, "run.resumed", now, data={"reason": "recovery"})
            if await journal.commit(RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING), event):
                self.submit(run.id, run.priority)

    def _observe(self, records: Sequence[Record]) -> None:
        self._expiries.observe(records)
        for record in records:
            is_late = isinstance(record, AttemptStarted) and record.number > 1 and not self._knows_clocks
            if isinstance(record, AttemptStarted | RunRetried) and (is_late or isinstance(record, RunRetried)):
                self._expiries.look_up(record.run_id)  # what it asked before may be unknown here

    def expect(self, questions: Sequence[Question]) -> None:
        """Watch the clock for questions that an earlier process asked."""
        for question in questions:
            self._expiries.add(question)

    async def _open_questions(self, run_id: RunId) -> Sequence[Question]:
        try:
            position = await self.desk.runs.get(run_id)
        except Exception:
            log.exception("questions.not-read", run_id=run_id)
            return ()
        return [one for one in position.questions if one.is_open]

    async def _expire(self, run_id: RunId, interrupt_id: str) -> None:
        now = datetime.now(UTC)
        expired = QuestionAnswered(run_id, interrupt_id, now, has_expired=True)
        try:
            question = await self.desk.journal.question(run_id, interrupt_id)
            if question is None or question.expires_at is None or question.expires_at > now:
                return  # it was asked anew since
            if await close_question(self.desk.journal, self, expired, "expired"):
                log.info("question.expired", run_id=run_id)
        except JournalError as error:
            log.error("question.not-expired", run_id=run_id, reason=error.message)  # noqa: TRY400 - the trace says less


@asynccontextmanager
async def dispatching(desk: Desk, *, recover: bool, grace_seconds: float) -> AsyncGenerator[Dispatcher]:
    """Dispatch runs until the block ends; then everything live is drained within the grace."""
    async with anyio.create_task_group() as group:
        dispatcher = Dispatcher(desk, group)
        group.start_soon(_serve, dispatcher, recover)
        try:
            yield dispatcher
        finally:
            with anyio.CancelScope(shield=True):
                await dispatcher.drain(0 if desk.fenced_off.is_set() else grace_seconds)
            group.cancel_scope.cancel()


async def _serve(dispatcher: Dispatcher, recover: bool) -> None:  # noqa: FBT001 - called by a task group
    await dispatcher.serve(recover=recover)
