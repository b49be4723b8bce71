"""What is recorded of a run, found again by whoever arrives at the same steps at visits of his own.

At the top, a visit is a checkpoint of LangGraph's, another one each time. So the n-th arrival at a step stands for its
n-th recorded one. Inside of blocks, maps and calls visits are counted, and the same as they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from translator.planning.plan import FINALLY, Plan, Step
from workflows.attempt import ITEM
from workflows.records import AGAIN, REDONE, History, StepExecution, StepStatus

Key = tuple[str, str, str]  # step, visit, task
_HEAD = re.compile(r"[^.#~]*")
HOLDS = frozenset({"dag", "flow", "workflow"})


class Places:
    """The steps of a plan, and of the workflows that it calls, by their ids in a run's records."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._steps: dict[str, dict[str, Step]] = {}  # by the plan's digest
        self._found: dict[str, tuple[Plan, Step] | None] = {}

    def of(self, name: str) -> tuple[Plan, Step] | None:
        """Return a step and the workflow that it stands in; None when the plan has no such step."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def root(self, name: str) -> Step | None:
        """Return the node of the run's own map in which a step lies, itself if it stands there."""
        found = self.of(name.partition("/")[0])
        while found is not None and found[1].block not in {None, FINALLY}:
            found = self.of(found[1].block or "")
        return found[1] if found else None

    def is_in_flow(self, plan: Plan, step: Step) -> bool:
        """Tell whether a step stands in a flow; else it stands in a DAG."""
        if step.block is None:
            return not plan.is_dag
        return step.block != FINALLY and self._in(plan)[step.block].verb == "flow"

    def _in(self, plan: Plan) -> dict[str, Step]:
        if plan.digest not in self._steps:
            self._steps[plan.digest] = {step.id: step for step in plan.steps}
        return self._steps[plan.digest]

    def _find(self, name: str) -> tuple[Plan, Step] | None:
        *calls, last = name.split("/")
        plan: Plan | None = self._plan
        for one in calls:
            step = self._in(plan).get(one) if plan else None
            plan = self._plan.workflows.get(step.call.source_digest) if step and step.call else None
        step = self._in(plan).get(last) if plan else None
        return (plan, step) if plan and step else None


def head_of(visit: str) -> str:
    """Return the visit of the run's own map that a visit lies in; empty under `finally`."""
    found = _HEAD.match(visit)
    return found[0] if found else ""


def is_item(task: str) -> bool:
    """Tell whether the task of a record is an item of a map; else it is one of Luigi's."""
    return task.startswith(ITEM)


def marks_of(execution: StepExecution) -> str:
    """Return the marks that tell how often what a step holds was begun anew."""
    key = execution.idempotency_key
    return AGAIN * (len(key) - len(key.rstrip(AGAIN)))


@dataclass
class Recording:
    """The records of a run that count: the newest of each step, item and task, without what was taken back."""

    plan: Plan
    history: History
    rows: dict[Key, StepExecution] = field(default_factory=dict[Key, StepExecution])
    heads: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # visits of a node of the top, in order

    def __post_init__(self) -> None:
        self.places = Places(self.plan)
        newest: dict[Key, StepExecution] = {}
        for one in self.history.steps:
            newest[one.step, one.visit, one.task] = one
        self._final = f"{FINALLY}{self.history.run.retried_after or ''}"
        paths = {"", self._final}
        for key, one in newest.items():
            if one.status not in REDONE:
                self._take(key, one, paths)

    def _take(self, key: Key, one: StepExecution, paths: set[str]) -> None:
        """Take a record, unless it is of an earlier try of what is around it; holders come before what they hold."""
        found = self.places.of(one.step)
        if found is None:
            return
        _, step = found
        is_at_the_top = step.block is None and "/" not in one.step
        if self.frame_path(one) not in paths:
            return
        self.rows[key] = one
        if step.verb in HOLDS and (step.map is None or is_item(one.task)):
            paths |= {one.path, f"{one.path}{self._final}"}
        if is_at_the_top and not one.task:
            self.heads.setdefault(one.step, []).append(one.visit)

    def frame_path(self, one: StepExecution) -> str:
        """Return the path of the frame that a record of a known step belongs to; empty at the top."""
        plan, step = self.places.of(one.step) or (self.plan, None)
        if step is None or (step.block is None and "/" not in one.step):
            return ""
        return one.visit.rpartition(".")[0] if self.places.is_in_flow(plan, step) else one.visit

    def find(self, ordinal: int, name: str, visit: str, task: str) -> StepExecution | None:
        """Return the record for an arrival elsewhere, inside of the `ordinal`-th visit (from 0) of its root."""
        head = head_of(visit)
        if not head:
            return self.rows.get((name, visit, task))
        root = self.places.root(name)
        heads = self.heads.get(root.id, []) if root else []
        return self.rows.get((name, heads[ordinal] + visit[len(head) :], task)) if ordinal < len(heads) else None

    def ordinal(self, one: StepExecution) -> int:
        """Return which visit of its root (from 0) a record lies in."""
        root, head = self.places.root(one.step), head_of(one.visit)
        heads = self.heads.get(root.id, []) if root else []
        return heads.index(head) if head in heads else 0

    def path(self) -> list[str]:
        """Return the nodes of the run's own map that were visited: a flow's along its way, a DAG's as written."""
        return path_of(self.plan, self.rows.values())


def path_of(plan: Plan, rows: Iterable[StepExecution]) -> list[str]:
    """Return the nodes of a run's own map among records, in the order of their visits; skipped ones left out."""
    places = {step.id: number for number, step in enumerate(plan.members(None))}
    seen = {(one.step, one.visit): one for one in rows if not one.task and one.step in places}
    found = [name for (name, _), one in seen.items() if one.status is not StepStatus.SKIPPED]
    return sorted(found, key=places.__getitem__) if plan.is_dag else found
