"""What a block or a map has done to the state, read from what is recorded inside it."""

from __future__ import annotations

from collections.abc import Iterator

from translator.compiling import Change
from translator.planning.plan import END, Step
from workflows.attempt import ITEM
from workflows.frames import Frame
from workflows.records import StepExecution, StepStatus
from workflows.run import Fork

_BLOCKS = frozenset({"dag", "flow"})


def changes_of(frame: Frame, step: Step, recorded: StepExecution) -> tuple[Change, ...]:
    """Return what a step has done to the state when it succeeded, or when its failure was caught."""
    if recorded.status is not StepStatus.SUCCEEDED and not recorded.is_caught:
        return ()
    resets = frozenset(() if recorded.is_caught else step.reset)
    own = (Change(recorded.saves or {}, resets),) if recorded.saves or resets else ()
    patch = frame.attempt.patch
    is_patched = patch is not None and patch.after == (recorded.step, recorded.visit)
    return (*changes_inside(frame, step, recorded), *own, *(_patched(patch) if patch and is_patched else ()))


def changes_on_entry(frame: Frame) -> tuple[Change, ...]:
    """Return what a fork has changed as a map of nodes is entered, before any of them."""
    patch = frame.attempt.patch
    if patch is None or patch.after is not None or patch.enters != (frame.prefix, frame.body or "", frame.path):
        return ()
    return _patched(patch)


def _patched(patch: Fork) -> tuple[Change, ...]:
    return (Change(patch.sets, frozenset(patch.sets)),)


def changes_inside(frame: Frame, step: Step, recorded: StepExecution) -> tuple[Change, ...]:
    """Return what the members of a block have done, item after item when it is mapped."""
    if step.verb not in _BLOCKS or not frame.plan.state:
        return ()
    paths = [recorded.path] if step.map is None else list(_items(frame, recorded))
    return tuple(one for path in paths for one in changes_within(frame.inside(step.id, path, {}, None)))


def changes_within(frame: Frame) -> Iterator[Change]:
    """Walk through what the members of a frame have done: a flow's along its way, a DAG's in the order of the text."""
    yield from changes_on_entry(frame)
    for step, visit in _way(frame) if frame.is_flow else ((one, frame.path) for one in frame.members):
        recorded = frame.attempt.execution(frame.id_of(step), visit)
        if recorded is not None:
            yield from changes_of(frame, step, recorded)


def _way(frame: Frame) -> Iterator[tuple[Step, str]]:
    name, arrival = frame.plan.start if frame.body is None else frame.program.steps[frame.body].step.start, 0
    while name is not None and name != END:
        step, arrival = frame.program.steps[name].step, arrival + 1
        visit = f"{frame.path}.{arrival}"
        yield step, visit
        recorded = frame.attempt.execution(frame.id_of(step), visit)
        name = recorded.goto if recorded else None


def _items(frame: Frame, recorded: StepExecution) -> Iterator[str]:
    number = 0
    while item := frame.attempt.execution(recorded.step, recorded.visit, f"{ITEM}{number}"):
        if item.status is StepStatus.SUCCEEDED:
            yield item.path
        number += 1
