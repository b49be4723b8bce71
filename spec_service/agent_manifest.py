"""The manifest of agents: all that agents in other languages need to know of the stages, in one file to commit.

The same catalog gives the same bytes. Its keys are camelCase, as whoever reads it expects; nothing else here is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from workflows.cataloging import LoadedCatalog
from workflows.luigi.registry import StageRecord

Json = Any
VERSION = "1.0"  # of the format
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_of(loaded: LoadedCatalog) -> dict[str, Json]:
    """Return the manifest of a catalog's stages."""
    agents = sorted((_agent(one) for one in loaded.records.values()), key=lambda one: one["name"])
    return {"version": VERSION, "count": len(agents), "agents": agents}


def manifest_text(manifest: Mapping[str, Json]) -> str:
    """Return a manifest as it is written: keys in one order, a line feed at the end."""
    return json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"


def _agent(record: StageRecord) -> dict[str, Json]:
    agent = record.agent
    return {
        "name": agent.name,
        "displayName": agent.display_name,
        "description": agent.description,
        "tools": list(agent.tools),
        "outputs": list(agent.outputs),
        "stage": agent.stage,
        "tags": list(agent.tags),
        "timeoutSeconds": agent.timeout_seconds,
        "maxRetries": agent.max_retries,
        "pythonClass": record.python_class,
        "inputSchema": {"$schema": _DIALECT, **record.parameters},
        "outputSchema": {"$schema": _DIALECT, **agent.output_schema},
        "sourceDigest": record.source_digest,
    }


def drift(before: Json, now: Mapping[str, Json]) -> list[str]:
    """Return what is different, a line for each agent: `+ name`, `- name`, `~ name: inputSchema.required, tools`."""
    if not isinstance(before, dict):
        return ["the file holds no manifest"]
    known = cast("dict[str, Json]", before)
    old, new = _by_name(known.get("agents")), _by_name(now["agents"])
    lines = [f"version: {VERSION} is written now"] if known.get("version") != now["version"] else []
    for name in sorted({*old, *new}):
        if name not in old:
            lines.append(f"+ {name}: is not in the file")
        elif name not in new:
            lines.append(f"- {name}: is in the file, and not in the catalog")
        elif old[name] != new[name]:
            lines.append(f"~ {name}: {', '.join(_places(old[name], new[name]))}")
    if not lines and known != now:
        lines.append("the file has other keys, or other agents of one name")
    return lines


def _by_name(agents: Json) -> dict[str, dict[str, Json]]:
    listed = cast("list[Json]", agents) if isinstance(agents, list) else []
    found = [cast("dict[str, Json]", one) for one in listed if isinstance(one, dict)]
    return {str(one.get("name")): one for one in found}


def _places(old: Mapping[str, Json], new: Mapping[str, Json], prefix: str = "") -> Iterator[str]:
    for key in [*new, *(key for key in old if key not in new)]:
        one, other = old.get(key), new.get(key)
        if one == other and (key in old) == (key in new):
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            inner = cast("dict[str, Json]", one), cast("dict[str, Json]", other)
            yield from _places(*inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
