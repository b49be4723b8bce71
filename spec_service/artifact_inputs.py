"""Inputs that name bytes: `format: artifact` takes the URI of an upload, or of what a run keeps, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from spec_service.errors import Refused
from spec_service.services import Services
from translator.language.document import join_pointer
from translator.language.problems import Problem
from translator.planning.plan import JsonSchema
from workflows.errors import UnknownRun
from workflows.ports import UPLOADS
from workflows.run import RunId

Json = Any
_OF_A_RUN = re.compile(r"specloom://runs/(?P<run>[^/]+)/artifacts/(?P<path>.+)", re.DOTALL)
_HINT = "send the file with PUT /uploads and give the `uri` of the answer; or specloom run --input NAME=@FILE"


async def require_artifacts(services: Services, schema: JsonSchema, inputs: Mapping[str, Json]) -> None:
    """Raise `Refused` with a problem for each URI of the inputs behind which there is nothing."""
    named = list(_named(schema, inputs, "/inputs"))
    if not named:
        return
    uploads = {uri: uri.removeprefix(UPLOADS) for _, uri in named if uri.startswith(UPLOADS)}
    absent = await services.uploads.use(tuple(dict.fromkeys(uploads.values()))) if uploads else frozenset[str]()
    problems: list[Problem] = []
    for pointer, uri in named:
        is_there = uploads[uri] not in absent if uri in uploads else await _is_kept(services, uri)
        if not is_there:
            message = "this is no URI of an upload or of an artifact of a run; or there is none any more"
            problems.append(Problem("unknown-artifact", message, pointer, suggestion=_HINT))
    if problems:
        raise Refused(problems)


def _named(schema: JsonSchema, value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield the texts in a value that its schema says are URIs of artifacts, with their pointers."""
    if isinstance(value, str):
        if schema.get("format") == "artifact":
            yield pointer, value
    elif isinstance(value, dict):
        fields: Mapping[str, JsonSchema] = schema.get("properties") or {}
        rest = schema.get("additionalProperties")
        for key, inner in cast("dict[str, Json]", value).items():
            yield from _named(_schema(fields.get(key, rest)), inner, join_pointer(pointer, key))
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[Json]", value)):
            yield from _named(_schema(schema.get("items")), inner, f"{pointer}/{number}")


def _schema(found: Json) -> JsonSchema:
    return cast("JsonSchema", found) if isinstance(found, dict) else {}


async def _is_kept(services: Services, uri: str) -> bool:
    match = _OF_A_RUN.fullmatch(uri)
    if match is None:
        return False
    try:
        return any(one.path == match["path"] for one in await services.runs.artifacts(RunId(match["run"])))
    except UnknownRun:
        return False
