"""Groups of the catalog that installed packages bring: the entry points `specloom.stages` and `specloom.tools`.

An entry point's name is the name of the group; it points at a module, or at one thing in a module: a Luigi task, a
tool, a list of tools.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from translator.language.versions import Version
from workflows.catalog_file import is_group_name
from workflows.luigi.registry import LuigiGroup
from workflows.tools.registry import ToolGroup

STAGES = "specloom.stages"
TOOLS = "specloom.tools"


@dataclass(frozen=True, slots=True)
class EntryPointGroups:
    """What entry points bring."""

    luigi: tuple[LuigiGroup, ...] = ()
    tools: tuple[ToolGroup, ...] = ()
    only: frozenset[tuple[str, str]] = frozenset()  # (group, class) where a stage entry point names one task
    refused: tuple[tuple[EntryPoint, str], ...] = ()  # with the reason


def entry_point_groups(points: Iterable[EntryPoint], taken: Iterable[tuple[str, str]]) -> EntryPointGroups:
    """Turn entry points into groups of this interpreter; `taken` are (entry point group, name) of the catalog file.

    Several packages may not share a group: the file wins, then the first in alphabetical order of what they point at.
    """
    used = set(taken)
    luigi: list[LuigiGroup] = []
    tools: list[ToolGroup] = []
    only: set[tuple[str, str]] = set()
    refused: list[tuple[EntryPoint, str]] = []
    # a package that is found twice on sys.path brings the same entry point twice
    once = {(one.group, one.name, one.value): one for one in points}
    for _, point in sorted(once.items()):
        if point.group not in (STAGES, TOOLS):
            continue
        if not is_group_name(point.name):
            refused.append((point, f"the entry point's name {point.name} is no name of a group: use small letters"))
        elif (point.group, point.name) in used:
            refused.append((point, f"there is a group {point.name} already: rename one of the two"))
        elif point.group == TOOLS:
            tools.append(ToolGroup(point.name, (_module(point),), version=_version(point)))
        else:
            luigi.append(LuigiGroup(point.name, (point.module,), version=_version(point)))
            only |= {(point.name, point.attr)} if point.attr else set()
        used.add((point.group, point.name))
    return EntryPointGroups(tuple(luigi), tuple(tools), frozenset(only), tuple(refused))


def _module(point: EntryPoint) -> str:
    return f"{point.module}:{point.attr}" if point.attr else point.module


def _version(point: EntryPoint) -> str:
    """Return the package's version as semver: its first three numbers where it is no semver itself."""
    text = point.dist.version if point.dist else "0.0.0"
    if Version.parse(text):
        return text
    numbers = [str(int(one)) for one in re.findall(r"\d+", text.partition("+")[0])[:3]]
    return ".".join([*numbers, "0", "0", "0"][:3])
