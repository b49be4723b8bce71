"""Fills the catalog at start-up: describes all groups at once, in hosts, and reports what is broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint

from translator.planning.catalog import CatalogEntry, FixedCatalog
from workflows.catalog_file import CatalogFile
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup
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


async def open_catalog(
    file: CatalogFile, pool: HostPool, *, entry_points: Iterable[EntryPoint] | None = None
) -> LoadedCatalog:
    """Describe the groups of the file and of the installed entry points (`specloom.stages`, `specloom.tools`).

    A module that cannot be imported is reported in `failures`; the rest works. Modules with async tools are imported
    into this process too, unless their group has an interpreter of its own.
    """
    raise NotImplementedError
