"""A plan as tests run it: without pauses between tries, and a map whose whole result is mocked as one plain step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from translator.planning.plan import Plan, Step

Json = Any
_KEPT = ("id", "path", "block", "needs", "when", "result_known", "save", "reset", "max_visits", "catch", "transition")


def hurried(plan: Plan, mocks: Mapping[str, Json]) -> Plan:
    """Return a plan to be run with these mocks; its called workflows are copies, one for each call."""
    return _Hurry(plan, mocks).whole()


@dataclass
class _Hurry:
    plan: Plan
    mocks: Mapping[str, Json]
    called: dict[str, Plan] = field(default_factory=dict[str, Plan])  # those that are called deeper come first

    def whole(self) -> Plan:
        hurried = self._of(self.plan, "")
        may_start = any(one.starts_runs for one in (self.plan, *self.plan.workflows.values()))
        started = self.plan.workflows if may_start else {}  # as they are: runs of their own have no mocks
        return hurried.model_copy(update={"workflows": {**started, **self.called}})

    def _of(self, plan: Plan, prefix: str) -> Plan:
        flat = {step.id for step in plan.steps if step.map is not None and is_whole(self.mocks.get(prefix + step.id))}
        left_out = {step.id for block in flat for step in _inside(plan, block)}
        kept = [step for step in plan.steps if step.id not in left_out]
        steps = [_flat(one) if one.id in flat else self._step(one, prefix) for one in kept]
        return plan.model_copy(update={"steps": tuple(steps), "workflows": {}})

    def _step(self, step: Step, prefix: str) -> Step:
        changed: dict[str, Json] = {
            "retry": step.retry.model_copy(update={"initial_seconds": 0.0, "cap_seconds": 0.0}),
        }
        child = self.plan.workflows.get(step.call.source_digest) if step.call else None
        if child is not None and step.call is not None:
            digest = f"{step.call.source_digest} for {prefix}{step.id}"
            self.called[digest] = self._of(child, f"{prefix}{step.id}/")
            changed["call"] = step.call.model_copy(update={"source_digest": digest})
        return step.model_copy(update=changed)


def _flat(step: Step) -> Step:
    """Return a step that only stands for the result of a map."""
    return Step(verb="tool", **{name: getattr(step, name) for name in _KEPT})


def _inside(plan: Plan, block: str) -> Iterator[Step]:
    for step in plan.members(block):
        yield step
        yield from _inside(plan, step.id)


def is_whole(mock: Json) -> bool:
    """Tell whether a mock is the whole result of a map, or a list of such results for successive visits."""
    entries = cast("list[Json]", mock) if isinstance(mock, list) else [mock]
    return bool(entries) and all(isinstance(one, dict) and "ok" in one for one in entries)


def completed(mock: Json) -> Json:
    """Return the whole result of a map with `failed`, which may be left out."""
    if isinstance(mock, list):
        return [completed(one) for one in cast("list[Json]", mock)]
    return {"failed": [], **cast("dict[str, Json]", mock)}
