"""The ways between the steps of a plan: where a step leads, what it needs, what it chooses from, what it catches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from translator.planning.plan import FINALLY, Plan, Step, Transition

WayKind = Literal["then", "needs", "choice", "catch"]
OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Way:
    """A way from one step to another, or to `end`; the label is a condition, a case, or names of errors."""

    source: str
    target: str
    kind: WayKind
    label: str = ""
    is_unsure: bool = False  # in a dag: the target has a `when`


def ways(plan: Plan) -> Iterator[Way]:
    """Walk through all ways, in the order of the document."""
    steps = {step.id: step for step in plan.steps}
    for step in plan.steps:
        for need in step.needs:
            chosen = need in steps and step.id in steps[need].among
            label = "if chosen" if chosen else ""
            yield Way(need, step.id, "choice" if chosen else "needs", label, is_unsure=step.when is not None)
        if step.transition:
            yield from _transition(step, step.transition)
        if step.among and not is_in_dag(plan, step, steps):
            yield from (Way(step.id, name, "choice") for name in step.among)
        for catcher in step.catch:
            if catcher.to is not None:
                yield Way(step.id, catcher.to, "catch", ", ".join(catcher.errors))


def is_in_dag(plan: Plan, step: Step, steps: dict[str, Step]) -> bool:
    """Tell whether a step is a member of a dag."""
    if step.block is None:
        return plan.is_dag
    return step.block == FINALLY or steps[step.block].verb != "flow"


def _transition(step: Step, transition: Transition) -> Iterator[Way]:
    for case, target in transition.cases.items():
        yield Way(step.id, target, "then", case)
    if transition.default is not None:
        yield Way(step.id, transition.default, "then", OTHERWISE)
    for branch in transition.branches:
        label = branch.when or ("else" if len(transition.branches) > 1 else "")
        yield Way(step.id, branch.to, "then", label)
