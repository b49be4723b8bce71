"""The nodes that an author injected around the tasks of a stage: each has a frame of its own for every such task.

What is recorded there is never done again. A task that a rerun takes back has other frames the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from translator.planning.plan import Injected, Step
from translator.planning.scopes import TASK
from workflows.activity import Activity
from workflows.frames import Frame
from workflows.luigi.expansion import ExpandedTask
from workflows.luigi.gates import Contents, Moment, Targets
from workflows.nodes.call import NodeCall
from workflows.records import AT, StepStatus
from workflows.rounds import Outcome

Json = Any
WRITE = "write"  # the record of a target that was written anew stands beside that of the node


@dataclass(frozen=True, slots=True)
class InjectedNodes:
    """The injected nodes of one try of a luigi step."""

    call: NodeCall
    ends_at: datetime | None  # of the step
    again: Callable[[str], str]  # the marks of a task that a rerun has taken back, by its key
    shown: Callable[[Json], Json]  # what a spec may read of the outputs of a task

    @property
    def activity(self) -> Activity:
        """Return who moves in the step."""
        return self.call.visit.activity

    @property
    def may_go_on(self) -> bool:
        """Tell whether somebody has answered what an injected node asked."""
        return self.call.attempt.waits_inside(self._own, is_answered=True)

    @property
    def _own(self) -> str:
        return f"{self.call.execution.path}{AT}"

    def is_left(self, task: ExpandedTask, moment: Moment) -> bool:
        """Tell whether something is injected there that is not done; nothing is where a task was complete before."""
        found = self.call.attempt.execution(self.call.step_id, self.call.visit.id, task.key)
        if found is not None and found.status is StepStatus.SKIPPED:
            return False
        return any(not self._is_done(step, task) for step, _ in self._injected(task, moment))

    async def run(self, task: ExpandedTask, moment: Moment, targets: Targets) -> None:
        """Do what is left there, node after node; raises `StepFailed`, `StageError`, and `Quiet`."""
        for step, injected in self._injected(task, moment):
            if self._is_done(step, task):
                continue
            contents = await targets.contents(task, injected.read) if moment == "after" else None
            frame = self._frame(step, task, contents)
            await self._perform(frame)
            if injected.write is not None:
                await self._write(frame, step, task, targets)

    def _injected(self, task: ExpandedTask, moment: Moment) -> Iterator[tuple[Step, Injected]]:
        for step in self.call.frame.program.bodies.get(self.call.program.step.id, ()):
            injected = step.injected
            if injected and injected.moment == moment and _means(injected.tasks, task.name):
                yield step, injected

    def _path(self, task: ExpandedTask) -> str:
        return f"{self._own}{task.key}{self.again(task.key)}"

    def _frame(self, step: Step, task: ExpandedTask, contents: Contents | None) -> Frame:
        hidden = self.call.program.step.mask
        seen: dict[str, Json] = {
            "key": task.key,
            "name": task.name,
            "stage": stage_of(task.name),
            "params": {name: value for name, value in task.params.items() if name not in hidden},
        }
        if contents is not None:
            seen |= {"outputs": self.shown(contents.outputs), "data": contents.data}
        frame = self.call.frame.inside(self.call.program.step.id, self._path(task), {TASK: seen}, self.ends_at)
        frame.only = step.id
        return frame

    async def _perform(self, frame: Frame) -> None:
        if self.call.inside is not None:
            await self.call.walker.walk(frame, self.call.inside, self.call.visit, self.call.state)

    def _is_done(self, step: Step, task: ExpandedTask) -> bool:
        attempt, name, path = self.call.attempt, self.call.frame.id_of(step), self._path(task)
        outcome = attempt.outcome_of(step, attempt.execution(name, path))
        if outcome is Outcome.DONE and step.injected and step.injected.write is not None:
            return attempt.execution(name, path, WRITE) is not None
        return outcome in {Outcome.DONE, Outcome.SKIPPED}

    async def _write(self, frame: Frame, step: Step, task: ExpandedTask, targets: Targets) -> None:
        """Let the target of the task hold what the author says; the node's record alone does not end its work."""
        attempt, name = frame.attempt, frame.id_of(step)
        recorded, compiled = attempt.execution(name, frame.path), frame.of_step(step).write
        if recorded is None or compiled is None or recorded.status is StepStatus.SKIPPED:
            return
        began = attempt.opened(name, frame.path, 1, task=WRITE)
        value = await frame.evaluate(compiled, self.call.state, result=await attempt.result(recorded))
        written = await targets.rewrite(task, value)
        kept_as = written["kept_as"]
        event = attempt.event(
            "luigi.task-rewritten", self.call.step_id, task=task.key, name=task.name, by=name, kept_as=kept_as
        )
        attempt.append(attempt.closed(began, StepStatus.SUCCEEDED), event)


def stage_of(task_name: str) -> str:
    """Return the stage of a task by its name: `market.Publish` of `market.Publish(day=2026-11-20)`."""
    return task_name.partition("(")[0]


def _means(pattern: str, task_name: str) -> bool:
    return fnmatchcase(stage_of(task_name), pattern) or pattern == task_name
