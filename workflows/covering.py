"""What of a spec its tests reached: nodes, and the branches between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from translator.planning.plan import FINALLY, Plan, Step
from workflows.expecting import Outcome
from workflows.records import StepStatus

_REACHED = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class Branch:
    """A way out of a node that a flow may take; ways that lead to the same node cannot be told apart."""

    node: str
    by: str  # "next" or "catch"
    to: str  # a node or "end"; of a catch that leads nowhere, the errors that it names

    def __str__(self) -> str:
        """Return how a report names it."""
        return f"{self.node} -> {self.to}" if self.by == "next" else f"{self.node} catch {self.to}"


@dataclass(frozen=True, slots=True)
class Unreached:
    """The nodes that no test reached, and the branches, of nodes that were, which none took."""

    nodes: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


def unreached(plan: Plan, outcomes: Iterable[Outcome]) -> Unreached:
    """Return what the runs of a plan left out.

    What is inside of called workflows is theirs to test, and a stage that is mocked has no tasks with nodes around.
    """
    reached: set[str] = set()
    taken: set[Branch] = set()
    for outcome in outcomes:
        for one in outcome.executions:
            if one.task or one.status not in _REACHED:
                continue
            reached.add(one.step)
            if one.status is StepStatus.FAILED and one.error is not None:
                taken |= _caught(plan, one.step, one.error.name)
            elif one.goto is not None:
                taken.add(Branch(one.step, "next", one.goto))
    injected = _injected(plan)
    nodes = tuple(step.id for step in plan.steps if step.id not in reached and step.id not in injected)
    branches = (branch for step in plan.steps if step.id in reached for branch in _branches(plan, step))
    return Unreached(nodes, tuple(str(one) for one in branches if one not in taken))


def _injected(plan: Plan) -> set[str]:
    """Return the nodes that run around tasks of a stage, and what is inside them; a block stands before its members."""
    found: set[str] = set()
    for step in plan.steps:
        if step.injected or step.block in found:
            found.add(step.id)
    return found


def _branches(plan: Plan, step: Step) -> Iterator[Branch]:
    """Yield the ways out of a step where there are several; the only way is taken whenever the step is left."""
    targets = step.transition.targets if step.transition else ()
    if step.verb == "decide" and not _is_in_dag(plan, step):
        targets = step.among
    if len(targets) > 1:
        yield from (Branch(step.id, "next", to) for to in targets)
    yield from (Branch(step.id, "catch", ", ".join(one.errors)) for one in step.catch)


def _is_in_dag(plan: Plan, step: Step) -> bool:
    if step.block is None:
        return plan.is_dag
    return step.block == FINALLY or plan.step(step.block).verb != "flow"


def _caught(plan: Plan, name: str, error: str) -> set[Branch]:
    step = next((one for one in plan.steps if one.id == name), None)
    entry = next((one for one in step.catch if one.catches(error)), None) if step else None
    return {Branch(name, "catch", ", ".join(entry.errors))} if entry else set()
