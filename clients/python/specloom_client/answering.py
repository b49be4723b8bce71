"""Answers to what a person is asked: which question is meant, and what says yes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from specloom_client.refusals import NoPlainYes, SpecloomError
from specloom_client.shapes import Question, RunState

Json = Any
_YES = frozenset(
    {"accept", "accepted", "allow", "approve", "approved", "confirm", "confirmed"}
    | {"continue", "go", "ok", "publish", "release", "true", "yes"}
)


def chosen_question(run: RunState, wanted: str | None) -> Question:
    """Return the question of a person that is meant, by its node or interrupt id; raises `SpecloomError`."""
    asked = [one for one in run.waiting_for if one.kind == "person"]
    found = [one for one in asked if wanted in (None, one.node, one.interrupt_id)]
    if len(found) == 1:
        return found[0]
    nodes = ", ".join(one.node for one in asked)
    if not asked:
        raise SpecloomError(f"run {run.id} asks nothing: it is {run.status}")
    raise SpecloomError(f"run {run.id} asks in {nodes}: say which with `question`")


def positive_answer(schema: Mapping[str, Json], given: Mapping[str, Json]) -> dict[str, Json]:
    """Return what is given, with a yes in each required field that is not; raises `NoPlainYes`."""
    declared = cast("Mapping[str, Mapping[str, Json]]", schema.get("properties") or {})
    required = cast("list[str]", schema.get("required") or list(declared))
    answer = dict(given)
    for name in required:
        if name in answer:
            continue
        one = declared.get(name, {})
        yes = [value for value in _choices(one) if value is True or str(value).lower() in _YES]
        if yes:
            answer[name] = yes[0]
        elif schema.get("required"):
            raise NoPlainYes(f"there is no plain yes for {name}: give it a value")
    if not answer:
        raise NoPlainYes("there is no plain yes to this question: say what the answer is")
    return answer


def _choices(schema: Mapping[str, Json]) -> list[Json]:
    values = schema.get("enum")
    if isinstance(values, list):
        return cast("list[Json]", values)
    return [True] if schema.get("type") == "boolean" else []
