"""Answers to a person's question: what a schema offers, and what an answer is made of."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, cast

from spec_service.cli.calling import program
from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.inputs import example, no_number, parsed, split_pairs
from spec_service.cli.printable import one_line
from spec_service.views import RunView, WaitingFor
from translator.language.problems import did_you_mean
from translator.language.schema_walk import as_schema, types_of

Json = Any
JsonSchema = Mapping[str, Any]
_POSITIVE = frozenset(
    "accept accepted allow approve approved confirm confirmed continue go ok publish release true yes".split()  # noqa: SIM905 - reads better as a sentence
)
_SHOWN_CHOICES = 8


def fields_of(schema: JsonSchema) -> dict[str, JsonSchema]:
    """Return the fields that an answer has, those that are required first; none when it is no object with fields."""
    declared = {key: as_schema(one) for key, one in dict(schema.get("properties") or {}).items()}
    required = [key for key in schema.get("required") or () if key in declared]
    return {key: declared[key] for key in dict.fromkeys([*required, *declared])}


def choices_of(schema: JsonSchema) -> list[Json] | None:
    """Return what can be chosen, or None where anything can be written."""
    values = schema.get("enum")
    if isinstance(values, list):
        return cast("list[Json]", values)
    return [True, False] if types_of(schema) == frozenset({"boolean"}) else None


def positive_answer(schema: JsonSchema, given: Mapping[str, Json]) -> dict[str, Json]:
    """Return what says yes in the required fields that were not given; raises `Complaint` where nothing does."""
    found: dict[str, Json] = {}
    open_fields: list[str] = []
    required = schema.get("required") or ()
    for name, one in fields_of(schema).items():
        if name in given or (required and name not in required):
            continue
        yes = [value for value in choices_of(one) or () if is_positive(value)]
        if yes:
            found[name] = yes[0]
        elif name in required:
            open_fields.append(f"--answer {name}={_offer(one)}")
    if open_fields or not (found or given):
        raise wrong_usage("there is no plain yes to this question; say what the answer is", *open_fields)
    return found


def is_positive(value: Json) -> bool:
    """Tell whether a choice says yes."""
    return value is True or (isinstance(value, str) and value.lower() in _POSITIVE)


def answer_from(schema: JsonSchema, pairs: Sequence[str], comment: str | None) -> dict[str, Json]:
    """Return the answer that `--answer` and `--comment` make, completed with a yes; raises `Complaint`."""
    fields = fields_of(schema)
    given: dict[str, Json] = {}
    for name, text in [*split_pairs(pairs, "--answer"), *([("comment", comment)] if comment is not None else [])]:
        if name not in fields and schema.get("additionalProperties") is False:
            hint = did_you_mean(name, fields)
            known = f"it has {', '.join(fields)}"
            raise wrong_usage(f"the answer has no field {one_line(name, 60)}{f' ({hint})' if hint else ''}", known)
        given[name] = parsed(text, fields.get(name, {}), f"--answer {name}")
    return positive_answer(schema, given) | given


def whole_answer(text: str) -> Json:
    """Read `--answer-json`; raises `Complaint`."""
    try:
        return json.loads(text, parse_constant=no_number)
    except ValueError as error:
        sample = """such as --answer-json '{"verdict": "approve"}'"""
        raise wrong_usage(f"--answer-json is no JSON: {error}", sample) from None


def chosen_question(run: RunView, wanted: str | None) -> WaitingFor:
    """Return the question that is meant, by its node or interrupt id; raises `Complaint`."""
    people = [one for one in run.waiting_for if one.is_for_people]
    asked = {one.node: one for one in people}
    if wanted is not None:
        by_id = {one.interrupt_id: one for one in people}
        found = asked.get(wanted) or by_id.get(wanted)
        if found is None:
            raise Complaint(f"run {run.id} asks nothing in {one_line(wanted, 60)}", f"it asks in {', '.join(asked)}")
        return found
    if len(asked) > 1:
        lines = [f"--question {one.node}    {one_line(one.title)}" for one in people]
        raise wrong_usage(f"run {run.id} asks {len(asked)} questions; say which one is answered", *lines)
    return people[0]


def answer_commands(run: RunView, question: WaitingFor, options: str) -> list[str]:
    """Return the commands that answer a question, ready for a shell."""
    people = [one for one in run.waiting_for if one.is_for_people]
    which = f" --question {shlex.quote(question.node)}" if len(people) > 1 else ""
    schema = question.schema_
    try:
        plain = answer_from(schema, (), None)
    except Complaint:
        plain = None
    base = f"{program()} approve {run.id}{which}"
    found = [f"{base}{options}"] if plain else []
    for name, field in fields_of(schema).items():
        if name in (schema.get("required") or ()):
            others = [one for one in choices_of(field) or () if (plain or {}).get(name, _Other) != one]
            found += [f"{base} --answer {shlex.quote(_pair(name, one))}{options}" for one in others[:_SHOWN_CHOICES]]
    return found or [f"{program()} resume {run.id} --answer-json {shlex.quote(_sample(schema))}{which}{options}"]


class _Other:
    """Equals no JSON value."""


def _offer(schema: JsonSchema) -> str:
    choices = choices_of(schema)
    return "|".join(_typed(one) for one in choices[:_SHOWN_CHOICES]) if choices else example(schema)


def _pair(name: str, value: Json) -> str:
    return f"{name}={_typed(value)}"


def _typed(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _sample(schema: JsonSchema) -> str:
    """Return an answer to fill in, as JSON."""
    fields = fields_of(schema)
    sample = {name: "…" if types_of(one) == frozenset({"string"}) else None for name, one in fields.items()}
    return json.dumps(sample, ensure_ascii=False)
