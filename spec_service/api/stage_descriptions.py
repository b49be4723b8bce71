"""What the OpenAPI document says of runs of one stage: the bodies, and an operation for each stage of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from spec_service.api.examples import KEY_HEADER, PROBLEM_RESPONSES, json_body
from workflows.luigi.registry import StageRecord

Json = Any
_GENERAL = "/stages/{name}/run"
_RUN = {"$ref": "#/components/schemas/RunView"}
_INPUTS: Json = {"type": "object", "description": "The stage's parameters."}
_FIELDS: dict[str, Json] = {
    "timeout_seconds": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "How long a try may take; then its processes are ended. Left out: as the stage says.",
    },
    "idempotency_key": {"type": "string", "description": "The same as the header `Idempotency-Key`."},
    "read": {
        "enum": ["json", "text"],
        "description": "Read what the outputs hold into `data`. Left out: as JSON where the stage says what they hold.",
    },
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "priority": {"type": "integer"},
}
_TASK_NAME = {"type": "string", "description": "The name of the agent, or of the stage."}
_ALIASES: dict[str, Json] = {
    key: {"type": "object", "description": "The same as `inputs`."} for key in ("parameters", "params")
}


def _object(properties: Json, required: list[str]) -> Json:
    needed = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


_EXAMPLE = {"inputs": {"topic": "tin"}, "timeout_seconds": 60}
STAGE_RUN_BODY = json_body(_object({"inputs": _INPUTS, **_FIELDS}, []), _EXAMPLE, is_required=False)
TASK_RUN_NAMED_BODY = json_body(_object({"inputs": _INPUTS, **_ALIASES, **_FIELDS}, []), _EXAMPLE, is_required=False)
TASK_RUN_BODY = json_body(
    _object({"task_name": _TASK_NAME, "inputs": _INPUTS, **_ALIASES, **_FIELDS}, ["task_name"]),
    {"task_name": "market.CollectSources", **_EXAMPLE},
)


def with_stages(document: Mapping[str, Json], stages: Iterable[StageRecord]) -> dict[str, Json]:
    """Return an OpenAPI document with an operation for each stage beside the general one."""
    found = {f"/stages/{one.name}/run": {"post": _operation(one)} for one in stages}
    paths: dict[str, Json] = {}
    for path, item in document["paths"].items():
        if path == _GENERAL:  # the concrete ones first, as they are matched first
            paths |= dict(sorted(found.items()))
        paths[path] = item
    return {**document, "paths": paths}


def _operation(stage: StageRecord) -> dict[str, Json]:
    agent = stage.agent
    outputs = {"type": "object", "properties": {"outputs": {"anyOf": [agent.output_schema, {"type": "null"}]}}}
    content = {"application/json": {"schema": {"allOf": [_RUN, outputs]}}}
    required = ["inputs"] if stage.parameters.get("required") else []
    body = _object({"inputs": stage.parameters, **_FIELDS}, required)
    wait = {"name": "wait", "in": "query", "required": False, "schema": {"type": "string"}}
    return {
        "tags": ["stages"],
        "summary": agent.display_name,
        "description": agent.description or f"Run the stage {stage.name} alone.",
        "operationId": "run_stage_" + re.sub(r"\W", "_", stage.name),
        "parameters": [wait, *KEY_HEADER["parameters"]],
        "requestBody": {"required": bool(required), "content": {"application/json": {"schema": body}}},
        "responses": {
            "202": {"description": "The run is accepted.", "content": content},
            "200": {"description": "With `wait`: the run as it is.", "content": content},
            **{str(status): told for status, told in PROBLEM_RESPONSES.items()},
        },
    }
