"""Lays two recorded runs beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, cast

from translator.planning.plan import Plan
from workflows.comparison import Beside, Comparison, StepTime, Unlike
from workflows.expecting import same
from workflows.recalling import Recording
from workflows.records import History, StepExecution, StepStatus
from workflows.usage import Usage

Json = Any
_MOST_ALIGNED = 5_000  # steps of a path; longer ones are laid beside each other as they stand


def compare(one: tuple[History, Plan], other: tuple[History, Plan]) -> Comparison:
    """Return what is different between two runs, each with its plan."""
    left, right = Recording(one[1], one[0]), Recording(other[1], other[0])
    runs = left.history.run, right.history.run
    return Comparison(
        path=tuple(_aligned(_path(left), _path(right))),
        steps=tuple(_steps(left, right)),
        inputs=tuple(unlike(runs[0].inputs, runs[1].inputs)),
        outputs=tuple(unlike(_mapping(runs[0].outputs), _mapping(runs[1].outputs))),
        usage=(_usage(left), _usage(right)),
        seconds=(_lasted(left), _lasted(right)),
    )


def unlike(one: Mapping[str, Json], other: Mapping[str, Json]) -> Iterator[Unlike]:
    """Yield the values that are not the same in two mappings, by name."""
    for name in dict.fromkeys((*one, *other)):
        is_there = name in one, name in other
        if not all(is_there) or not same(one[name], other[name]):
            yield Unlike(name, one.get(name), other.get(name), is_there)


def _mapping(value: Json) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", value) if isinstance(value, dict) else {}


def _path(recording: Recording) -> list[StepExecution]:
    """Return the arrivals at the nodes of a run's own map, in the order of the way, a DAG's as written."""
    places = {step.id: number for number, step in enumerate(recording.plan.members(None))}
    rows = [one for one in recording.rows.values() if not one.task and one.step in places]
    return sorted(rows, key=lambda one: places[one.step]) if recording.plan.is_dag else rows


def _aligned(one: list[StepExecution], other: list[StepExecution]) -> Iterator[Beside]:
    names = [row.step for row in one], [row.step for row in other]
    if max(map(len, names)) > _MOST_ALIGNED:
        blocks = [("replace", 0, len(one), 0, len(other))]
    else:
        blocks = SequenceMatcher(None, *names, autojunk=False).get_opcodes()
    seen: tuple[dict[str, int], dict[str, int]] = {}, {}
    for kind, begin, end, from_, to in blocks:
        left, right = one[begin:end], other[from_:to]
        if kind == "equal":
            for row, beside in zip(left, right, strict=True):
                yield Beside(_time(row, seen[0]), _time(beside, seen[1]), _is_same(row, beside))
            continue
        yield from (Beside(_time(row, seen[0]), None) for row in left)
        yield from (Beside(None, _time(row, seen[1])) for row in right)


def _steps(left: Recording, right: Recording) -> Iterator[Beside]:
    one, other = _by_visit(left.rows.values()), _by_visit(right.rows.values())
    for key in dict.fromkeys((*one, *other)):
        row, beside = one.get(key), other.get(key)
        yield Beside(
            _shown(row, key[1]) if row else None,
            _shown(beside, key[1]) if beside else None,
            _is_same(row, beside) if row and beside else None,
        )


def _by_visit(rows: Iterable[StepExecution]) -> dict[tuple[str, int], StepExecution]:
    counted: dict[str, int] = {}
    found: dict[tuple[str, int], StepExecution] = {}
    for row in rows:
        if not row.task:
            counted[row.step] = counted.get(row.step, 0) + 1
            found[row.step, counted[row.step]] = row
    return found


def _time(row: StepExecution, seen: dict[str, int]) -> StepTime:
    seen[row.step] = seen.get(row.step, 0) + 1
    return _shown(row, seen[row.step])


def _shown(row: StepExecution, visit: int) -> StepTime:
    status = "caught" if row.is_caught else row.status.value
    seconds = round((row.finished_at - row.started_at).total_seconds(), 3) if row.finished_at else None
    return StepTime(row.step, visit, status, seconds)


def _is_same(one: StepExecution, other: StepExecution) -> bool | None:
    if one.status is not StepStatus.SUCCEEDED or other.status is not StepStatus.SUCCEEDED:
        return None
    left, right = _mapping(one.result), _mapping(other.result)
    if "artifact" in left and "artifact" in right:
        return left.get("sha256") == right.get("sha256")
    return same(left.get("value"), right.get("value")) if "artifact" not in (*left, *right) else False


def _usage(recording: Recording) -> Json:
    used = [one.usage for one in recording.history.steps if one.usage is not None]
    return sum(used, Usage()).as_json() if used else None


def _lasted(recording: Recording) -> float | None:
    run = recording.history.run
    if run.started_at is None or run.finished_at is None:
        return None
    return round((run.finished_at - run.started_at).total_seconds(), 3)
