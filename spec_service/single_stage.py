"""A stage alone: which one a name means, and the spec of one node that runs it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from spec_service.errors import UnknownEntry
from spec_service.requests import StageRunRequest
from workflows.cataloging import LoadedCatalog
from workflows.luigi.registry import StageRecord

Json = Any
NODE = "run"
_LONGEST_NAME = 63
_MOST_MILLISECONDS = 999_999_999  # a duration has nine digits of each unit
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def find_stage(loaded: LoadedCatalog, name: str) -> StageRecord:
    """Return the stage of this name, or whose agent has this name; raises `UnknownEntry`."""
    found = loaded.records.get(name)
    found = found or next((one for one in loaded.records.values() if one.agent.name == name), None)
    if found is None:
        raise UnknownEntry
    return found


def spec_of(stage: StageRecord, request: StageRunRequest) -> bytes:
    """Return the text of the spec that runs the stage with what the request has, as JSON.

    It declares only the inputs that are given: what is left out, Luigi fills in from its defaults and configuration.
    """
    known = stage.parameters.get("properties", {})
    inputs = {name: _without_default(known[name]) for name in sorted(request.inputs)}
    read = request.read or ("json" if stage.agent.holds_data else None)
    node: dict[str, Json] = {
        "luigi": f"{stage.name}@{stage.version}",
        "with": {name: f"${{ inputs.{name} }}" for name in inputs},
        "next": "end",
    }
    seconds = request.timeout_seconds or stage.agent.timeout_seconds
    if seconds is not None:
        node["timeout"] = duration(seconds)
    if stage.agent.max_retries is not None:
        node["retry"] = {"max": stage.agent.max_retries}
    if read is not None:
        node["read"] = read
    if private := [name for name, schema in inputs.items() if schema.get("x-luigi-visibility") == "private"]:
        node["mask"] = private
    shown = ("outputs", "data") if read is not None else ("outputs",)
    spec = {
        "apiVersion": "specloom/v1",
        "kind": "Workflow",
        "metadata": {"name": spec_name(stage.name), "description": f"Run the stage {stage.name} alone."},
        "inputs": inputs,
        "outputs": {key: f"${{ nodes.{NODE}.result.{key} }}" for key in shown},
        "start": NODE,
        "nodes": {NODE: node},
    }
    return json.dumps(spec, ensure_ascii=False).encode()


def spec_name(stage: str) -> str:
    """Return the name of the spec that runs a stage alone: of `market.CollectSources`, `stage.market.collect-sources`.

    A name that would be too long is cut, and ends with a digest of what it was.
    """
    name = "stage." + _HUMP.sub("-", stage).lower()
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:50]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def duration(seconds: float) -> str:
    """Return seconds as a duration of the language, at least a millisecond."""
    milliseconds = max(1, round(seconds * 1000))
    if milliseconds % 1000 == 0 or milliseconds > _MOST_MILLISECONDS:
        return f"{round(seconds)}s"
    return f"{milliseconds}ms"


def _without_default(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "default"}
