"""What every kind of node is given, and the shape that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from workflows.attempt import Attempt, Visit
from workflows.program import StepProgram
from workflows.records import StepExecution
from workflows.rounds import Round

Json = Any


@dataclass(frozen=True, slots=True)
class NodeCall:
    """One try of a step."""

    attempt: Attempt
    program: StepProgram
    visit: Visit
    execution: StepExecution  # the record of this try, running
    state: dict[str, Json]
    arguments: Json  # `with`, evaluated
    round: Round | None  # of the DAG around the step; None in a flow


class Node(Protocol):
    """Executes one verb."""

    async def __call__(self, call: NodeCall) -> Json:
        """Return the step's result; raises `StepError`."""
        ...
