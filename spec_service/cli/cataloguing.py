"""Shows what the catalog holds: stages and tools with their parameters, and what of it could not be loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spec_service.bootstrap import open_planning
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint
from spec_service.cli.configuring import quiet_logs, settings_with
from spec_service.cli.printable import one_line, printable
from spec_service.cli.reaching import run_async
from spec_service.settings import Settings
from translator.language.problems import did_you_mean
from translator.language.schema_walk import as_schema
from translator.planning.catalog import CatalogEntry
from workflows.cataloging import ImportFailure, LoadedCatalog

Json = Any
_VALUE = 60  # characters of a default
_HEADINGS = (
    ("stage", "Luigi stages"),
    ("tool", "Tools"),
    ("model", "Models"),
    ("prompt", "Prompts"),
    ("harness", "Harnesses"),
)


def stages(name: str | None, catalog: Path | None, *, as_json: bool) -> int:
    """Print the catalog or one entry of it; 1 when a module of it could not be loaded."""
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    loaded = run_async(lambda: load_catalog(settings))
    entries = [entry for entry in loaded.entries if name in (None, entry.name)]
    if name is not None and not entries:
        raise _unknown(name, loaded, settings)
    if as_json:
        sys.stdout.write(f"{json.dumps(_as_json(entries, loaded), ensure_ascii=False, indent=2)}\n")
    else:
        lines = _one(entries) if name is not None else _all(entries, loaded, settings)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return PROBLEMS if name is None and loaded.failures else FINE


async def load_catalog(settings: Settings) -> LoadedCatalog:
    """Return the catalog of a catalog file; raises `CatalogFileError`."""
    async with open_planning(settings) as planning:
        return await planning.catalog.get()


def _all(entries: list[CatalogEntry], loaded: LoadedCatalog, settings: Settings) -> list[str]:
    lines: list[str] = []
    for kind, heading in _HEADINGS:
        members = [entry for entry in entries if entry.kind == kind]
        if members:
            lines += [heading, *(line for entry in members for line in _brief(entry)), ""]
    if not entries:
        lines += [
            f"the catalog is empty ({settings.catalog_file.absolute()})",
            "specloom init writes one to start from",
        ]
    else:
        lines.append("* must be given. specloom stages NAME shows one with types, defaults and result")
    return lines + failure_lines(loaded.failures)


def failure_lines(failures: tuple[ImportFailure, ...]) -> list[str]:
    """Return what could not be loaded, and why."""
    if not failures:
        return []
    lines = [f"  {one.group}  {one.module}: {one_line(one.message, 500)}" for one in failures]
    return ["", "Could not be loaded", *lines]


def _brief(entry: CatalogEntry) -> list[str]:
    required = set(entry.parameters.get("required", ()))
    names = [f"{name}*" if name in required else name for name in entry.parameters.get("properties", {})]
    lines = [f"  {entry.name}@{entry.version}"]
    if entry.description:
        lines.append(f"      {one_line(entry.description, 110)}")
    return [*lines, f"      with: {', '.join(names)}"] if names else lines


def _one(entries: list[CatalogEntry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        lines += [f"{entry.kind} {entry.name}@{entry.version}"]
        lines += [f"  {line}" for line in printable(entry.description).splitlines()]
        lines += ["", "Parameters (`with:`)", *(f"  {line}" for line in parameter_lines(entry.parameters))]
        if entry.result:
            lines += ["", "Result", *(f"  {line}" for line in json.dumps(entry.result, indent=2).splitlines())]
        if entry.secrets:
            lines += ["", f"Secrets that a spec may hand to it: {', '.join(entry.secrets)}"]
        lines += ["", f"source {entry.source_digest}"]
    return lines


def parameter_lines(schema: Mapping[str, Json]) -> list[str]:
    """Return one line for each parameter: its type, and whether it must be given."""
    required = set(schema.get("required", ()))
    lines: list[str] = []
    properties: dict[str, Json] = schema.get("properties") or {}
    for name, one in properties.items():
        about = as_schema(one)
        need = "required" if name in required else _default(about)
        text = f"  {one_line(str(about['description']), 80)}" if about.get("description") else ""
        lines.append(f"{name}: {_kind(about)}{f', {need}' if need else ''}{text}")
    return lines


def _default(schema: Mapping[str, Json]) -> str:
    if "default" not in schema:
        return "optional"
    return f"default {one_line(json.dumps(schema['default'], ensure_ascii=False), _VALUE)}"


def _kind(schema: Mapping[str, Json]) -> str:
    if isinstance(schema.get("enum"), list):
        return one_line(" | ".join(str(one) for one in schema["enum"]), _VALUE)
    kind = schema.get("type", "anything")
    return kind if isinstance(kind, str) else " or ".join(str(one) for one in kind)


def _unknown(name: str, loaded: LoadedCatalog, settings: Settings) -> Complaint:
    hint = did_you_mean(name, [entry.name for entry in loaded.entries])
    advice = [hint] if hint else []
    advice.append(f"specloom stages lists what {settings.catalog_file} has")
    group = name.partition(".")[0]
    broken = tuple(one for one in loaded.failures if one.group.endswith(f".{group}"))
    return Complaint(f"the catalog has no {one_line(name, 60)}", *advice, *failure_lines(broken))


def _as_json(entries: list[CatalogEntry], loaded: LoadedCatalog) -> Json:
    failures = [{"group": one.group, "module": one.module, "message": one.message} for one in loaded.failures]
    return {"items": [entry.model_dump(mode="json") for entry in entries], "failures": failures}
