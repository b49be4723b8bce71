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

    What was added is recorded with the try however it ends, and while it goes on: a few times a second, and whenever
    whoever adds it saves it, beside what he records himself.
    """

    def __init__(self, attempt: Attempt, execution: StepExecution, moment: Moment) -> None:
        self._attempt, self._execution, self._moment = attempt, execution, moment
        self._usage = execution.usage or NOTHING  # of a try that is gone on with
        self._told_at = time.monotonic()
        self._is_saved = True

    @property
    def usage(self) -> Usage:
        """Return what the try has used so far."""
        return self._usage

    def allow(self, *, is_tool_call: bool = False) -> None:
        """Tell that a model, or a tool, is about to be called; raises `StepError` when nothing more may be used."""
        if self._attempt.guard is not None:
            self._attempt.guard.allow(self._moment, is_tool_call=is_tool_call)

    def call_tool(self) -> None:
        """Count a call of a tool that is about to be made; raises `StepError` when it may not be made."""
        self.allow(is_tool_call=True)
        self.count(ONE_TOOL_CALL)

    def add(self, usage: Usage) -> None:
        """Count what was used; raises `StepError` when that is more than is allowed.

        Whatever it raises, what was added counts.
        """
        self.count(usage)
        if time.monotonic() - self._told_at >= _SECONDS:
            self.save()
        self.check()

    def check(self) -> None:
        """Raise `StepError` when more was used than is allowed."""
        if self._attempt.guard is not None:
            self._attempt.guard.used(self._moment)

    def save(self) -> None:
        """Queue a record of what was used so far, unless there is one."""
        if not self._is_saved:
            self._told_at, self._is_saved = time.monotonic(), True
            self._attempt.append(replace(self._execution, usage=self._usage))

    def count(self, usage: Usage) -> None:
        """Count what was used; recorded with the try, and in between when it is saved."""
        attempt, execution = self._attempt, self._execution
        self._usage += usage
        self._is_saved = False
        attempt.used[execution.step, execution.visit, execution.task] = self._usage
        attempt.spending.charge(execution.step, execution.visit, usage)
        attempt.tally.add(attempt.run.spec_name, usage)
