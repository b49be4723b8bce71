"""A new run out of an old one: which of its records are taken over, so that a step and all that follows runs anew.

What was done before the step is walked over, as after a rerun. Blocks, maps and calls around it go on where they are.
What had not come to an end is not taken over. Under `finally` everything is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from translator.planning.plan import FINALLY, Plan, Step
from workflows.recalling import HOLDS, Key, Places, Recording, is_item, marks_of
from workflows.records import ExpansionRecorded, Question, StepExecution, StepStatus
from workflows.run import Fork, RunId

Json = Any
_BOUNDARY = ".#~"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a fork takes over of a run, in the order in which it was recorded; nothing of it is changed yet."""

    fork: Fork
    rows: tuple[StepExecution, ...]
    going_on: frozenset[Key]  # of the rows: what holds the step, and begins again where it was
    questions: tuple[Question, ...]
    expansions: tuple[ExpansionRecorded, ...]
    began_at: datetime  # when the step began in the old run

    @property
    def steps(self) -> frozenset[str]:
        """Return the ids of the steps of which a record is taken over."""
        return frozenset(one.step for one in self.rows)


def targets(recording: Recording, name: str) -> list[StepExecution]:
    """Return the arrivals at a step from which a run can be forked, in their order; `name` may be a checkpoint."""
    rows = [one for one in recording.rows.values() if not one.task]
    found = [one for one in rows if one.step == name]
    return found or [one for one in rows if one.visit == name and recording.frame_path(one) == ""][:1]


def take_over(recording: Recording, target: StepExecution, number: int, *, whole: bool = False) -> Taken:
    """Return what a fork at an arrival takes over; `number` counts the arrivals at its step, from 1.

    With `whole`, a DAG is begun anew: nothing of its round is taken over.
    """
    work = _TakingOver(recording)
    work.leave(target, whole=whole)
    rows = tuple(one for key, one in recording.rows.items() if key not in work.dropped)
    kept = {(one.step, one.visit) for one in rows if not one.task} - {key[:2] for key in work.going_on}
    after, enters = work.place(target)
    fork = Fork(recording.history.run.id, target.step, number, len(kept), after=after, enters=enters)
    return Taken(
        fork=fork,
        rows=rows,
        going_on=frozenset(work.going_on),
        questions=tuple(one for one in recording.history.questions if _is_settled(one, kept)),
        expansions=tuple(one for one in recording.history.expansions if (one.step, one.visit) in kept),
        began_at=target.started_at,
    )


def _is_settled(question: Question, kept: set[tuple[str, str]]) -> bool:
    """Tell whether a question belongs to what is taken over; how much people have allowed stands for the fork, too."""
    if question.is_open:
        return False
    visit = question.visit.partition("#")[0]
    return question.kind == "limit" or (question.step, question.visit) in kept or (question.step, visit) in kept


