"""Executes runs: one attempt at a time for each, from what is recorded until the run ends, waits or is drained.

Our rows are the truth about a run; LangGraph's checkpoint is the means to go on. So what an attempt came to is told by
what its nodes recorded, never by LangGraph's state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from structlog.stdlib import get_logger

from translator import compiling
from translator.language.expressions import ExpressionEngine, ExpressionError
from translator.planning.catalog import Catalog
from translator.planning.plan import FINALLY, Plan
from workflows.activity import Activity, Quiet
from workflows.attempt import Attempt, Ports
from workflows.beginning import AttemptKind, begin_anew, config_of, first_state, kind_of, replayed
from workflows.errors import CheckpointUnreadable, JournalError, StepFailed, WorkflowError
from workflows.failpoints import hit
from workflows.frames import Frame, Outcome, Visit
from workflows.guarding import Guard
from workflows.limiting import asked_for_time, take_up
from workflows.living import Live, loop_time
from workflows.ports import PlanStore
from workflows.program import Program, prepare
from workflows.records import AttemptEnded, AttemptStarted, EventRecorded, History, RunMoved
from workflows.run import RunError, RunId, RunStatus
from workflows.run_spans import traced
from workflows.sharing import share
from workflows.spending import Tally
from workflows.stepping import RunStepper

Json = Any
CACHED_PLANS = 256  # compiled graphs that are kept
log = get_logger("specloom.engine")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A plan with everything compiled that running it takes."""

    program: Program
    graph: CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a run has come to before its `finally` has been executed."""

    status: RunStatus
    state: Mapping[str, Json] | None = None  # None: as the newest checkpoint has it
    outputs: Json = None
    error: RunError | None = None


_CANCELLED = _Ending(RunStatus.CANCELLED)


class Engine:
    """Executes the runs of one tenant."""

    def __init__(
        self,
        ports: Ports,
        plans: PlanStore,
        catalog: Catalog,
        checkpointer: BaseCheckpointSaver[Any],
        expressions: ExpressionEngine,
    ) -> None:
        self._ports, self._plans, self._catalog = ports, plans, catalog
        self._checkpointer, self._expressions = checkpointer, expressions
        self._live: dict[str, Live] = {}
        self._stepper = RunStepper(ports.nodes)
        self._ready: dict[str, _Ready] = {}
        self._tally = Tally()
        self._unrecorded: dict[str, int] = {}  # runs whose attempts since this one could not record their end

    # --- what the dispatcher says ----------------------------------------------------------------------------------

    async def run_attempt(self, run_id: RunId, known: History | None = None) -> RunStatus:
        """Execute a queued run until it ends, waits or is drained, and return its status then.

        `known` spares reading the history of a run that was created just now. A failed run is no error here; raises
        `JournalError` when its records cannot be written, or when somebody else moved the run meanwhile.
        """
        history = known or await self._ports.journal.history(run_id)
        if history.run.status not in {RunStatus.QUEUED, RunStatus.RUNNING}:
            return history.run.status
        hit("claim.before")
        work = partial(self._attempt, history, kind_of(history.run))
        if not self._ports.tracing.is_on:
            return await work()
        return await traced(self._ports.tracing, history.run, self._ports.journal, work)

    def deliver(self, run_id: RunId, interrupt_id: str) -> bool:
        """Tell a live attempt that an answer is recorded; False when no node of it waits for that here."""
        live = self._live.get(run_id)
        if live is None or interrupt_id not in live.attempt.parked:
            return False
        task = asyncio.ensure_future(self._take(live.attempt, interrupt_id))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return True

    def cancel(self, run_id: RunId) -> bool:
        """Stop a live attempt for real; False when the run is not live here."""
        live = self._live.get(run_id)
        if live is None:
            return False
        live.is_cancelled = True
        if live.task is not None:
            live.task.cancel()
        return True

    async def drain(self, grace_seconds: float) -> None:
        """Let every live attempt stop at its next step, and stop for real those that take longer; they go on later."""
        for live in self._live.values():
            live.is_draining = True
            live.control.request_drain()
        tasks = [live.task for live in self._live.values() if live.task]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    # --- one attempt -----------------------------------------------------------------------------------------------

    async def _attempt(self, history: History, kind: AttemptKind) -> RunStatus:
        run, number = history.run, history.run.attempt + 1
        if run.cancel_requested and run.attempt == 0:
            return await self._end(run.id, run.attempt, RunStatus.CANCELLED)
        started = replace(run, status=RunStatus.RUNNING, attempt=number, started_at=run.started_at or datetime.now(UTC))
        try:
            ready = await self._prepared(run.plan_digest)
        except WorkflowError as error:
            return await self._end(run.id, number, RunStatus.FAILED, error=RunError(error.name, error.message))
        attempt = Attempt.of(replace(history, run=started), number, ready.program, self._ports)
        attempt.unrecorded_since = self._unrecorded.get(run.id)
        live = self._live[run.id] = Live(
            attempt, Frame.top(attempt), is_new=kind == "start", is_cancelled=run.cancel_requested
        )
        attempt.control = live.control
        attempt.tally = self._tally
        try:
            self._claim(attempt, kind)
            attempt.guard = Guard(attempt, live.stop)
            attempt.guard.shared = await share(attempt, [one.attempt for one in self._live.values()], self._plans)
            self._tell_changes(attempt)
            hit("attempt.recorded")
            log.info("attempt.started", run_id=run.id, attempt=number, kind=kind)
            status = await self._until_it_stops(live, ready)
        except JournalError:
            self._unrecorded.setdefault(run.id, number)
            raise
        else:
            self._unrecorded.pop(run.id, None)
            return status
        finally:
            del self._live[run.id]
            attempt.guard = None  # which knows the attempt: together they would stay until the collector comes

    def _claim(self, attempt: Attempt, kind: AttemptKind) -> None:
        """Queue the claim of the run and the attempt's start, as one unit.

        Nobody waits for it here. When it is refused, because the run was cancelled in between, nothing of the attempt
        is written, and its first effect, which waits for all that is queued, never starts.
        """
        run_id, number, now = attempt.run.id, attempt.number, datetime.now(UTC)
        claim = [RunMoved(run_id, RunStatus.RUNNING, now)] if kind != "recover" else []
        event = attempt.event("run.started", attempt=number, kind=kind)
        attempt.append(*claim, AttemptStarted(run_id, number, kind, now), event)
        hit("claim.after")

    async def _until_it_stops(self, live: Live, ready: _Ready) -> RunStatus:
        """Drive the graph, and again as long as answers came while it was on its way to wait."""
        attempt = live.attempt
        while True:
            ending = await self._drive(live, ready)
            attempt.forget_interrupts()
            if ending is not None:
                return await self._conclude(live, ready, ending)
            if live.is_draining:
                return await self._drained(attempt)
            waits = [question.interrupt_id for question in attempt.questions.values() if question.is_open]
            if waits and await self._end_waiting(attempt, waits):
                is_over = live.is_cancelled  # by somebody who came while that was written
                return await self._conclude(live, ready, _CANCELLED) if is_over else RunStatus.WAITING
            await self._refresh(attempt)
            live.top.rounds.clear()
            attempt.activities.clear()

    async def _drive(self, live: Live, ready: _Ready) -> _Ending | None:
        """Run the graph once and tell what came of it; None when it was interrupted, or drained."""
        attempt = live.attempt
        await take_up(attempt)
        try:
            async with asyncio.timeout_at(loop_time(attempt.deadline)):
                state = await self._invoke(live, ready)
        except (StepFailed, TimeoutError) as failure:
            return await _ending_of(attempt, failure)
        except (GraphDrained, asyncio.CancelledError) as stop:
            return _ending_of_stop(live, stop)
        except JournalError:
            raise
        except CheckpointUnreadable as error:
            log.error("attempt.cannot-go-on", run_id=attempt.run.id, reason=error.message)  # noqa: TRY400 - no bug
            message = f"{error.message}; nothing is lost: when that is mended, retry goes on from here"
            return _failed(RunError(error.name, message))
        except Exception:
            log.exception("attempt.broke", run_id=attempt.run.id, attempt=attempt.number)
            return _failed(RunError("internal-error", "the server failed; its log says more"))
        if attempt.is_interrupted:
            return _CANCELLED if live.is_cancelled else None
        return await self._succeeded(live.top, compiling.channels_of(state))

    async def _succeeded(self, top: Frame, state: dict[str, Json]) -> _Ending:
        try:
            outputs = await top.evaluate(top.program.outputs, state)
        except ExpressionError as error:
            return _failed(RunError(error.name, f"an output has no value: {error.message}"))
        return _Ending(RunStatus.SUCCEEDED, state, outputs)

    async def _conclude(self, live: Live, ready: _Ready, ending: _Ending) -> RunStatus:
        """Execute what stands under `finally`, and record how the run ended."""
        attempt = live.attempt
        if ready.program.bodies.get(FINALLY):
            try:
                await self._finish(live, ending)
            except Quiet:
                return await self._drained(attempt)
            except StepFailed as failure:
                if ending.status is RunStatus.SUCCEEDED:
                    ending = _failed(failure.error)
            except asyncio.CancelledError:
                if not live.is_cancelled:
                    return await self._drained(attempt)
                ending = _CANCELLED
        status = await self._end(
            attempt.run.id, attempt.number, ending.status, outputs=ending.outputs, error=ending.error
        )
        if live.stopped_from_outside:
            raise asyncio.CancelledError
        return status

    async def _finish(self, live: Live, ending: _Ending) -> None:
        state = ending.state
        if state is None:
            newest = None
            with suppress(CheckpointUnreadable):  # to clean up without the state is better than not at all
                newest = await self._checkpointer.aget_tuple(config_of(live.attempt))
            values = newest.checkpoint["channel_values"] if newest else compiling.initial_state(live.top.plan)
            state = dict.fromkeys(live.top.plan.state) | compiling.channels_of(values)
        outcome = Outcome(ending.status, ending.error)
        visit, live.is_ending = Visit("", Activity()), True
        live.task = asyncio.ensure_future(self._stepper.finish(live.top, visit, state, outcome))
        try:
            await live.task
        finally:
            live.task = None

    async def _drained(self, attempt: Attempt) -> RunStatus:
        """Record that the run is queued again."""
        status = await self._end(attempt.run.id, attempt.number, RunStatus.QUEUED)
        if _is_cancelling():
            raise asyncio.CancelledError
        return status

    async def _invoke(self, live: Live, ready: _Ready) -> dict[str, Json]:
        if live.is_cancelled:
            raise asyncio.CancelledError
        given = await self._input(live)
        config = config_of(live.attempt, await replayed(live.attempt, self._checkpointer), live.top)
        live.task = asyncio.ensure_future(ready.graph.ainvoke(given, config, durability="sync", control=live.control))
        try:
            return await live.task
        finally:
            live.task = None

    async def _input(self, live: Live) -> Json:
        """Return what to start the graph with, or None to go on: answers are in the rows."""
        is_new, live.is_new = live.is_new, False
        if live.attempt.is_renewed:
            await begin_anew(live.attempt, self._checkpointer)
        if is_new or await self._checkpointer.aget_tuple(config_of(live.attempt)) is None:
            return first_state(live.top)
        return None

    # --- records ---------------------------------------------------------------------------------------------------

    async def _end(
        self, run_id: RunId, number: int, status: RunStatus, *, outputs: Json = None, error: RunError | None = None
    ) -> RunStatus:
        """Record how an attempt and its run ended."""
        now = datetime.now(UTC)
        name = "run.drained" if status is RunStatus.QUEUED else f"run.{status.value}"
        data: dict[str, Json] = {"error": error.as_json()} if error else {}
        if status is RunStatus.SUCCEEDED:
            data = {"outputs": outputs}
        moved = RunMoved(run_id, status, now, outputs=outputs, error=error)
        ended = AttemptEnded(run_id, number, status, now)
        event = EventRecorded(run_id, name, now, None, number, data)
        hit("run.final.before")
        is_ours = await asyncio.shield(self._ports.journal.commit(moved, ended, event))
        hit("run.final.after")
        if not is_ours:  # somebody else has moved the run, and that counts
            return (await self._ports.journal.history(run_id)).run.status
        why = error.name if error else None
        log.info("attempt.ended", run_id=run_id, attempt=number, status=status.value, error=why)
        return status

    async def _end_waiting(self, attempt: Attempt, waits: list[str]) -> bool:
        """Let the run wait, unless an answer came meanwhile."""
        now, run_id = datetime.now(UTC), attempt.run.id
        moved = RunMoved(run_id, RunStatus.WAITING, now, unless_answered=True)
        ended = AttemptEnded(run_id, attempt.number, RunStatus.WAITING, now)
        event = attempt.event("run.waiting", None, **{"for": waits})
        is_waiting = await self._ports.journal.commit(moved, ended, event)
        if is_waiting:
            log.info("attempt.ended", run_id=run_id, attempt=attempt.number, status="waiting")
        return is_waiting

    async def _refresh(self, attempt: Attempt) -> None:
        history = await self._ports.journal.history(attempt.run.id)
        attempt.questions = {question.interrupt_id: question for question in history.questions}

    async def _take(self, attempt: Attempt, interrupt_id: str) -> None:
        await self._refresh(attempt)
        if attempt.questions[interrupt_id].is_open:
            return
        for activity, waiter in tuple(attempt.parked.get(interrupt_id, ())):
            activity.wake(waiter)

    def _tell_changes(self, attempt: Attempt) -> None:
        """Record an event for each stage or tool whose source is not what the plan was bound to."""
        told: set[str] = set()
        for step in attempt.program.plan.steps:
            bound = step.call
            if bound is None or bound.kind == "workflow" or bound.name in told:
                continue
            entries = self._catalog.versions(bound.kind, bound.name)
            found = next((entry.source_digest for entry in entries if entry.version == bound.version), None)
            if found != bound.source_digest:
                told.add(bound.name)
                data = {"entry": bound.name, "planned": bound.source_digest, "found": found}
                attempt.append(attempt.event("source.changed", step.id, **data))

    async def _prepared(self, digest: str) -> _Ready:
        if digest not in self._ready:
            plan = await self._plans.get(digest)
            while len(self._ready) >= CACHED_PLANS:
                del self._ready[next(iter(self._ready))]
            self._ready[digest] = _Ready(prepare(plan, self._expressions), self._compiled(plan))
        return self._ready[digest]

    def _compiled(self, plan: Plan) -> CompiledStateGraph[Any, Any, Any, Any]:
        return compiling.compile(plan, self._stepper).compile(checkpointer=self._checkpointer)


def _ending_of_stop(live: Live, stop: BaseException) -> _Ending | None:
    """Return how a run ends whose graph was stopped; None when it goes on later."""
    if live.stopped and not live.is_cancelled and not _is_cancelling():
        return _failed(live.stopped)
    live.stopped_from_outside = _is_cancelling()
    live.is_draining = not live.is_cancelled or isinstance(stop, GraphDrained)
    return None if live.is_draining else _CANCELLED


async def _ending_of(attempt: Attempt, failure: StepFailed | TimeoutError) -> _Ending | None:
    """Return how a run ends by a failure; None when a person is asked whether it may take longer."""
    if isinstance(failure, StepFailed):
        return _failed(failure.error)
    if await asked_for_time(attempt):
        return None
    return _failed(RunError("time-limit", "the run took longer than limits.duration allows"))


def _failed(error: RunError) -> _Ending:
    return _Ending(RunStatus.FAILED, error=error)


def _is_cancelling() -> bool:
    """Tell whether not the run but whoever executes it was cancelled."""
    current = asyncio.current_task()
    return current is not None and bool(current.cancelling())
