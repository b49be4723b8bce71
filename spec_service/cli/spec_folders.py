"""Folders of specs: which files are specs, which are something else, and in which order they call each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, cast

from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.spec_files import SpecText, read_spec
from spec_service.ports import SpecSource
from translator.language.digest import spec_digest
from translator.language.problems import Problem
from translator.language.reading import read

Json = Any
SUFFIXES = (".yaml", ".yml", ".json")
_OURS = re.compile(rb"""(?m)^[\s{,]*["']?apiVersion["']?\s*:\s*["']?specloom/""")


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """A spec of a folder."""

    text: SpecText  # labelled with its path
    source: SpecSource
    name: str
    version: str | None
    digest: str
    calls: frozenset[str]  # names of workflows


@dataclass(frozen=True, slots=True)
class SpecFolder:
    """What a folder holds: specs in the order in which they may be stored, what cannot be read, and what is no spec."""

    specs: tuple[FolderSpec, ...]
    unreadable: tuple[tuple[SpecText, tuple[Problem, ...]], ...]
    skipped: tuple[str, ...]


def read_folder(folder: Path, most: int) -> SpecFolder:
    """Read the specs of a folder and of those in it, hidden ones left out; raises `Complaint`.

    `most` is the size of the largest spec, in bytes.
    """
    if not folder.is_dir():
        raise wrong_usage(f"{folder} is no folder", "-f names a folder of specs")
    where = _Where(folder)
    specs: list[FolderSpec] = []
    unreadable: list[tuple[SpecText, tuple[Problem, ...]]] = []
    skipped: list[str] = []
    for path in _files(folder):
        text = read_spec(str(path), most)
        if not _OURS.search(text.data):
            skipped.append(str(path))
            continue
        document = read(text.data, text.media)
        if isinstance(document, list):
            unreadable.append((text, tuple(document)))
            continue
        specs.append(_spec(text, document.value, where.of(path)))
    _forbid_twice(specs)
    return SpecFolder(tuple(_ordered(specs)), tuple(unreadable), tuple(skipped))


class _Where:
    """Tells where files come from: a path in a repository at a commit, or in a folder."""

    def __init__(self, folder: Path) -> None:
        from spec_service.integrations.checkout import find_checkout  # noqa: PLC0415 - git, only where it is asked for

        self._folder = folder.resolve()
        self._checkout = find_checkout(self._folder)

    def of(self, path: Path) -> SpecSource:
        """Return the source of a file."""
        if self._checkout is not None:
            inside = path.resolve()
            if inside.is_relative_to(self._checkout.root):
                return SpecSource("git", inside.relative_to(self._checkout.root).as_posix(), self._checkout.commit)
        return SpecSource("file", os.path.relpath(path, self._folder))


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(place, name)


def _spec(text: SpecText, value: Json, source: SpecSource) -> FolderSpec:
    top = cast("Mapping[str, Json]", value if isinstance(value, dict) else {})
    metadata = cast("Mapping[str, Json]", top.get("metadata") if isinstance(top.get("metadata"), dict) else {})
    version = metadata.get("version")
    calls = frozenset(calls_in(value))
    name = str(metadata.get("name", ""))
    return FolderSpec(text, source, name, str(version) if version is not None else None, spec_digest(value), calls)


def calls_in(spec: Json) -> Iterator[str]:
    """Walk through the names of all workflows that a spec calls, whatever else is wrong with it."""
    top = cast("Mapping[str, Json]", spec if isinstance(spec, dict) else {})
    stack = [top.get("nodes"), top.get("finally")]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            fields = cast("dict[str, Json]", one)
            if isinstance(fields.get("workflow"), str):
                yield fields["workflow"].partition("@")[0]
            started = cast("list[Json]", fields["delegates"] if isinstance(fields.get("delegates"), list) else [])
            yield from (one.partition("@")[0] for one in started if isinstance(one, str))
            stack += fields.values()
        elif isinstance(one, list):
            stack += cast("list[Json]", one)


def _forbid_twice(specs: Iterable[FolderSpec]) -> None:
    seen: dict[str, FolderSpec] = {}
    twice: list[str] = []
    for spec in specs:
        if spec.name in seen:
            twice.append(f"{spec.name}: {seen[spec.name].text.label} and {spec.text.label}")
        seen.setdefault(spec.name, spec)
    if twice:
        raise Complaint("a name stands in two files, and only one of them can be the current one", *twice)


def _ordered(specs: list[FolderSpec]) -> list[FolderSpec]:
    """Return specs with what they call before them, and otherwise as they were found; raises `Complaint`."""
    by_name = {spec.name: spec for spec in specs}
    sorter = TopologicalSorter({spec.name: sorted(spec.calls & by_name.keys()) for spec in specs})
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        around: list[str] = error.args[1]
        raise Complaint("workflows call each other in a circle", " → ".join(reversed(around))) from None
