"""What every kind of node is given, and the shape that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from translator.compiling import Inside
from translator.language.templates import CompiledValue
from translator.planning.plan import Verb
from workflows.attempt import Attempt
from workflows.frames import Frame, Outcome, State, Visit
from workflows.meters import Meter
from workflows.program import StepProgram
from workflows.records import StepExecution

Json = Any


class Walker(Protocol):
    """Executes what is inside a step."""

    async def walk(self, frame: Frame, inside: Inside, visit: Visit, state: State) -> dict[str, Json]:
        """Execute the graph of what a frame holds, and return its channels afterwards; raises `StepFailed`, `Quiet`."""
        ...

    async def finish(self, frame: Frame, visit: Visit, state: State, outcome: Outcome) -> None:
        """Execute what stands under `finally` in the workflow of a frame; raises `StepFailed`, `Quiet`."""
        ...


@dataclass(frozen=True, slots=True)
class NodeCall:
    """One try of a step, or of an item of one."""

    frame: Frame  # with the item, if it is one
    program: StepProgram
    visit: Visit  # of an item: the step's visit and "#" and its number
    execution: StepExecution  # the record of this try, running
    state: dict[str, Json]
    arguments: Json  # `with`, evaluated
    inside: Inside | None  # the graph of a block or of a called workflow
    walker: Walker
    nodes: Mapping[Verb, Node]  # for verbs that make use of another
    meter: Meter  # of this try

    @property
    def attempt(self) -> Attempt:
        """Return the attempt in which this happens."""
        return self.frame.attempt

    @property
    def step_id(self) -> str:
        """Return the id of the step in the run's records."""
        return self.execution.step

    @property
    def deadline(self) -> datetime | None:
        """Return when whatever is around this has to be over."""
        return self.frame.deadline

    async def evaluate(self, compiled: CompiledValue, **more: Json) -> Json:
        """Evaluate an expression of the step; `more` are names that only this place knows."""
        return await self.frame.evaluate(compiled, self.state, **more)


class Node(Protocol):
    """Executes one verb."""

    async def __call__(self, call: NodeCall) -> Json:
        """Return the step's result; raises `StepError`."""
        ...
