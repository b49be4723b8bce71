"""What stands before and after the tasks of a step: the nodes that its author injected, and who waits for them.

A task whose nodes are not done yet is held back, without a worker or a host. While nothing but held tasks is left, the
step stands still.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from workflows.activity import Activity, Quiet
from workflows.errors import StepFailed
from workflows.luigi.errors import InjectedFailed, StageError
from workflows.luigi.expansion import ExpandedTask

Json = Any
Moment = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the targets of a task are and, when somebody asked, hold."""

    outputs: Json
    data: Json = None


class Targets(Protocol):
    """The targets of the tasks of this step."""

    async def contents(self, task: ExpandedTask, read: Literal["json", "text"] | None) -> Contents:
        """Return what a task has made; raises `StageError`."""
        ...

    async def rewrite(self, task: ExpandedTask, value: Json) -> Json:
        """Let the one target of a task hold a value; return `{path, kept_as}`, where the file as it was now lies."""
        ...


class Injections(Protocol):
    """The nodes that an author injected around the tasks of a step."""

    @property
    def activity(self) -> Activity:
        """Return who moves in the step."""
        ...

    def is_left(self, task: ExpandedTask, moment: Moment) -> bool:
        """Tell whether something is injected there that is not done."""
        ...

    async def run(self, task: ExpandedTask, moment: Moment, targets: Targets) -> None:
        """Do what is left there, node after node; raises `StepFailed`, `StageError`, and `Quiet`."""
        ...


@dataclass
class Gates:
    """Holds tasks back until what is injected before or after them is done."""

    injections: Injections
    targets: Targets
    is_quiet: bool = False  # something waits for somebody outside, and nothing else moves
    passing: int = 0  # tasks that are held back now
    _still: asyncio.Future[None] | None = field(default=None)

    def is_shut(self, task: ExpandedTask, moment: Moment) -> bool:
        """Tell whether a task is to be held back at this moment."""
        return self.injections.is_left(task, moment)

    def begin(self) -> None:
        """Count a task that is about to be held back."""
        self.passing += 1
        self.injections.activity.begin(1)

    async def open(self, task: ExpandedTask, moment: Moment) -> StageError | None:
        """Return None once a task may go on, or why it may not; raises `Quiet` when that takes somebody outside."""
        try:
            await self.injections.run(task, moment, self.targets)
        except Quiet:
            self.is_quiet = True
            raise
        except StepFailed as failed:
            return InjectedFailed(task.name, moment, failed.error)
        except StageError as error:
            return error
        finally:
            self.passing -= 1
            if not self.is_quiet:
                self._stir()
                self.injections.activity.end(1)

    async def stand_still(self) -> None:
        """Wait until a held task goes on; returns as well when none does before somebody outside acts."""
        self._still = asyncio.get_running_loop().create_future()
        try:
            await self.injections.activity.wait(self._still)
        except Quiet:
            self.is_quiet = True
        finally:
            self._still = None

    def _stir(self) -> None:
        if self._still is not None:
            self.injections.activity.wake(self._still)
