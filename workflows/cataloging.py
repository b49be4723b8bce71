"""Fills the catalog at start-up: describes all groups at once, in hosts, and reports what is broken.

What is described is described anew at every start: a host must import the modules anyway before it can run anything
of them, and stays warm for the first call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points

from translator.language.versions import BadReferenceError, Version, parse_ref
from translator.planning.catalog import CatalogEntry, FixedCatalog
from workflows.agents.cards import ModelCard
from workflows.agents.harnesses.harness import Harness
from workflows.agents.prompts import read_prompts
from workflows.catalog_file import CatalogFile
from workflows.entry_points import STAGES, TOOLS, EntryPointGroups, entry_point_groups
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup, StageRecord, describe_group
from workflows.tools.loop_calls import NotImported, import_tool
from workflows.tools.mcp_servers import McpServer, McpServers
from workflows.tools.registry import ToolGroup, ToolRecord, describe_tools
from workflows.tools.tools import BoundTool


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A module, or a thing in it, that is missing from the catalog, and why."""

    group: str  # "luigi.market" or "tools.web"
    module: str
    message: str


@dataclass(frozen=True, slots=True)
class LoadedCatalog:
    """The catalog for planning, and what running needs of it."""

    catalog: FixedCatalog
    entries: tuple[CatalogEntry, ...] = ()
    failures: tuple[ImportFailure, ...] = ()
    stages: Mapping[str, LuigiGroup] = field(default_factory=dict[str, LuigiGroup])  # by name of the stage
    tools: Mapping[str, BoundTool] = field(default_factory=dict[str, BoundTool])  # by name of the tool
    records: Mapping[str, StageRecord] = field(default_factory=dict[str, StageRecord])  # by name of the stage
    models: Mapping[str, ModelCard] = field(default_factory=dict[str, ModelCard])
    harnesses: Mapping[str, Harness] = field(default_factory=dict[str, Harness])


@dataclass
class _Filling:
    """What was found so far."""

    entries: list[CatalogEntry] = field(default_factory=list[CatalogEntry])
    failures: list[ImportFailure] = field(default_factory=list[ImportFailure])
    stages: dict[str, LuigiGroup] = field(default_factory=dict[str, LuigiGroup])
    tools: dict[str, BoundTool] = field(default_factory=dict[str, BoundTool])
    records: dict[str, StageRecord] = field(default_factory=dict[str, StageRecord])

    def loaded(self) -> LoadedCatalog:
        entries = tuple(sorted(self.entries, key=lambda one: (one.kind, one.name)))
        failures = tuple(sorted(self.failures, key=lambda one: (one.group, one.module, one.message)))
        return LoadedCatalog(FixedCatalog(entries), entries, failures, self.stages, self.tools, self.records)

    def leave_out_namesakes(self) -> None:
        """Report stages that are called as another one is among agents, and leave them out."""
        owners = {name: name for name in self.records}
        for name, record in sorted(self.records.items()):
            owner = owners.setdefault(record.agent.name, name)
            if owner == name:
                continue
            both = f"{record.python_class} and {self.records[owner].python_class}"
            message = f"{name} is left out: {both} are both agents of the name {record.agent.name}"
            self.failures.append(ImportFailure(f"luigi.{self.stages[name].name}", record.module, message))
            self.entries = [entry for entry in self.entries if (entry.kind, entry.name) != ("stage", name)]
            del self.stages[name]
        self.records = {name: one for name, one in self.records.items() if name in self.stages}


async def open_catalog(
    file: CatalogFile,
    pool: HostPool,
    *,
    entry_points: Iterable[EntryPoint] | None = None,
    mcp: McpServers | None = None,
) -> LoadedCatalog:
    """Describe the groups of the file and of entry points (None: the installed `specloom.stages`, `specloom.tools`).

    A module that cannot be imported is reported in `failures`; the rest works. Modules with async tools are imported
    into this process too, unless their group has an interpreter of its own. `mcp` are the MCP servers of the file;
    without them, their tools are left out.
    """
    found = _entry_point_groups(file, entry_points)
    filling = _Filling()
    for point, message in found.refused:
        filling.failures.append(ImportFailure(_group_label(point), point.value, message))
    async with asyncio.TaskGroup() as describing:
        for group in (*file.luigi, *found.luigi):
            if _is_there(group, "luigi", filling):
                describing.create_task(_fill_stages(group, pool, found.only, filling))
        for group in (*file.tools, *found.tools):
            if _is_there(group, "tools", filling):
                describing.create_task(_fill_tools(group, pool, filling))
        for server in mcp or ():
            describing.create_task(_fill_mcp(server, filling))
    harnesses = _fill_harnesses(file.harnesses, filling)
    filling.entries += [card.entry() for card in file.models.values()]
    prompts, broken = read_prompts(file.prompts)
    filling.entries += prompts
    filling.failures += [ImportFailure(f"prompts.{one.group}", one.file, one.message) for one in broken]
    filling.leave_out_namesakes()
    return replace(filling.loaded(), models=file.models, harnesses=harnesses)


def _entry_point_groups(file: CatalogFile, points: Iterable[EntryPoint] | None) -> EntryPointGroups:
    if points is None:
        points = [*installed_entry_points(group=STAGES), *installed_entry_points(group=TOOLS)]
    taken = [*((STAGES, one.name) for one in file.luigi), *((TOOLS, one.name) for one in file.tools)]
    return entry_point_groups(points, taken)


