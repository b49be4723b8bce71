"""What a test of a spec expects, against what a run came to: path, status, error, state, outputs, results, events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from translator.planning.plan import FINALLY, Plan, Step
from workflows.records import StepExecution, StepStatus
from workflows.run import RunError, RunStatus

Json = Any
ROOTS = ("path", "status", "error", "outputs", "state", "nodes", "events")
_ITEM = re.compile(r"#(\d+)")
_SHOWN = 300  # characters of a value in a report


class Missing:
    """Stands for what is not there; it equals nothing."""


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of a run that a test may speak of."""

    plan: Plan
    status: RunStatus
    error: RunError | None = None
    outputs: Json = None
    state: Mapping[str, Json] = field(default_factory=dict[str, Json])
    nodes: Mapping[str, Json] = field(default_factory=dict[str, Json])  # by id: {result, status, error}
    executions: tuple[StepExecution, ...] = ()  # in the order in which they were first recorded
    events: tuple[str, ...] = ()  # names of emitted events


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An expectation that does not hold; `key` is the one of `expect`."""

    key: str
    expected: str
    actual: str


def mismatches(expect: Mapping[str, Json], outcome: Outcome) -> list[Mismatch]:
    """Return what does not hold, in the order of the text.

    A test that says nothing of how the run ends expects it to succeed, or to fail where it names an `error`.
    """
    wanted = dict(expect)
    if "status" not in wanted:
        wanted["status"] = "failed" if "error" in wanted else "succeeded"
    return [one for key, value in wanted.items() for one in _compared(key, value, outcome)]


def _compared(key: str, expected: Json, outcome: Outcome) -> list[Mismatch]:
    names = _names(expected) if key == "path" else set[str]()
    actual = path_of(outcome, names) if key == "path" else _looked_up(key, outcome)
    if not isinstance(actual, Missing) and same(expected, actual):
        return []
    why = f" ({outcome.error.name}: {outcome.error.message})" if key == "status" and outcome.error else ""
    return [Mismatch(key, shown(expected), shown(actual) + why)]


def same(expected: Json, actual: Json) -> bool:
    """Tell whether two JSON values are the same: 2 and 2.0 are, true and 1 are not."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        left, right = cast("dict[str, Json]", expected), cast("dict[str, Json]", actual)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(expected, list) and isinstance(actual, list):
        ours, theirs = cast("list[Json]", expected), cast("list[Json]", actual)
        return len(ours) == len(theirs) and all(same(one, other) for one, other in zip(ours, theirs, strict=True))
    return expected == actual


def shown(value: Json) -> str:
    """Return a value as it stands in a report."""
    if isinstance(value, Missing):
        return "nothing of this name"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"


def _looked_up(key: str, outcome: Outcome) -> Json | Missing:
    root, *rest = key.split(".")
    if root == "error":
        error = outcome.error.as_json() if outcome.error else None
        return _within(error, rest) if rest else (outcome.error.name if outcome.error else None)
    values: dict[str, Json] = {
        "status": outcome.status.value,
        "outputs": outcome.outputs,
        "state": outcome.state,
        "nodes": outcome.nodes,
        "events": list(outcome.events),
    }
    return _within(values, [root, *rest])


def _within(value: Json, keys: list[str]) -> Json | Missing:
    for key in keys:
        if isinstance(value, Mapping) and key in value:
            value = cast("Mapping[str, Json]", value)[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(cast("list[Json]", value)):
            value = cast("list[Json]", value)[int(key)]
        else:
            return MISSING
    return value


def _names(expected: Json) -> set[str]:
    return {str(one) for one in cast("list[Json]", expected)} if isinstance(expected, list) else set()


def path_of(outcome: Outcome, names: Iterable[str] = ()) -> list[str]:
    """Return the nodes that a run visited: a flow's in the order of their starts, a DAG's in that of the document.

    What lies inside of a block, of a called workflow and under `finally` is told only where `names` has one of it.
    """
    return _Path(outcome, frozenset(names)).ids()


@dataclass(frozen=True)
class _Path:
    outcome: Outcome
    names: frozenset[str]

    def ids(self) -> list[str]:
        top = _Frame(self.outcome.plan)
        last = self._of(replace(top, block=FINALLY))
        return self._of(top) + (last if self.names & set(last) else [])

    def _of(self, frame: _Frame) -> list[str]:
        """Return what was visited of the members of a block, in one round of it."""
        members = {frame.prefix + step.id: step for step in frame.plan.members(frame.block)}
        found = [one for one in self._begun() if one.step in members and frame.holds(one.visit)]
        if not frame.is_flow:
            place = {name: index for index, name in enumerate(members)}
            found.sort(key=lambda one: ([int(item) for item in _ITEM.findall(one.visit)], place[one.step]))
        return [name for one in found for name in (one.step, *self._inside(frame, members[one.step], one))]

    def _inside(self, frame: _Frame, step: Step, execution: StepExecution) -> list[str]:
        inner = replace(frame, block=step.id, visit=execution.visit, maps=frame.maps + (step.map is not None))
        if step.verb == "workflow" and step.call is not None:
            child = self.outcome.plan.workflows.get(step.call.source_digest)
            if child is None:
                return []
            inner = replace(inner, plan=child, block=None, prefix=f"{execution.step}/")
        elif step.verb not in {"dag", "flow"}:
            return []
        found = self._of(inner)
        return found if self.names & set(found) else []

    def _begun(self) -> list[StepExecution]:
        first: dict[tuple[str, str], StepExecution] = {}
        for one in self.outcome.executions:
            if not one.task and one.status is not StepStatus.SKIPPED:
                first.setdefault((one.step, one.visit), one)
        return list(first.values())


@dataclass(frozen=True)
class _Frame:
    """One round of a block: `block` of `plan` at `visit`, inside of so many maps."""

    plan: Plan
    block: str | None = None
    prefix: str = ""  # of the names that steps of a called workflow have in the run
    visit: str = ""
    maps: int = 0

    @property
    def is_flow(self) -> bool:
        if self.block is None:
            return self.plan.start is not None
        return self.block != FINALLY and self.plan.step(self.block).verb == "flow"

    def holds(self, visit: str) -> bool:
        """Tell whether a visit belongs to this round, and is not that of an item of the member's own map."""
        is_inside = (
            not self.visit or visit == self.visit or visit.startswith(tuple(self.visit + mark for mark in ".#~"))
        )
        return is_inside and len(_ITEM.findall(visit)) == self.maps