class _TakingOver:
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._places = recording.places
        self._order = {key: number for number, key in enumerate(recording.rows)}
        self.dropped: set[Key] = set()
        self.going_on: set[Key] = set()

    def leave(self, target: StepExecution, *, whole: bool) -> None:
        """Take out a step, what follows from it, and whatever had not ended."""
        for one in self._recording.rows.values():
            found = self._places.of(one.step)
            if found and found[1].block == FINALLY and "/" not in one.step:
                self._drop(one)
        current = target
        self._drop_arrival(target.step, target.visit)
        while True:
            for one in list(self._following(current, whole=whole)):
                self._drop_arrival(one.step, one.visit)
            whole = False
            around = self._around(current)
            if not around:
                break
            self.going_on |= {(one.step, one.visit, one.task) for one in around}
            current = around[-1]
        self._drop_unfinished()

    def place(self, target: StepExecution) -> tuple[tuple[str, str] | None, tuple[str, str, str]]:
        """Return the arrival behind which the state can be changed, or the map of nodes that begins there."""
        plan, step = self._place(target)
        path, prefix = self._recording.frame_path(target), target.step.rpartition("/")[0]
        enters = (f"{prefix}/" if prefix else "", step.block or "", path)
        if not self._places.is_in_flow(plan, step):
            return None, enters
        before = [one for one in self._siblings(target) if self._order[_key(one)] < self._order[_key(target)]]
        return ((before[-1].step, before[-1].visit) if before else None), enters

    def _place(self, one: StepExecution) -> tuple[Plan, Step]:
        return cast("tuple[Plan, Step]", self._places.of(one.step))

    def _siblings(self, target: StepExecution) -> list[StepExecution]:
        """Return the arrivals in the same execution of a map of nodes."""
        plan, step = self._place(target)
        prefix, path = target.step[: len(target.step) - len(step.id)], self._recording.frame_path(target)
        members = {prefix + one.id for one in plan.members(step.block)}
        rows = (one for one in self._recording.rows.values() if one.step in members and not one.task)
        return [one for one in rows if self._recording.frame_path(one) == path]

    def _following(self, current: StepExecution, *, whole: bool) -> Iterator[StepExecution]:
        """Yield what comes after an arrival in its map of nodes."""
        plan, step = self._place(current)
        siblings = self._siblings(current)
        if self._places.is_in_flow(plan, step):
            yield from (one for one in siblings if self._order[_key(one)] > self._order[_key(current)])
            return
        prefix = current.step[: len(current.step) - len(step.id)]
        members = plan.members(step.block)
        found = {step.id}
        while fresh := {one.id for one in members if one.id not in found and (whole or found & set(one.needs))}:
            found |= fresh
        yield from (one for one in siblings if one.step.removeprefix(prefix) in found - {step.id})

    def _around(self, current: StepExecution) -> list[StepExecution]:
        """Return the records of what holds an arrival: an item of a map, if it is one, and the step."""
        _, step = self._place(current)
        prefix = current.step[: len(current.step) - len(step.id)]
        holder = prefix + step.block if step.block else prefix[:-1]
        if not holder:
            return []
        path = self._recording.frame_path(current)
        rows = [one for one in self._recording.rows.values() if one.step == holder]
        inner = next(one for one in reversed(rows) if one.path == path)
        whole = [one for one in rows if one.visit == inner.visit and not one.task]
        return [inner, *whole] if inner.task else [inner]

    # --- what is taken out -----------------------------------------------------------------------------------------

    def _drop_arrival(self, name: str, visit: str) -> None:
        for one in [one for one in self._recording.rows.values() if (one.step, one.visit) == (name, visit)]:
            self._drop(one)

    def _drop(self, one: StepExecution) -> None:
        key = _key(one)
        if key in self.dropped:
            return
        self.dropped.add(key)
        found = self._places.of(one.step)
        if found and found[1].verb in HOLDS:
            for inner in self._inside(one):
                self.dropped.add(_key(inner))

    def _inside(self, holder: StepExecution) -> Iterator[StepExecution]:
        """Yield what an execution of a step holds, at any depth."""
        path = holder.path
        for one in self._recording.rows.values():
            is_below = one.visit == path or (one.visit.startswith(path) and one.visit[len(path)] in _BOUNDARY)
            if is_below and one.step != holder.step and holder.step in self._lineage(one.step):
                yield one

    def _lineage(self, name: str) -> list[str]:
        """Return the ids of all that is around a step, the innermost first."""
        found: list[str] = []
        while name:
            place = self._places.of(name)
            if place is None:
                return found
            step = place[1]
            prefix = name[: len(name) - len(step.id)]
            name = prefix + step.block if step.block and step.block != FINALLY else prefix[:-1]
            found += [name] if name else []
        return found

    def _drop_unfinished(self) -> None:
        """Take out what had not come to an end; what holds such steps, and has ended in part, goes on."""
        settled = self._settled()
        for key, one in self._recording.rows.items():
            if key in self.dropped or key in self.going_on or key in settled or _has_ended(one):
                continue
            step = self._place(one)[1]
            if (step.verb in HOLDS and (step.map is None or is_item(one.task))) or (
                step.map is not None and not one.task
            ):
                self.going_on.add(key)
            else:
                self._drop_arrival(one.step, one.visit) if not one.task else self._drop(one)
        for key in list(self.going_on):
            self._drop_finals(self._recording.rows[key])

    def _settled(self) -> set[Key]:
        """Return what lies inside of what has ended: how it stands does not matter any more."""
        ended = (
            one
            for key, one in self._recording.rows.items()
            if self._place(one)[1].verb in HOLDS and _has_ended(one) and key not in self.dropped | self.going_on
        )
        return {_key(inner) for one in ended for inner in self._inside(one)}

    def _drop_finals(self, holder: StepExecution) -> None:
        """Take out what a called workflow that goes on has cleaned up."""
        begin = f"{holder.path}{FINALLY}"
        for one in self._inside(holder):
            if one.visit.startswith(begin) and one.step.startswith(f"{holder.step}/"):
                self.dropped.add(_key(one))


def _key(one: StepExecution) -> Key:
    return (one.step, one.visit, one.task)


def _has_ended(one: StepExecution) -> bool:
    """Tell whether a step has come to an end of its own, with which others can go on."""
    if one.status is StepStatus.SKIPPED:
        return one.error is None
    return one.status is StepStatus.SUCCEEDED or one.is_caught


