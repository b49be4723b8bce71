"""Inputs of a run as a person gives them: `name=value`, a file, and the defaults that the spec declares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.printable import one_line
from spec_service.cli.spec_files import read_spec
from translator.language.problems import Problem, did_you_mean
from translator.language.reading import read
from translator.language.schema_walk import as_schema, types_of

Json = Any
JsonSchema = Mapping[str, Any]


def given_inputs(schema: JsonSchema, pairs: Sequence[str], file: Path | None, most: int) -> dict[str, Json]:
    """Return the inputs of a run; raises `Complaint`, which lists every missing input and how to give it.

    Values of `--input` win over those of the file. A relative path, given or a default, of an input with
    `format: path` is made absolute, since stages work in a directory of their own.
    """
    declared: dict[str, JsonSchema] = {key: as_schema(one) for key, one in schema.get("properties", {}).items()}
    inputs = _from_file(file, most) if file else {}
    for name, text in split_pairs(pairs, "--input"):
        if name not in declared:
            raise _unknown(name, declared)
        inputs[name] = parsed(text, declared[name], f"--input {name}")
    missing = [name for name in schema.get("required", ()) if name not in inputs and "default" not in declared[name]]
    if missing:
        raise _missing(missing, declared)
    return inputs | _absolute_paths(declared, inputs)


def split_pairs(pairs: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Split `name=value` texts; raises `Complaint`."""
    found: list[tuple[str, str]] = []
    for pair in pairs:
        name, is_there, value = pair.partition("=")
        if not is_there or not name.strip():
            raise wrong_usage(f"{option} {one_line(pair, 60)}: this is not NAME=VALUE")
        found.append((name.strip(), value))
    return found


def parsed(text: str, schema: JsonSchema, what: str) -> Json:
    """Return the value that a text stands for: itself where a text is wanted, else what it says as JSON."""
    types = types_of(schema)
    if types is not None and types <= {"string", "null"}:
        return text
    try:
        return json.loads(text, parse_constant=no_number)
    except ValueError:
        if types is None or "string" in types:
            return text
    wanted = " or ".join(sorted(types))
    raise wrong_usage(f"{what}: {wanted} is wanted, as JSON", f"such as {what}={example(schema)}")


def example(schema: JsonSchema) -> str:
    """Return a value, as one would type it, of the kind that is wanted."""
    for key in ("enum", "examples"):
        values = schema.get(key)
        if isinstance(values, list) and values:
            value = cast("list[Json]", values)[0]
            return value if isinstance(value, str) else json.dumps(value)
    types = types_of(schema) or {"string"}
    lowest = schema.get("minimum", 1)
    by_type = {"integer": str(lowest), "number": str(lowest), "boolean": "true", "array": "'[]'", "object": "'{}'"}
    return next((text for kind, text in by_type.items() if kind in types), "TEXT")


def input_lines(problems: Sequence[Problem]) -> list[str]:
    """Return the lines that tell what is wrong with inputs."""
    return [f"{problem.path.removeprefix('/inputs/') or 'inputs'}: {problem.message}" for problem in problems]


def no_number(name: str) -> Json:
    """Refuse NaN and Infinity, which are no JSON; raises `ValueError`."""
    raise ValueError(name)


def _from_file(file: Path, most: int) -> dict[str, Json]:
    spec = read_spec(str(file), most)
    document = read(spec.data, spec.media)
    if isinstance(document, list):
        from spec_service.cli.problem_text import SpecRefused  # noqa: PLC0415 - rarely needed

        raise SpecRefused(spec, document)
    if not isinstance(document.value, dict):
        raise Complaint(f"{file} holds no mapping of inputs", "write one `name: value` a line")
    return cast("dict[str, Json]", document.value)


def _unknown(name: str, declared: Mapping[str, JsonSchema]) -> Complaint:
    known = f"it takes {', '.join(declared)}" if declared else "it takes none"
    hint = did_you_mean(name, declared)
    return wrong_usage(f"the spec has no input {one_line(name, 60)}{f' ({hint})' if hint else ''}", known)


def _missing(missing: list[str], declared: Mapping[str, JsonSchema]) -> Complaint:
    lines: list[str] = []
    for name in missing:
        about = declared[name].get("description")
        lines.append(f"--input {name}={example(declared[name])}{f'    {one_line(str(about))}' if about else ''}")
    count = "an input is" if len(missing) == 1 else f"{len(missing)} inputs are"
    return wrong_usage(f"{count} missing; give", *lines)


def _absolute_paths(declared: Mapping[str, JsonSchema], inputs: Mapping[str, Json]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, schema in declared.items():
        value = inputs.get(name, schema.get("default"))
        if schema.get("format") == "path" and isinstance(value, str) and value and "\0" not in value:
            found[name] = str(Path(value).expanduser().absolute())
    return found
