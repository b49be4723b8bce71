"""The stages of the catalog: a group of Luigi modules and what a host finds in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LuigiGroup:
    """A `[luigi.NAME]` table of the catalog file, its paths made absolute."""

    name: str
    modules: tuple[str, ...]
    path: tuple[Path, ...] = ()  # added to sys.path of the stage host
    python: Path | None = None  # None: the server's interpreter
    version: str = "0.0.0"
    workdir: Path | None = None  # None: a private directory of the run
    env: tuple[str, ...] = ()  # names of variables that the stages may see


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A stage: what the catalog says about it, and where it is defined."""

    name: str  # "market.Publish"
    version: str
    source_digest: str  # sha256 over the source files of the group's modules
    description: str
    parameters: JsonSchema
    module: str
    qualname: str


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A module that could not be imported, or a class that could not be described."""

    module: str
    message: str


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """All that a group offers, and what of it is broken."""

    stages: tuple[StageRecord, ...] = ()
    failures: tuple[ImportFailure, ...] = ()


_ = (Mapping, field)
