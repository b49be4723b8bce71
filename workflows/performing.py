"""One arrival at a step: executed within its retries, recorded, and never executed again once it is recorded."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from translator import compiling
from translator.compiling import Update
from translator.language.expressions import ExpressionError
from translator.planning.plan import END, RetryPolicy, Step, Verb
from workflows.attempt import MAX_CRASHES, MAX_INLINE_BYTES, MAX_STEPS, Attempt, Visit, cut_off, error_of
from workflows.errors import StepError
from workflows.failpoints import hit
from workflows.nodes.assign import assign
from workflows.nodes.call import Node, NodeCall
from workflows.nodes.fail import fail
from workflows.nodes.human import ask
from workflows.nodes.luigi import run_stage
from workflows.nodes.tool import call_tool
from workflows.program import StepProgram
from workflows.records import ArtifactStored, StepExecution, StepStatus
from workflows.rounds import Round
from workflows.run import RunError

Json = Any
State = Mapping[str, Json]

NODES: Mapping[Verb, Node] = {"tool": call_tool, "luigi": run_stage, "human": ask, "set": assign, "fail": fail}
_HAS_EFFECTS = frozenset({"tool", "luigi"})  # its start must be durable before it begins
_OWN_TIMEOUT = frozenset({"tool", "luigi", "human"})  # these know better how to stop


class StepFailed(Exception):
    """A step failed for good, and nothing catches it."""

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class Arrival:
    """A step, the visit, the state that it sees, and the round of the DAG around it (None in a flow)."""

    attempt: Attempt
    step: Step
    visit: Visit
    state: State
    round: Round | None = None

    @property
    def program(self) -> StepProgram:
        """Return the step with its expressions compiled."""
        return self.attempt.program.steps[self.step.id]

    @property
    def recorded(self) -> StepExecution | None:
        """Return the newest record of this arrival."""
        return self.attempt.execution(self.step.id, self.visit.id)

    async def perform(self) -> StepExecution:
        """Return the record of the success, made now or earlier; raises `StepFailed` when the tries are used up."""
        before = self.recorded
        if before and before.status is StepStatus.SUCCEEDED:
            return before
        if before and self._has_failed_for_good(before):
            raise StepFailed(before.error or error_of(self.step, StepError("it failed", error_name="step-failed")))
        await self.count()
        while True:
            execution = await self._open()
            try:
                return await self._try(execution)
            except (StepError, ExpressionError) as error:
                cause = error if isinstance(error, StepError) else StepError(error.message, error_name=error.name)
                await self._retry_or_raise(execution, cause)
            except asyncio.CancelledError:
                stopped = self.attempt.closed(execution, StepStatus.CANCELLED)
                self.attempt.append(stopped, self.attempt.event("step.cancelled", self.step.id))
                raise

    async def count(self) -> None:
        """Refuse to go beyond the limits of steps and visits; raises `StepFailed`."""
        seen = self.attempt.visits.get(self.step.id, set[str]())
        if self.visit.id in seen:
            return
        most = self.attempt.program.plan.limits.steps or MAX_STEPS
        if self.attempt.steps_taken >= most:
            await self.fail(StepError(f"the run has taken {most} steps, which is its limit", error_name="step-limit"))
        if self.step.max_visits is not None and len(seen) >= self.step.max_visits:
            message = f"{self.step.id} was visited {len(seen)} times, which is its limit"
            await self.fail(StepError(message, error_name="step-limit"))

    async def begin_block(self) -> StepExecution:
        """Return the record of a block that has begun, made now or earlier."""
        before = self.recorded
        if before and not (before.error and self.attempt.is_past(before)):
            return before
        await self.count()
        opened = self.next_try()
        self.attempt.append(opened, self.attempt.event("step.started", self.step.id, verb="dag"))
        return opened

    async def fail(self, cause: StepError, execution: StepExecution | None = None) -> NoReturn:
        """Record that the step failed for good, and raise `StepFailed`."""
        opened = execution or self.next_try()
        record = await self._failed(opened, cause)
        error = record.error or error_of(self.step, cause)
        self.attempt.append(record, self.attempt.event("step.failed", self.step.id, error=error.as_json()))
        raise StepFailed(error) from cause

    def _has_failed_for_good(self, before: StepExecution) -> bool:
        if before.status is not StepStatus.FAILED or before.error is None or self.attempt.is_past(before):
            return False
        return not self.attempt.may_retry(self.step, self.visit, before.error.name)

    async def _open(self) -> StepExecution:
        """Begin a try, or take up the one in which a person is still asked; another try without an end was cut off."""
        attempt, before = self.attempt, self.recorded
        if before and before.status is StepStatus.RUNNING:
            if self.step.verb == "human":
                return before
            await self._cut_off(before)
        execution = self.next_try()
        event = attempt.event("step.started", self.step.id, **{"verb": self.step.verb, "try": execution.try_number})
        attempt.append(execution, event)
        return execution

    async def _cut_off(self, before: StepExecution) -> None:
        """Record the end of a try that has none; raises `StepFailed` when the server has died too often during it."""
        attempt, record = self.attempt, cut_off(self.attempt, before)
        if record.status is StepStatus.CANCELLED:
            attempt.append(record, attempt.event("step.cancelled", self.step.id))
            return
        attempt.append(record, attempt.event("step.crashed", self.step.id, **{"try": before.try_number}))
        if attempt.tries_crashed.get((self.step.id, self.visit.id), 0) >= MAX_CRASHES:
            message = f"the server died {MAX_CRASHES} times while this was running, so it is not tried again"
            await self.fail(StepError(message, error_name="crashed"), self.next_try())

    def next_try(self) -> StepExecution:
        """Return the record with which the next try begins."""
        before = self.recorded
        return self.attempt.opened(self.step, self.visit, before.try_number + 1 if before else 1)

    async def _try(self, execution: StepExecution) -> StepExecution:
        arguments = await self.attempt.evaluate(self.program.arguments, self.state)
        if self.step.verb in _HAS_EFFECTS:
            await self.attempt.ports.journal.durable()
        hit("step.started")
        call = NodeCall(self.attempt, self.program, self.visit, execution, dict(self.state), arguments, self.round)
        result = await self._within_time(NODES[self.step.verb](call))
        hit("step.returned")
        self._check(result)
        return await self.record(execution, result)

    async def _within_time(self, node: Awaitable[Json]) -> Json:
        seconds = self.step.timeout_seconds
        if seconds is None or self.step.verb in _OWN_TIMEOUT:
            return await node
        try:
            async with asyncio.timeout(seconds):
                return await node
        except TimeoutError:
            raise StepError(f"took longer than {seconds:g} s", error_name="timeout") from None

    def _check(self, result: Json) -> None:
        schema = self.program.result
        if schema is None or self.step.verb == "human":  # a person's answer was checked at the door
            return
        if violations := schema.problems(result, ""):
            first = violations[0]
            where = f" at {first.path}" if first.path else ""
            raise StepError(f"the result does not fit its schema{where}: {first.message}", error_name="invalid-result")

    async def record(self, execution: StepExecution, result: Json, state: State | None = None) -> StepExecution:
        """Evaluate what follows from the result and record the step's success.

        Nobody waits for it here: the checkpoint that follows is queued behind it, and the next effect waits for both.
        """
        attempt, before = self.attempt, self.state if state is None else state
        saves = await attempt.evaluate(self.program.saves, before, result)
        after = compiling.apply(attempt.program.plan, before, Update(saves=(saves,), resets=frozenset(self.step.reset)))
        goto = await self._choose(after, result)
        kept = await self._kept(result)
        record = attempt.closed(execution, StepStatus.SUCCEEDED, result=kept, saves=saves, goto=goto)
        data: dict[str, Json] = {"seconds": _seconds(record)} | ({"goto": goto} if goto else {})
        attempt.append(record, attempt.event("step.succeeded", self.step.id, **data))
        hit("step.recorded")
        return record

    async def _choose(self, state: State, result: Json) -> str | None:
        """Return where the flow goes; None in a DAG."""
        way = self.step.transition
        if way is None:
            return None
        if self.program.switch is not None:
            target = way.picked(await self.attempt.evaluate(self.program.switch, state, result))
            if target is None:
                raise StepError("no case of the switch fits its value", error_name="no-case")
            return target
        for condition, target in self.program.branches:
            if condition is None or await self.attempt.evaluate(condition, state, result):
                return target
        return END

    async def _kept(self, result: Json) -> Json:
        """Return how the row holds a result: the value itself, or where its bytes lie."""
        try:
            content = json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError):
            raise StepError("the result is no JSON", error_name="invalid-result") from None
        if len(content) <= MAX_INLINE_BYTES:
            return {"value": result}
        path = f".specloom/results/{self.step.id}-{self.visit.id}.json"
        stored = await self._store(path, content, "application/json")
        uri = f"specloom://runs/{self.attempt.run.id}/artifacts/{path}"
        self.attempt.loaded[uri] = result
        return {"artifact": uri, "bytes": stored.bytes, "sha256": stored.sha256}

    async def _store(self, path: str, content: bytes, media_type: str) -> ArtifactStored:
        attempt = self.attempt
        kept = await attempt.ports.artifacts.put(attempt.run.id, path, content, media_type)
        event = attempt.event("artifact.stored", self.step.id, path=kept.path, bytes=kept.bytes, sha256=kept.sha256)
        stored = ArtifactStored(attempt.run.id, kept.path, kept.bytes, kept.sha256, media_type, self.step.id, event.at)
        attempt.append(stored, event)
        return stored

    async def _failed(self, execution: StepExecution, cause: StepError) -> StepExecution:
        """Return the record of a failed try; the end of what it printed is kept beside it."""
        log_uri = None
        if cause.tail:
            path = f".specloom/logs/{self.step.id}/try-{execution.try_number}-{execution.visit}.log"
            await self._store(path, cause.tail.encode(), "text/plain; charset=utf-8")
            log_uri = f"specloom://runs/{self.attempt.run.id}/artifacts/{path}"
        error = error_of(self.step, cause, log_uri)
        return self.attempt.closed(execution, StepStatus.FAILED, error=error, log_uri=log_uri)

    async def _retry_or_raise(self, execution: StepExecution, cause: StepError) -> None:
        """Record a failed try and wait for the next one, or raise `StepFailed`."""
        attempt = self.attempt
        failures = attempt.failures(self.step, self.visit) + 1
        if not attempt.allows_retry(self.step, cause.error_name, failures):
            await self.fail(cause, execution)
        record = await self._failed(execution, cause)
        wait = pause_before(self.step.retry, failures, random.uniform)
        error = record.error.as_json() if record.error else None
        data: dict[str, Json] = {"error": error, "try": execution.try_number, "wait_seconds": round(wait, 3)}
        attempt.append(record, attempt.event("step.retrying", self.step.id, **data))
        await asyncio.sleep(wait)


def _seconds(execution: StepExecution) -> float | None:
    if execution.finished_at is None:
        return None
    return round((execution.finished_at - execution.started_at).total_seconds(), 3)


def pause_before(policy: RetryPolicy, failures: int, uniform: Callable[[float, float], float]) -> float:
    """Return the seconds to wait before the try after `failures` failed ones (from 1).

    Full jitter draws from zero to the backoff: M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """
    grown = {
        "constant": policy.initial_seconds,
        "linear": policy.initial_seconds * failures,
        "exponential": policy.initial_seconds * 2 ** min(failures - 1, 62),
    }[policy.backoff]
    longest = min(grown, policy.cap_seconds)
    return uniform(0, longest) if policy.jitter == "full" else longest
