"""The members of a DAG: each waits for its needs, then works, is skipped, or is blocked.

Failures are recorded, not raised, so that independent branches go on; whoever closes the DAG decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from translator.language.expressions import ExpressionError
from translator.planning.plan import Step
from workflows.attempt import error_of
from workflows.errors import StepError, StepFailed
from workflows.frames import Frame
from workflows.performing import Arrival
from workflows.records import StepExecution, StepStatus
from workflows.rounds import Outcome, Round
from workflows.run import RunError

Json = Any


async def live(arrival: Arrival, round_: Round) -> None:
    """Do what a member of a DAG does in one round; raises `Quiet`."""
    await _Member(arrival, round_).live()


def conclude(frame: Frame, recorded: Sequence[StepExecution | None]) -> None:
    """Tell by the records of a DAG's members, which have all ended, whether it is done; raises `StepFailed` if not."""
    failed = [one for one in recorded if one and one.status is StepStatus.FAILED and not one.is_caught]
    if frame.join is not None:
        succeeded = sum(one.status is StepStatus.SUCCEEDED or one.is_caught for one in recorded if one)
        if succeeded >= frame.join:
            return
        if not failed:
            message = f"{succeeded} nodes succeeded, and {frame.join} have to"
            raise StepFailed(RunError("join-failed", message, node=f"{frame.prefix}{frame.body or ''}" or None))
    if failed and failed[0].error:
        raise StepFailed(failed[0].error)


class _Member:
    def __init__(self, arrival: Arrival, round_: Round) -> None:
        self._arrival, self._round = arrival, round_
        self._frame, self._step = arrival.frame, arrival.step

    async def live(self) -> None:
        name = self._step.id
        if self._round.outcome(name) is not None:
            return
        task = asyncio.ensure_future(self._act())
        self._round.track(name, task)
        try:
            outcome = await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._round.is_stopped or current is None or current.cancelling():
                task.cancel()
                raise
            outcome = await self._stopped()
        self._round.finish(name, outcome)

    async def _act(self) -> Outcome:
        await self._round.ready(self._step.id)
        if self._round.is_stopped:
            return self._skip(Outcome.BLOCKED, "the block was over before this could start")
        if self._round.is_blocked(self._step.needs):
            return self._skip(Outcome.BLOCKED, "something that it needs failed")
        if not self._is_chosen():
            return self._skip(Outcome.SKIPPED, "a decision has not chosen it")
        try:
            if not await self._is_wanted():
                return self._skip(Outcome.SKIPPED, "its condition does not hold")
            await self._arrival.perform()
        except StepFailed:
            if self._frame.fails_fast:
                self._round.stop()
            return Outcome.FAILED
        return Outcome.DONE

    def _is_chosen(self) -> bool:
        """Tell whether every decision that stands before this member, and may choose it, has chosen it."""
        for need in self._step.needs:
            decision = self._frame.program.steps[need].step
            if decision.verb == "decide" and self._step.id in decision.among and need not in decision.among:
                chosen = self._chosen_by(decision)
                if chosen is not None and self._step.id not in chosen:
                    return False
        return True

    def _chosen_by(self, decision: Step) -> list[str] | None:
        recorded = self._frame.attempt.execution(self._frame.id_of(decision), self._arrival.visit.id)
        if recorded is None or recorded.status is not StepStatus.SUCCEEDED:
            return None
        kept: dict[str, Json] = recorded.result or {}
        decided: dict[str, Json] = kept.get("value") or {}
        return decided.get("next")

    async def _is_wanted(self) -> bool:
        when = self._arrival.program.when
        if when is None:
            return True
        try:
            return bool(await self._frame.evaluate(when, self._arrival.state))
        except ExpressionError as error:
            await self._arrival.fail(StepError(error.message, error_name=error.name))
            return True  # it is caught: performing it gives back what is recorded

    def _skip(self, outcome: Outcome, reason: str) -> Outcome:
        attempt, recorded = self._frame.attempt, self._arrival.recorded
        if recorded is not None and _has_begun(recorded):
            return outcome
        error = None
        if outcome is Outcome.BLOCKED:
            error = error_of(self._arrival.id, self._frame.attempt.number, StepError(reason, error_name="needs-failed"))
        record = attempt.closed(self._arrival.next_try(), StepStatus.SKIPPED, error=error)
        attempt.append(record, attempt.event("step.skipped", self._arrival.id, reason=reason))
        return outcome

    async def _stopped(self) -> Outcome:
        """Settle a member that was stopped because the DAG is over: others were enough, or one has failed."""
        await self._frame.attempt.withdraw(self._arrival.id, self._arrival.visit.id)
        return self._skip(Outcome.BLOCKED, "the block was over before this had ended")


def _has_begun(recorded: StepExecution) -> bool:
    return recorded.status in {StepStatus.CANCELLED, StepStatus.RUNNING}
