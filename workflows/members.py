"""The members of a DAG: each waits for its needs, then works, is skipped, or is blocked.

Failures are recorded, not raised, so that independent branches go on; the node that closes the block decides.
"""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.errors import GraphInterrupt

from translator.language.expressions import ExpressionError
from translator.planning.plan import Step
from workflows.attempt import Attempt, error_of
from workflows.errors import StepError
from workflows.performing import Arrival, StepFailed
from workflows.records import StepExecution, StepStatus
from workflows.rounds import Outcome, Quiet, Round, entered

Json = Any


async def live(arrival: Arrival, round_: Round) -> None:
    """Do what a member of a DAG does in one round."""
    await _Member(arrival, round_).live()


async def results_of(attempt: Attempt, block: Step) -> Json:
    """Return the result of a block: the map of its members' results."""
    results: dict[str, Json] = {}
    for member in attempt.program.plan.members(block.id):
        recorded = attempt.latest.get(member.id)
        results[member.id] = await attempt.result(recorded) if recorded else None
    return results


class _Member:
    def __init__(self, arrival: Arrival, round_: Round) -> None:
        self._arrival, self._round = arrival, round_
        self._attempt, self._step = arrival.attempt, arrival.step

    async def live(self) -> None:
        name = self._step.id
        if self._round.outcome(name) is not None:
            return
        try:
            await self._round.ready(entered(name) if self._step.verb == "dag" else name)
            self._finish(await self._act())
        except Quiet:
            # An interrupt without a question: LangGraph enters this node again on resume.
            self._attempt.is_interrupted = True
            raise GraphInterrupt(()) from None

    def _finish(self, outcome: Outcome) -> None:
        self._round.finish(self._step.id, outcome)
        if self._step.verb == "dag":
            self._round.finish(entered(self._step.id), outcome)

    async def _act(self) -> Outcome:
        parent = self._step.block
        if self._round.is_blocked(self._step.needs):
            return self._skip(Outcome.BLOCKED, "something that it needs failed")
        if self._round.is_stopped(parent):
            return self._skip(Outcome.BLOCKED, "a sibling failed, and the block fails fast")
        if self._round.is_skipped(parent):
            return self._skip(Outcome.SKIPPED, "its block is skipped")
        try:
            if not await self._is_wanted():
                return self._skip(Outcome.SKIPPED, "its condition does not hold")
            await (self._nested() if self._step.verb == "dag" else self._work())
        except StepFailed:
            self._stop_siblings()
            return Outcome.FAILED
        return Outcome.DONE

    async def _is_wanted(self) -> bool:
        when = self._arrival.program.when
        if when is None:
            return True
        try:
            return bool(await self._attempt.evaluate(when, self._arrival.state))
        except ExpressionError as error:
            await self._arrival.fail(StepError(error.message, error_name=error.name))

    def _skip(self, outcome: Outcome, reason: str) -> Outcome:
        attempt, step = self._attempt, self._step
        blocked = StepError(reason, error_name="needs-failed")
        error = error_of(step, blocked) if outcome is Outcome.BLOCKED else None
        record = attempt.closed(self._arrival.next_try(), StepStatus.SKIPPED, error=error)
        attempt.append(record, attempt.event("step.skipped", step.id, reason=reason))
        return outcome

    def _stop_siblings(self) -> None:
        plan, block = self._attempt.program.plan, self._step.block
        fails_fast = plan.step(block).fail_fast if block else plan.fail_fast
        if fails_fast:
            self._round.stop(block)

    async def _work(self) -> None:
        task = asyncio.ensure_future(self._arrival.perform())
        self._round.track(self._step, task)
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or current.cancelling() or not self._round.is_stopped(self._step.block):
                raise
            stopped = StepError("stopped because a sibling failed", error_name="cancelled")
            raise StepFailed(error_of(self._step, stopped)) from None

    async def _nested(self) -> StepExecution:
        step = self._step
        opened = await self._arrival.begin_block()
        self._round.finish(entered(step.id), Outcome.DONE)
        await self._round.ready(step.id)
        members = [one.id for one in self._attempt.program.plan.members(step.id)]
        failed = [name for name in members if self._round.is_blocked([name])]
        if failed:
            cause = StepError(f"{failed[0]} did not succeed", error_name="needs-failed")
            record = self._attempt.closed(opened, StepStatus.SKIPPED, error=error_of(step, cause))
            event = self._attempt.event("step.skipped", step.id, reason=cause.message)
            self._attempt.append(record, event)
            raise StepFailed(error_of(step, cause))
        return await self._arrival.record(opened, await results_of(self._attempt, step))
