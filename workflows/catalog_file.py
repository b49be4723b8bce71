"""The operator's catalog file, `specloom.toml`: which stages, tools, secrets and models a spec may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.errors import WorkflowError
from workflows.luigi.registry import LuigiGroup
from workflows.tools.registry import ToolGroup
from workflows.tools.secrets import SecretSource


class CatalogFileError(WorkflowError):
    """The catalog file cannot be used."""

    name = "catalog-file-invalid"


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """What a catalog file says, its paths made absolute."""

    path: Path | None = None  # None: there is no file
    luigi: tuple[LuigiGroup, ...] = ()
    tools: tuple[ToolGroup, ...] = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict[str, SecretSource])
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


def read_catalog_file(path: Path, *, is_named: bool = False, also_known: Iterable[str] = ()) -> CatalogFile:
    """Read a catalog file; a missing one is an empty catalog, unless somebody named it.

    `also_known` are keys of the top that belong to others (settings) and are left alone. Raises `CatalogFileError`.
    """
    raise NotImplementedError
