"""From the survey of a Luigi pipeline to a spec: one node per task, or one for the whole DAG.

What runs is what Luigi would run. A node takes for granted what it requires, since the nodes that it needs have built
it; tasks that nobody builds are waited for; many tasks of one kind that stand alike are one node with a `map`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from translator.language.word_checks import SEEN_BY_EXPRESSIONS
from workflows.errors import WorkflowError
from workflows.luigi.survey import Survey, SurveyedTask

Json = Any
FAN_OUT = 8  # tasks that stand alike before they become one node
EVERY = "1m"  # between two looks at what nobody here builds
_LONGEST_ID = 63
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_SOME = 5  # tasks that a message names


class NotAdoptable(WorkflowError):
    """The pipeline holds something that no spec can name."""

    name = "not-adoptable"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a spec is made of: the survey, and which parameters of the root become inputs of the workflow."""

    survey: Survey
    stages: Mapping[str, str]  # python class → name in the catalog, for all groups
    given: Mapping[str, Json] = field(default_factory=dict[str, Json])  # arguments that become inputs
    schemas: Mapping[str, Json] = field(default_factory=dict[str, Json])  # of the root's parameters

    def stage_of(self, one: SurveyedTask) -> str | None:
        """Return the stage that a task is an example of."""
        return one.stage or self.stages.get(one.python_class)

    @property
    def unlisted(self) -> tuple[SurveyedTask, ...]:
        """Return a task of each class that no group of the catalog lists."""
        found = {one.python_class: one for one in self.survey.tasks if self.stage_of(one) is None}
        return tuple(found.values())

    @property
    def root_stage(self) -> str:
        """Return the stage that was adopted."""
        return self.stage_of(self.survey.top) or self.survey.top.python_class


def workflow_name(stage: str) -> str:
    """Return what to call the spec of a stage: of `market.DailyReport`, `market.daily-report`."""
    return _HUMP.sub("-", stage).lower().replace("_", "-")[:_LONGEST_ID].rstrip("-._")


def single_spec(adoption: Adoption) -> dict[str, Json]:
    """Return the spec of one step that builds the whole DAG; what was not given stays Luigi's to fill in."""
    arguments = {name: f"${{ inputs.{name} }}" for name in adoption.given}
    node: dict[str, Json] = {"luigi": adoption.root_stage}
    if arguments:
        node["with"] = arguments
    if masked := _masked(adoption, arguments):
        node["mask"] = masked
    name = snake(adoption.survey.top.task.qualname)
    return {**_head(adoption, name), "start": name, "nodes": {name: {**node, "next": "end"}}}


def dag_spec(adoption: Adoption) -> dict[str, Json]:
    """Return the spec with a node per task; raises `NotAdoptable`."""
    _check(adoption)
    groups = grouped(adoption.survey)
    ids = _ids(groups)
    node_of = {one.task.key: ids[place] for place, group in enumerate(groups) for one in group}
    nodes = {ids[place]: _node(adoption, group, node_of) for place, group in enumerate(groups)}
    return {**_head(adoption, node_of[adoption.survey.root]), "nodes": nodes}


def _check(adoption: Adoption) -> None:
    """Raise `NotAdoptable` for classes that the catalog does not list and parameters that no argument gives."""
    if unlisted := adoption.unlisted:
        names = ", ".join(one.python_class for one in unlisted[:_SOME])
        raise NotAdoptable(f"the catalog does not list {names}")
    if broken := [one for one in adoption.survey.tasks if one.status == "broken"]:
        raise NotAdoptable("; ".join(f"{one.task.name}: {one.broken}" for one in broken[:_SOME]))
    unsayable = [(one, name) for one in adoption.survey.tasks for name in one.unsayable]
    unsayable += [(one, name) for one in adoption.survey.tasks for name in one.private if name not in adoption.given]
    if unsayable:
        names = ", ".join(f"{name} of {one.task.name}" for one, name in unsayable[:_SOME])
        raise NotAdoptable(f"a spec cannot say the value of {names}")


def _head(adoption: Adoption, root: str) -> dict[str, Json]:
    stage = adoption.root_stage
    head: dict[str, Json] = {
        "apiVersion": "specloom/v1",
        "kind": "Workflow",
        "metadata": {"name": workflow_name(stage), "description": f"The Luigi pipeline of {stage}."},
    }
    if adoption.given:
        head["inputs"] = {name: _input(adoption, name) for name in adoption.given}
    return {**head, "outputs": {root: f"${{ nodes.{root}.result.outputs }}"}}


def _input(adoption: Adoption, name: str) -> dict[str, Json]:
    """Return the schema of an input, with what was given as its default unless it must not be written down."""
    schema: dict[str, Json] = dict(adoption.schemas[name])
    is_private = schema.get("x-luigi-visibility") == "private"
    kept = {key: value for key, value in schema.items() if key != "default" and not key.startswith("x-")}
    return kept if is_private else {**kept, "default": adoption.given[name]}


def _masked(adoption: Adoption, arguments: Iterable[str]) -> list[str]:
    return [name for name in arguments if adoption.schemas.get(name, {}).get("x-luigi-visibility") == "private"]


# --- nodes ---------------------------------------------------------------------------------------------------------


