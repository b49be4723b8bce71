"""The meter of a try: counts what it uses while it comes, keeps that with the try, and stops it at what is allowed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from workflows.records import StepExecution
from workflows.usage import NOTHING, Usage

if TYPE_CHECKING:
    from workflows.attempt import Attempt

_SECONDS = 0.25  # between two records of a try that streams


class Meter:
    """What one try of a step, or of an item of one, has used so far.

    What was added is recorded with the try however it ends, and while it goes on: after each call of a model or tool,
    and a few times a second in between.
    """

    def __init__(self, attempt: Attempt, execution: StepExecution) -> None:
        self._attempt, self._execution = attempt, execution
        self._usage = execution.usage or NOTHING  # of a try that is gone on with
        self._told_at = 0.0

    @property
    def usage(self) -> Usage:
        """Return what the try has used so far."""
        return self._usage

    def allow(self, *, is_tool_call: bool = False) -> None:
        """Tell that a model, or a tool, is about to be called; raises `StepError` when nothing more may be used."""
        del is_tool_call

    def add(self, usage: Usage) -> None:
        """Count what was used; raises `StepError` when that is more than is allowed.

        Whatever it raises, what was added counts.
        """
        self._usage += usage
        self._attempt.used[self._key] = self._usage
        now = time.monotonic()
        if usage.model_calls or usage.tool_calls or now - self._told_at >= _SECONDS:
            self._told_at = now
            self._attempt.append(replace(self._execution, usage=self._usage))

    @property
    def _key(self) -> tuple[str, str, str]:
        return (self._execution.step, self._execution.visit, self._execution.task)
