"""A part of a run that is over is run again: what of its records is taken back, so that all the rest is walked over.

What is done again keeps its visit and gets new idempotency keys. What followed it in a flow is discarded, since another
way may be taken now; what needs it in a DAG is done again. Blocks, maps and calls around it go on where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from translator.planning.plan import FINALLY, Plan, Step
from workflows.luigi.expansion import Expansion
from workflows.records import AT, REDONE, History, StepExecution, StepStatus

_Key = tuple[str, str, str]


def taken_back(plan: Plan, history: History, name: str) -> tuple[StepExecution, ...]:
    """Return the records that a rerun from a node or task changes, as they are then; none when there is no record.

    `name` is the id of a node in the run's records, `check/inner` inside a called workflow, or the name or key of a
    Luigi task, without its parameters where that is clear. Of several visits the last one counts.
    """
    return _Renewal(plan, history).of(name)


@dataclass(frozen=True)
class _Place:
    """Where a node stands: its workflow, the node, and what its id has before it in the records."""

    plan: Plan
    step: Step
    prefix: str

    @property
    def is_in_flow(self) -> bool:
        if self.step.block is None:
            return not self.plan.is_dag
        return self.step.block != FINALLY and self.plan.step(self.step.block).verb == "flow"

    @property
    def is_at_the_top(self) -> bool:
        return not self.prefix and self.step.block is None

    def path(self, visit: str) -> str:
        """Return the path of the frame to which a visit of the node belongs."""
        if self.is_at_the_top:
            return ""
        return visit.rpartition(".")[0] if self.is_in_flow else visit

    def dependents(self) -> set[str]:
        """Return what needs the node, directly or not, in its DAG."""
        members, found = self.plan.members(self.step.block), {self.step.id}
        while fresh := {one.id for one in members if one.id not in found and found & set(one.needs)}:
            found |= fresh
        return found - {self.step.id}


def _above(expansion: Expansion, key: str) -> set[str]:
    """Return a task and all that needs it, directly or not; what a task needs stands before it."""
    found = {key}
    for task in expansion.tasks:
        if found & set(task.needs):
            found.add(task.key)
    return found


class _Renewal:
    def __init__(self, plan: Plan, history: History) -> None:
        self._plan = plan
        self._expansions = {(one.step, one.visit): Expansion.from_json(one.body) for one in history.expansions}
        self._newest: dict[_Key, StepExecution] = {}  # in the order in which they were first recorded
        for one in history.steps:
            self._newest[one.step, one.visit, one.task] = one
        self._status: dict[_Key, StepStatus] = {}

    def of(self, name: str) -> tuple[StepExecution, ...]:
        known = [one for one in self._newest.values() if one.status not in REDONE]
        nodes = [one for one in known if one.step == name and not one.task and AT not in one.visit]
        tasks = [one for one in known if one.name and name in {one.name, one.task, f"{one.step}/{one.name}"}]
        family = [one for one in known if one.name and one.name.partition("(")[0] == name]
        is_clear = len({one.task for one in family}) == 1
        for one in (nodes or tasks or (family if is_clear else []))[-1:]:
            self._renew(one)
        return tuple(replace(self._newest[key], status=status) for key, status in self._status.items())

    def _renew(self, target: StepExecution) -> None:
        place = self._place(target.step)
        expansion = self._expansions.get((target.step, target.visit))
        if expansion is None:
            self._mark(self._all_of(target.step, target.visit), StepStatus.SUPERSEDED)
        else:
            self._mark([self._newest[target.step, target.visit, ""]], StepStatus.CANCELLED)
            again = _above(expansion, target.task or expansion.root)
            tasks = [one for one in self._all_of(target.step, target.visit) if one.task in again]
            self._mark(tasks, StepStatus.SUPERSEDED)
        while True:
            self._follow(place, target.visit)
            if place.is_at_the_top:
                return
            around = self._around(place, place.path(target.visit))
            self._mark(around, StepStatus.CANCELLED)
            target, place = around[-1], self._place(around[-1].step)

    def _follow(self, place: _Place, visit: str) -> None:
        """Mark what comes after a node in its map."""
        if not place.is_in_flow:
            for name in place.dependents():
                self._mark(self._all_of(place.prefix + name, visit), StepStatus.SUPERSEDED)
            return
        path = place.path(visit)
        members = {place.prefix + one.id for one in place.plan.members(place.step.block)}
        visits = list(dict.fromkeys(one.visit for one in self._in_frame(members, place, path)))
        later = set(visits[visits.index(visit) + 1 :])
        self._mark((one for one in self._in_frame(members, place, path) if one.visit in later), StepStatus.DISCARDED)

    def _in_frame(self, members: set[str], place: _Place, path: str) -> Iterator[StepExecution]:
        for one in self._newest.values():
            if one.step in members and place.path(one.visit) == path and one.status is not StepStatus.DISCARDED:
                yield one

    def _around(self, place: _Place, path: str) -> list[StepExecution]:
        """Return the records of what holds a frame: the item of a map, if it is one, and the step."""
        name = place.prefix + place.step.block if place.step.block else place.prefix[:-1]
        inner = next(one for one in reversed(self._newest.values()) if one.step == name and one.path == path)
        step = self._newest[inner.step, inner.visit, ""]
        return [inner, step] if inner.task else [step]

    def _all_of(self, name: str, visit: str) -> list[StepExecution]:
        """Return what is recorded of a step at a visit, its items and tasks included."""
        return [one for one in self._newest.values() if one.step == name and one.visit == visit]

    def _mark(self, rows: Iterable[StepExecution], status: StepStatus) -> None:
        for one in list(rows):
            self._status[one.step, one.visit, one.task] = status

    def _place(self, name: str) -> _Place:
        """Find a node by its id in the records; KeyError when the plan has none of this id."""
        plan, names = self._plan, name.split("/")
        for one in names[:-1]:
            call = plan.step(one).call
            plan = self._plan.workflows[call.source_digest if call else ""]
        return _Place(plan, plan.step(names[-1]), name[: len(name) - len(names[-1])])