def _group_label(point: EntryPoint) -> str:
    return f"{'luigi' if point.group == STAGES else 'tools'}.{point.name}"


def _is_there(group: LuigiGroup | ToolGroup, kind: str, filling: _Filling) -> bool:
    """Report folders and interpreters that do not exist: what the operating system says of them is no help."""
    absent = [f"there is no folder {one}: correct `path`" for one in group.path if not one.is_dir()]
    if group.python is not None and not group.python.exists():
        absent.append(f"there is no interpreter {group.python}: correct `python`, or create the environment")
    modules = ", ".join(group.modules)
    filling.failures += [ImportFailure(f"{kind}.{group.name}", modules, message) for message in absent]
    return not absent


async def _fill_stages(group: LuigiGroup, pool: HostPool, only: frozenset[tuple[str, str]], filling: _Filling) -> None:
    description = await describe_group(group, pool)
    label = f"luigi.{group.name}"
    filling.failures += [ImportFailure(label, one.module, one.message) for one in description.failures]
    wanted = {name for owner, name in only if owner == group.name}
    for name in wanted - {stage.qualname for stage in description.stages} if not description.failures else ():
        filling.failures.append(ImportFailure(label, ", ".join(group.modules), f"holds no Luigi task {name}"))
    for stage in description.stages:
        if wanted and stage.qualname not in wanted:
            continue
        if message := _refusal(stage.name, stage.version):
            filling.failures.append(ImportFailure(label, stage.module, message))
            continue
        filling.entries.append(_stage_entry(stage, group))
        filling.stages[stage.name] = group
        filling.records[stage.name] = stage


async def _fill_tools(group: ToolGroup, pool: HostPool, filling: _Filling) -> None:
    description = await describe_tools(group, pool)
    label = f"tools.{group.name}"
    filling.failures += [ImportFailure(label, one.module, one.message) for one in description.failures]
    for tool in description.tools:
        if message := _refusal(tool.name, tool.version):
            filling.failures.append(ImportFailure(label, tool.module, message))
            continue
        bound = _bound(group, tool, label, filling)
        filling.entries.append(_tool_entry(bound))
        filling.tools[tool.name] = bound


async def _fill_mcp(server: McpServer, filling: _Filling) -> None:
    from workflows.tools.mcp_tools import McpTool, as_tool_group, describe_mcp  # noqa: PLC0415 - jsonschema is slow

    description = await describe_mcp(server)
    label, group = f"mcp.{server.group.name}", as_tool_group(server)
    filling.failures += [ImportFailure(label, one.module, one.message) for one in description.failures]
    for tool in description.tools:
        if message := _refusal(tool.name, tool.version):
            filling.failures.append(ImportFailure(label, tool.module, message))
            continue
        bound = BoundTool(group, tool, McpTool(server, tool))
        filling.entries.append(_tool_entry(bound))
        filling.tools[tool.name] = bound


def _fill_harnesses(harnesses: Iterable[Harness], filling: _Filling) -> dict[str, Harness]:
    found: dict[str, Harness] = {}
    for harness in harnesses:
        try:
            filling.entries.append(harness.entry())
        except (OSError, UnicodeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text"
            message = f"its instructions cannot be read: {reason}: correct `instructions`"
            filling.failures.append(ImportFailure(f"harnesses.{harness.name}", str(harness.instructions), message))
            continue
        found[harness.name] = harness
    return found


def _refusal(name: str, version: str) -> str | None:
    """Say why something may not stand in the catalog; None when it may."""
    try:
        parse_ref(name)
    except BadReferenceError:
        return f"{name} cannot be named in a spec: its name may have letters, digits, `_` and `-`"
    if Version.parse(version) is None:
        return f"{name} has the version {version}: write three numbers, such as 1.4.0"
    return None


def _bound(group: ToolGroup, tool: ToolRecord, label: str, filling: _Filling) -> BoundTool:
    """Bind an async tool to the server's loop; where that fails, it runs in a host like the others."""
    if not tool.is_async or group.needs_hosts:
        return BoundTool(group, tool)
    try:
        return BoundTool(group, tool, import_tool(tool, group.path))
    except NotImported as error:
        message = f"{tool.name} runs in a host, since the server could not import it: {error}"
        filling.failures.append(ImportFailure(label, tool.module, message))
        return BoundTool(group, tool)


def _stage_entry(stage: StageRecord, group: LuigiGroup) -> CatalogEntry:
    return CatalogEntry(
        kind="stage",
        name=stage.name,
        version=stage.version,
        source_digest=stage.source_digest,
        description=stage.agent.description,
        parameters=stage.parameters,
        is_shared=group.workdir is not None,
    )


def _tool_entry(bound: BoundTool) -> CatalogEntry:
    tool = bound.record
    return CatalogEntry(
        kind="tool",
        name=tool.name,
        version=tool.version,
        source_digest=tool.source_digest,
        description=tool.description,
        parameters=tool.parameters,
        result=tool.result,
        secrets=bound.group.secrets,
        is_async=bound.live is not None,
        requires_approval=tool.tool in bound.group.requires_approval,
    )