# --- what is written for the new run -------------------------------------------------------------------------------


def moved(taken: Taken, run_id: RunId) -> Iterator[StepExecution]:
    """Yield the records as the new run's: with keys of its own, addresses of its own copies, and no cost again."""
    old, new = address(taken.fork.run), address(run_id)
    for one in taken.rows:
        changed = replace(
            one,
            run_id=run_id,
            attempt=0,
            idempotency_key=f"{run_id}/{one.step}/{one.visit}{one.task}{marks_of(one)}",
            result=readdressed(one.result, old, new),
            saves=readdressed(one.saves, old, new),
            log_uri=readdressed(one.log_uri, old, new),
            usage=None,
        )
        yield replace(changed, status=StepStatus.CANCELLED) if _key(one) in taken.going_on else changed


def address(run_id: RunId) -> str:
    """Return what the URIs of a run's artifacts begin with."""
    return f"specloom://runs/{run_id}/artifacts/"


def readdressed(value: Json, old: str, new: str) -> Json:
    """Return a JSON value in which the artifacts of one run are those of another."""
    if isinstance(value, str):
        return value.replace(old, new) if old in value else value
    if isinstance(value, dict):
        return {name: readdressed(one, old, new) for name, one in cast("Mapping[str, Json]", value).items()}
    if isinstance(value, list):
        return [readdressed(one, old, new) for one in cast("list[Json]", value)]
    return value


def named_artifacts(rows: Iterable[StepExecution], run_id: RunId) -> set[str]:
    """Return the paths of the artifacts of a run that its records name."""
    begin, found = address(run_id), set[str]()

    def look(value: Json) -> None:
        if isinstance(value, str):
            if value.startswith(begin):
                found.add(value.removeprefix(begin))
        elif isinstance(value, dict):
            for one in cast("Mapping[str, Json]", value).values():
                look(one)
        elif isinstance(value, list):
            for one in cast("list[Json]", value):
                look(one)

    for row in rows:
        for value in (row.result, row.saves, row.log_uri):
            look(value)
    return found


# --- another plan, other inputs ------------------------------------------------------------------------------------

_ELSEWHERE: dict[str, Json] = {
    "path": "",
    "description": "",
    "reads": (),
    "writes": (),
    "result_known": {},
    "transition": None,
}
_TRIES: dict[str, Json] = {
    "retry": None,
    "timeout_seconds": None,
    "max_visits": None,
    "cache": None,
    "idempotency_key": None,
}


def in_the_way(taken: Taken, recording: Recording, plan: Plan) -> dict[str, str]:
    """Return the steps that were taken over and are not the same in another plan, each with what is different."""
    others, found = Places(plan), dict[str, str]()
    for one in taken.rows:
        if one.step in found or (place := recording.places.of(one.step)) is None:
            continue
        other = others.of(one.step)
        if other is None:
            found[one.step] = "it is not in the plan"
        elif _key(one) not in taken.going_on and _of_itself(place[1]) != _of_itself(other[1]):
            found[one.step] = "it is another one in the plan"
        elif (place[1].verb, place[1].block) != (other[1].verb, other[1].block):
            found[one.step] = "it stands elsewhere in the plan"
        elif one.goto is not None and _key(one) not in taken.going_on and one.goto not in _ways(other[1]):
            found[one.step] = f"it does not lead to `{one.goto}` any more"
        elif channel := _changed_channel(one, place[0], other[0]):
            found[one.step] = f"the channel `{channel}`, into which it saved, is another one in the plan"
    return found


def _of_itself(step: Step) -> Step:
    """Return a step without what does not matter once it is done."""
    return step.model_copy(update=_ELSEWHERE)


def _ways(step: Step) -> set[str]:
    targets = step.transition.targets if step.transition else ()
    return {*targets, *(one.to for one in step.catch if one.to), *step.among, "end"}


def _changed_channel(one: StepExecution, old: Plan, new: Plan) -> str | None:
    saved = cast("Mapping[str, Json]", one.saves or {})
    return next((name for name in saved if old.state.get(name) != new.state.get(name)), None)


def read_before(taken: Taken, recording: Recording, names: Iterable[str]) -> tuple[str, ...]:
    """Return the steps that were taken over and had read one of these inputs of the run."""
    wanted, found = set(names), dict[str, None]()
    for one in taken.rows:
        place = recording.places.of(one.step)
        if place is None or "/" in one.step or _key(one) in taken.going_on:
            continue
        read = {part[1] for part in (text.split(".") for text in place[1].reads) if part[0] == "inputs" and part[1:]}
        if read & wanted or ("inputs" in place[1].reads and wanted):
            found[one.step] = None
    return tuple(found)
