"""The meter of a try: counts what it uses while it comes, keeps that with the try, and stops it at what is allowed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from workflows.records import StepExecution
from workflows.usage import NOTHING, ONE_TOOL_CALL, Usage

if TYPE_CHECKING:
    from workflows.attempt import Attempt
    from workflows.caps import Moment

_SECONDS = 0.25  # between two records of a try that streams


class Meter:
    """What one try of a step, or of an item of one, has used so far.

    What was added is recorded with the try however it ends, and while it goes on: after each call of a model or tool,
    and a few times a second in between.
    """

    def __init__(self, attempt: Attempt, execution: StepExecution, moment: Moment) -> None:
        self._attempt, self._execution, self._moment = attempt, execution, moment
        self._usage = execution.usage or NOTHING  # of a try that is gone on with
        self._told_at = time.monotonic()

    @property
    def usage(self) -> Usage:
        """Return what the try has used so far."""
        return self._usage

    def allow(self, *, is_tool_call: bool = False) -> None:
        """Tell that a model, or a tool, is about to be called; raises `StepError` when nothing more may be used."""
        if self._attempt.guard is not None:
            self._attempt.guard.allow(self._moment, is_tool_call=is_tool_call)

    def call_tool(self) -> None:
        """Count the call of a tool that is the step's whole work; raises `StepError` when it may not be called."""
        self.allow(is_tool_call=True)
        self._count(ONE_TOOL_CALL)

    def add(self, usage: Usage) -> None:
        """Count what was used; raises `StepError` when that is more than is allowed.

        Whatever it raises, what was added counts.
        """
        self._count(usage)
        now = time.monotonic()
        if usage.model_calls or usage.tool_calls or now - self._told_at >= _SECONDS:
            self._told_at = now
            self._attempt.append(replace(self._execution, usage=self._usage))
        if self._attempt.guard is not None:
            self._attempt.guard.used(self._moment)

    def _count(self, usage: Usage) -> None:
        attempt, execution = self._attempt, self._execution
        self._usage += usage
        attempt.used[execution.step, execution.visit, execution.task] = self._usage
        attempt.spending.charge(execution.step, execution.visit, usage)
        attempt.tally.add(attempt.run.spec_name, usage)
