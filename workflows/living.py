"""An attempt while it is executed in this process, and the ways in which it is stopped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langgraph.runtime import RunControl

from workflows.attempt import Attempt
from workflows.frames import Frame
from workflows.run import RunError


@dataclass(slots=True)
class Live:
    """An attempt that is executed here and now."""

    attempt: Attempt
    top: Frame
    task: asyncio.Task[Any] | None = None
    control: RunControl = field(default_factory=RunControl)
    is_new: bool = False  # there is no checkpoint yet
    is_cancelled: bool = False
    is_draining: bool = False
    stopped_from_outside: bool = False  # not the run but whoever executes it was cancelled
    stopped: RunError | None = None  # why a policy has ended the run
    is_ending: bool = False  # what stands under `finally` is executed

    def stop(self, error: RunError) -> None:
        """End the run for good; what stands under `finally` is executed all the same."""
        self.stopped = self.stopped or error
        if self.task is not None and not self.is_ending:
            self.task.cancel()


def loop_time(deadline: datetime | None) -> float | None:
    """Return a moment as the loop's clock tells it."""
    if deadline is None:
        return None
    return asyncio.get_running_loop().time() + (deadline - datetime.now(UTC)).total_seconds()
