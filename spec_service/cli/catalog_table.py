"""The `[luigi.NAME]` table that a pipeline needs in the catalog file: found, made up, written down."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.printable import one_line
from spec_service.settings import Settings
from workflows.catalog_file import read_catalog_file
from workflows.luigi.registry import LuigiGroup

_TASK = re.compile(r"([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*):([A-Za-z_][A-Za-z0-9_]*)")
_SAYS_LITTLE = frozenset({"tasks", "stages", "jobs", "main", "pipeline", "dag", "workflow"})
_NO_WORD = re.compile(r"[^a-z0-9]+")


def wanted_of(task: str) -> tuple[str, str]:
    """Return module and class of `pipelines.market:Publish`, or of `pipelines/market.py:Publish`."""
    path, colon, name = task.rpartition(":")
    if path.endswith(".py"):
        path = path.removesuffix(".py").removeprefix("./").replace("/", ".")
    match = _TASK.fullmatch(f"{path}{colon}{name}")
    if match is None:
        raise wrong_usage(f"{one_line(task, 80)}: name a task as MODULE:Task", "such as pipelines.market:Publish")
    return match[1], match[2]


def group_for(task: str, settings: Settings) -> tuple[LuigiGroup, bool]:
    """Return the group of the catalog file that has the task's module, or one made up for it, and whether it is new.

    Raises `Complaint`, `CatalogFileError`.
    """
    module, _ = wanted_of(task)
    groups = read_catalog_file(settings.catalog_file).luigi
    for group in groups:
        if module in group.modules:
            return group, False
    return LuigiGroup(_name_for(module, {one.name for one in groups}), (module,), (Path.cwd(),)), True


def _name_for(module: str, taken: set[str]) -> str:
    parts = module.lower().split(".")
    wanted = parts[-2] if parts[-1] in _SAYS_LITTLE and len(parts) > 1 else parts[-1]
    base = _NO_WORD.sub("-", wanted).strip("-")[:50] or "pipeline"
    base = base if base[0].isalpha() else f"p-{base}"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def table_of(group: LuigiGroup, settings: Settings) -> str:
    """Return the table that declares a group, as TOML."""
    folder = settings.catalog_file.absolute().parent
    lines = [f"[luigi.{_key(group.name)}]", f"modules = {json.dumps(list(group.modules))}"]
    lines.append(f"path = {json.dumps([_from(folder, one) for one in group.path])}")
    if group.workdir is not None:
        lines.append(f"workdir = {json.dumps(_from(folder, group.workdir))}")
    return "\n".join(lines) + "\n"


def add_table(group: LuigiGroup, settings: Settings) -> None:
    """Add the table of a group to the catalog file, which is made if need be; raises `Complaint`."""
    path = settings.catalog_file
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        path.write_text(f"{before}{gap}{table_of(group, settings)}", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Complaint(f"{path} cannot be written: {getattr(error, 'strerror', None) or 'it is no text'}") from error


def _from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _key(name: str) -> str:
    return name if "." not in name else json.dumps(name)