def grouped(survey: Survey) -> list[list[SurveyedTask]]:
    """Return the tasks in topological order, many of one kind with the same needs and the same dependants as one."""
    needed_by: dict[str, list[int]] = {}
    for place, one in enumerate(survey.tasks):
        for key in one.task.needs:
            needed_by.setdefault(key, []).append(place)
    alike: dict[Json, list[SurveyedTask]] = {}
    for one in survey.tasks:
        above = tuple(needed_by.get(one.task.key, ()))
        form = (one.python_class, one.task.is_external, tuple(one.arguments), one.shared, one.private)
        alike.setdefault((form, frozenset(one.task.needs), above), []).append(one)
    groups: list[list[SurveyedTask]] = []
    for members in alike.values():
        is_many = len(members) >= FAN_OUT and not members[0].task.is_external and _differ(members)
        groups += [members] if is_many else [[one] for one in members]
    order = {one.task.key: place for place, one in enumerate(survey.tasks)}
    return sorted(groups, key=lambda members: order[members[0].task.key])


def _node(adoption: Adoption, group: Sequence[SurveyedTask], node_of: Mapping[str, str]) -> dict[str, Json]:
    first = group[0]
    stage = adoption.stage_of(first)
    arguments = _arguments(adoption, first)
    needs = list(dict.fromkeys(node_of[key] for key in first.task.needs))
    around: dict[str, Json] = {}
    if len(group) > 1:
        around, repeated = _repetition(group)
        arguments |= {name: value for name, value in repeated.items() if name in arguments}
    call: dict[str, Json] = {"luigi": stage} | ({"with": arguments} if arguments else {})
    if first.task.is_external:
        around["wait"] = {"poll": call, "every": EVERY}
    else:
        around |= {**call, "requires": "satisfied"}
    masked = _masked(adoption, (name for name in first.private))
    return around | ({"needs": needs} if needs else {}) | ({"mask": masked} if masked else {})


def _arguments(adoption: Adoption, one: SurveyedTask) -> dict[str, Json]:
    found = {name: literal(value) for name, value in one.arguments.items()}
    for name in adoption.given:
        if name in one.shared and (name in found or name in one.private):
            found[name] = f"${{ inputs.{name} }}"
    return found


def _repetition(group: Sequence[SurveyedTask]) -> tuple[dict[str, Json], dict[str, str]]:
    """Return `{map}` over what is different between tasks, and the arguments that it gives."""
    different = _different(group)
    if len(different) == 1:
        name = different[0] if different[0] not in SEEN_BY_EXPRESSIONS else "item"
        items = [literal(one.arguments[different[0]]) for one in group]
        return {"map": {"each": name, "in": items}}, {different[0]: f"${{ {name} }}"}
    rows = [{name: literal(one.arguments[name]) for name in different} for one in group]
    return {"map": {"each": "item", "in": rows}}, {name: f"${{ item.{name} }}" for name in different}


def _different(group: Sequence[SurveyedTask]) -> list[str]:
    first = group[0].arguments
    return [name for name in first if any(_text(one.arguments[name]) != _text(first[name]) for one in group)]


def _differ(group: Sequence[SurveyedTask]) -> bool:
    """Tell whether arguments tell the tasks apart; they may differ in what no argument says."""
    return len({_text(one.arguments) for one in group}) == len(group)


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def literal(value: Json) -> Json:
    """Return a value as it stands in a spec, where `${` begins an expression."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [literal(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: literal(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value


# --- names ---------------------------------------------------------------------------------------------------------


def snake(name: str) -> str:
    """Return a class as a node's name: of `DailyReport`, `daily_report`."""
    text = _NO_WORD.sub("_", _HUMP.sub("_", name.rpartition(".")[2])).lower().strip("_") or "task"
    text = text if not text[0].isdigit() else f"n_{text}"
    return f"{text}_" if text in {"end", "true", "false", "null", "in"} else text[:_LONGEST_ID]


def _ids(groups: Sequence[Sequence[SurveyedTask]]) -> list[str]:
    """Return an id for each group: its class, and what tells it apart from others of the class."""
    of_class: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        of_class.setdefault(snake(group[0].task.qualname), []).append(place)
    found: list[str] = [""] * len(groups)
    taken: set[str] = set()
    for base, places in of_class.items():
        marks = _marks([groups[place][0] for place in places])
        for place, mark in zip(places, marks, strict=True):
            found[place] = _free(f"{base}_{mark}" if mark else base, taken)
            taken.add(found[place])
    return found


def _marks(tasks: Sequence[SurveyedTask]) -> list[str]:
    """Return the values in which tasks of a class differ, as words."""
    if len(tasks) == 1:
        return [""]
    names = {name for one in tasks for name in one.arguments}
    telling = [
        name for name in sorted(names) if len({_text(one.arguments.get(name)) for one in tasks}) > 1 and name in names
    ]
    order = list(tasks[0].arguments)
    telling.sort(key=lambda name: order.index(name) if name in order else len(order))
    return ["_".join(filter(None, (_word(one.arguments.get(name)) for name in telling))) for one in tasks]


def _word(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return _NO_WORD.sub("_", text).strip("_")


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted[:_LONGEST_ID].rstrip("_") or "task", 1
    while name in taken:
        number += 1
        ending = f"_{number}"
        name = wanted[: _LONGEST_ID - len(ending)] + ending
    return name
