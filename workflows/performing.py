"""One arrival at a step: executed within its retries, recorded, and never executed again once it is recorded."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from translator import compiling
from translator.compiling import Change, Inside, Update
from translator.language.expressions import ExpressionError
from translator.planning.plan import END, Step
from workflows.asking import Asking
from workflows.attempt import CRASHED, MAX_CRASHES, MAX_STEPS, NEVER_CAUGHT, Attempt, cut_off
from workflows.caps import Moment, Overrun
from workflows.changes import changes_inside
from workflows.errors import StepError, StepFailed
from workflows.failpoints import hit
from workflows.frames import Frame, State, Visit
from workflows.limiting import Exceeded, ask_for_more
from workflows.mapping import Mapping
from workflows.program import CatcherProgram, StepProgram
from workflows.records import AT, StepExecution, StepStatus
from workflows.run import RunError
from workflows.run_spans import step_span
from workflows.working import GOES_ON, HOLDS_STEPS, MAY_WAIT, Work, Workbench, pause_before

Json = Any
LAST_STEPS = 100  # beyond a limit of steps, for what catches it


@dataclass(frozen=True)
class Arrival:
    """A step of a frame, the visit, the state that it sees, and the graph of what it holds."""

    bench: Workbench
    frame: Frame
    step: Step
    visit: Visit
    state: State
    inside: Inside | None = None

    @property
    def attempt(self) -> Attempt:
        """Return the attempt in which this happens."""
        return self.frame.attempt

    @property
    def id(self) -> str:
        """Return the step's id in the run's records."""
        return self.frame.id_of(self.step)

    @property
    def program(self) -> StepProgram:
        """Return the step with its expressions compiled."""
        return self.frame.of_step(self.step)

    @property
    def recorded(self) -> StepExecution | None:
        """Return the newest record of this arrival."""
        return self.attempt.execution(self.id, self.visit.id)

    @property
    def _work(self) -> Work:
        return Work(self.bench, self.frame, self.step, self.visit, self.state, self.inside)

    async def perform(self) -> StepExecution:
        """Return the record of the success, or of a failure that was caught, made now or earlier.

        Raises `StepFailed` when the tries are used up and nothing catches it, and `Quiet`.
        """
        before = self.recorded
        if before and (before.status is StepStatus.SUCCEEDED or before.is_caught):
            return before
        if before and before.error and self.attempt.has_failed_for_good(self.step, before):
            raise StepFailed(before.error)
        if refused := await self._refused():
            return await self._settle(self.next_try(), *refused)
        while True:
            try:
                execution = await self._open()
            except StepError as error:
                return await self._settle(self.next_try(), error)
            if settled := await self._try_once(execution):
                return settled

    # --- before ----------------------------------------------------------------------------------------------------

    async def _refused(self) -> tuple[StepError, bool] | None:
        """Return the error of going beyond a limit, unless a person allows more, and whether it may be caught."""
        while over := self._over_limit():
            exceeded, may_catch = over
            if not self._pauses:
                return exceeded.error, may_catch
            try:
                await ask_for_more(Asking(self.attempt, self.id, self.visit), exceeded)
            except StepError as error:
                return error, True
        return await self._guarded()

    async def _guarded(self) -> tuple[StepError, bool] | None:
        """Return the error of what may not start by what was used so far, or by a rule."""
        guard, before = self.attempt.guard, self.recorded
        if guard is None or (before and before.status is StepStatus.RUNNING):
            return None
        tries = before.try_number + 1 if before else 1
        try:
            await guard.before(Moment(self.step, self.id, self.visit, tries))
        except StepError as error:
            return error, error.error_name != "step-limit"
        return None

    @property
    def _pauses(self) -> bool:
        """Tell whether the run waits at a limit for a person who allows more; else it fails there."""
        return self.frame.plan.limits.on_exceed == "pause"

    def _over_limit(self) -> tuple[Exceeded, bool] | None:
        """Return which limit of steps or visits this goes beyond, and whether its error may be caught."""
        attempt, visits = self.attempt, self.step.max_visits
        seen = attempt.visits.get(self.id, set[str]())
        if self.visit.id in seen:
            return None
        own, key = self.frame.plan.limits.steps or MAX_STEPS, f"steps {self.frame.prefix}".rstrip()
        taken = attempt.taken[self.frame.prefix]
        if taken >= own and taken >= (most := attempt.allowed(key, own)):  # answers are read at the limit only
            message = f"the run has taken {most} steps, which is its limit"
            return Exceeded(key, "steps", most, own, StepError(message, error_name="step-limit")), (
                taken < most + LAST_STEPS
            )
        if visits is None or len(seen) < visits:
            return None
        if len(seen) >= (most := attempt.allowed(f"visits {self.id}", visits)):
            message = f"{self.id} was visited {len(seen)} times, which is its limit"
            error = StepError(message, error_name="step-limit")
            return Exceeded(f"visits {self.id}", "visits", most, visits, error), True
        return None

    async def _open(self) -> StepExecution:
        """Begin a try, or go on with the one in which rows of its own are kept; another without an end was cut off."""
        attempt, before = self.attempt, self.recorded
        if before and before.status is StepStatus.RUNNING:
            if self.step.map or self.step.verb in GOES_ON or self._waits(before):
                return before
            self._cut_off(before)
        execution = self.next_try()
        if self.program.idempotency_key and not self.step.map:
            key = str(await self.frame.evaluate(self.program.idempotency_key, self.state))
            execution = replace(execution, idempotency_key=key)
        event = attempt.event("step.started", self.id, **{"verb": self.step.verb, "try": execution.try_number})
        attempt.append(execution, event)
        return execution

    def _waits(self, before: StepExecution) -> bool:
        """Tell whether a step waited when it was left, or a node that is injected into it, or its result."""
        attempt = self.attempt
        if before.result is not None or attempt.waits(self.id, self.visit.id):
            return True
        return attempt.waits_inside(f"{before.path}{AT}")

    def _cut_off(self, before: StepExecution) -> None:
        """Record the end of a try that has none; raises `StepError` when the server has died too often during it."""
        attempt, record = self.attempt, cut_off(self.attempt, before)
        if record.status is StepStatus.CANCELLED:
            attempt.append(record, attempt.event("step.cancelled", self.id))
            return
        attempt.append(record, attempt.event("step.crashed", self.id, **{"try": before.try_number}))
        if attempt.tries_crashed.get((self.id, self.visit.id, ""), 0) >= MAX_CRASHES:
            message = f"the server died {MAX_CRASHES} times while this was running, so it is not tried again"
            raise StepError(message, error_name="crashed")

    def next_try(self) -> StepExecution:
        """Return the record with which the next try begins."""
        before = self.recorded
        key = self.attempt.next_key(before, holds_steps=self.step.verb in HOLDS_STEPS and not self.step.map)
        return self.attempt.opened(self.id, self.visit.id, before.try_number + 1 if before else 1, key=key)

    # --- the try ---------------------------------------------------------------------------------------------------

    async def _try_once(self, execution: StepExecution) -> StepExecution | None:
        """Return the record of how a step ended; None when it is to be tried again."""
        tracing = self.attempt.ports.tracing
        try:
            if not tracing.is_on:
                return await self._try(execution)
            with step_span(tracing, self.step, execution):
                return await self._try(execution)
        except Overrun as over:
            return await self._paused(execution, over)
        except (StepError, ExpressionError) as error:
            cause = error if isinstance(error, StepError) else StepError(error.message, error_name=error.name)
            return await self._retry_or_settle(execution, cause)
        except asyncio.CancelledError:
            stopped = self.attempt.closed(execution, StepStatus.CANCELLED)
            self.attempt.append(stopped, self.attempt.event("step.cancelled", self.id))
            raise

    async def _try(self, execution: StepExecution) -> StepExecution:
        if self.step.map is None:
            result, kept = await self._work.tried(execution)
        else:
            result = await Mapping(self._work, self.step.map, execution).run()
            kept = await self._work.kept(result, execution)
        return await self._succeed(execution, result, kept)

    async def _succeed(self, execution: StepExecution, result: Json, kept: Json) -> StepExecution:
        """Evaluate what follows from the result and record the step's success.

        Nobody waits for it here: the checkpoint that follows is queued behind it, and the next effect waits for both.
        """
        attempt = self.attempt
        inner = changes_inside(self.frame, self.step, execution)
        before = compiling.apply(self.frame.plan, self.state, Update(inner)) if inner else self.state
        saves = await self.frame.evaluate(self.program.saves, before, result=result)
        goto = await self._choose(before, Change(saves, frozenset(self.step.reset)), result)
        record = attempt.closed(execution, StepStatus.SUCCEEDED, result=kept, saves=saves, goto=goto)
        data: dict[str, Json] = {"seconds": _seconds(record)} | ({"goto": goto} if goto else {})
        if self.step.verb == "decide":
            data |= {"chosen": result["next"], "reason": result["reason"]}
        attempt.append(record, attempt.event("step.succeeded", self.id, **data))
        hit("step.recorded")
        return record

    async def _choose(self, state: State, change: Change, result: Json) -> str | None:
        """Return where the flow goes; None in a DAG."""
        if self.step.verb == "decide" and self.step.map is None:
            return result["next"][0] if self.frame.is_flow else None
        way = self.step.transition
        if way is None:
            return END if self.frame.is_flow else None
        after = compiling.apply(self.frame.plan, state, Update((change,)))
        if self.program.switch is not None:
            target = way.picked(await self.frame.evaluate(self.program.switch, after, result=result))
            if target is None:
                raise StepError("no case of the switch fits its value", error_name="no-case")
            return target
        for condition, target in self.program.branches:
            if condition is None or await self.frame.evaluate(condition, after, result=result):
                return target
        return END

    async def _paused(self, execution: StepExecution, over: Overrun) -> StepExecution | None:
        """Record a try that a limit has stopped: None once a person allows more; else settle the failure."""
        error = await self._work.explained(execution, over)
        record = self.attempt.closed(execution, StepStatus.CANCELLED, error=error)
        data: dict[str, Json] = {"error": error.as_json(), "try": execution.try_number}
        self.attempt.append(record, self.attempt.event("step.paused", self.id, **data))
        try:
            await ask_for_more(Asking(self.attempt, self.id, self.visit), over.exceeded)
        except StepError as refused:
            return await self._settle(self.next_try(), refused)
        return None

    # --- failures --------------------------------------------------------------------------------------------------

    async def _retry_or_settle(self, execution: StepExecution, cause: StepError) -> StepExecution | None:
        """Record a failed try: wait for the next one and return None, or settle the failure."""
        attempt = self.attempt
        key = (self.id, self.visit.id, "")
        failures, lost = attempt.failures(key) + 1, attempt.hosts_lost[key] + (cause.error_name == CRASHED)
        if self.step.map or not attempt.allows_retry(self.step, cause.error_name, failures, lost):
            return await self._settle(execution, left_alone(cause) if lost >= MAX_CRASHES else cause)
        error = await self._work.explained(execution, cause)
        record = attempt.closed(execution, StepStatus.FAILED, error=error, log_uri=error.log_uri)
        wait = pause_before(self.step.retry, failures, random.uniform)
        data: dict[str, Json] = {
            "error": error.as_json(),
            "try": execution.try_number,
            "wait_seconds": round(wait, 3),
        }
        attempt.append(record, attempt.event("step.retrying", self.id, **data))
        await asyncio.sleep(wait)
        return None

    async def fail(self, cause: StepError) -> StepExecution:
        """Settle a failure that came before any try."""
        return await self._settle(self.next_try(), cause)

    async def _settle(
        self,
        execution: StepExecution,
        cause: StepError,
        may_catch: bool = True,  # noqa: FBT001, FBT002
    ) -> StepExecution:
        """Record that the step failed for good, and return that when it is caught; else raise `StepFailed`."""
        error = await self._work.explained(execution, cause)
        attempt = self.attempt
        if self.step.verb in MAY_WAIT:
            await attempt.withdraw(self.id, self.visit.id)
        catcher = next((one for one in self.program.catchers if one.catcher.catches(error.name)), None)
        if catcher is not None and may_catch and error.name not in NEVER_CAUGHT:
            try:
                return await self._caught(execution, error, catcher)
            except (StepError, ExpressionError) as broken:  # what catches fails itself
                name = getattr(broken, "error_name", broken.name)
                error = RunError(name, broken.message, node=self.id, attempt=attempt.number, cause=error)
        record = attempt.closed(execution, StepStatus.FAILED, error=error, log_uri=error.log_uri)
        attempt.append(record, attempt.event("step.failed", self.id, error=error.as_json()))
        raise StepFailed(error) from cause

    async def _caught(self, execution: StepExecution, error: RunError, program: CatcherProgram) -> StepExecution:
        """Record a failure that leads on; what succeeded inside a block before it stays saved."""
        attempt = self.attempt
        inner = changes_inside(self.frame, self.step, execution)
        before = compiling.apply(self.frame.plan, self.state, Update(inner)) if inner else self.state
        seen = {"name": error.name, "message": error.message, "node": error.node}
        result = await self.frame.evaluate(program.result, before, error=seen)
        saves = await self.frame.evaluate(program.saves, before, error=seen)
        goto = program.catcher.to
        if goto is None and self.frame.is_flow:
            goto = END if self.step.verb == "decide" else await self._choose(before, Change(saves), result)
        kept = await self._work.kept(result, execution)
        record = attempt.closed(
            execution, StepStatus.FAILED, error=error, log_uri=error.log_uri, result=kept, saves=saves, goto=goto
        )
        data: dict[str, Json] = {"error": error.as_json()} | ({"goto": goto} if goto else {})
        attempt.append(record, attempt.event("step.caught", self.id, **data))
        return record


def left_alone(cause: StepError) -> StepError:
    """Return the error of a step whose process has died too often."""
    message = f"{cause.message}; that was {MAX_CRASHES} times, so it is not tried again"
    return StepError(message, error_name=cause.error_name, tail=cause.tail)


def _seconds(execution: StepExecution) -> float | None:
    if execution.finished_at is None:
        return None
    return seconds_between(execution.started_at, execution.finished_at)


def seconds_between(start: datetime, end: datetime) -> float:
    """Return a duration as events tell it: seconds, to the millisecond."""
    return round((end - start).total_seconds(), 3)
