"""The specs beside a file: what it calls is looked up among them where there is no server to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from spec_service.cli.spec_files import STDIN, SpecText, read_spec
from spec_service.cli.spec_folders import calls_in
from spec_service.ports import Revision
from spec_service.requests import Media

Json = Any
SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_OURS = b"specloom/v1"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A spec of a folder."""

    text: SpecText
    name: str
    version: str | None
    digest: str
    value: Json


class Neighbours:
    """The specs that lie directly in a folder, by their names; read when the first of them is asked for."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most

    @classmethod
    def of(cls, file: str, most: int) -> Neighbours:
        """Return what lies beside a file, or in the current folder for `-`; `most` is the size of a spec in bytes."""
        return cls(Path.cwd() if file == STDIN else Path(file).parent, most)

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return the specs of a name, the highest version first, as if they had been stored in that order."""
        found = self.specs.get(name, ())
        return tuple(Revision(len(found) - number, one.version, one.digest) for number, one in enumerate(found))

    async def text(self, name: str, revision: int) -> tuple[bytes, Media]:
        """Return the text of one of them."""
        found = self.specs[name]
        one = found[len(found) - revision]
        return one.text.data, one.text.media

    async def names(self) -> tuple[str, ...]:
        """Return the names of all of them."""
        return tuple(sorted(self.specs))

    @cached_property
    def specs(self) -> Mapping[str, tuple[Neighbour, ...]]:
        """Return all specs by name, the highest version first; files that are no specs are passed over."""
        found: dict[str, list[Neighbour]] = {}
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            one = _neighbour(path, self._most)
            if one is not None and one.digest not in {other.digest for other in found.get(one.name, ())}:
                found.setdefault(one.name, []).append(one)
        return {name: tuple(sorted(ones, key=_age(), reverse=True)) for name, ones in found.items()}


def _neighbour(path: Path, most: int) -> Neighbour | None:
    from translator.language.digest import spec_digest  # noqa: PLC0415 - the language takes a while to load
    from translator.language.reading import read  # noqa: PLC0415

    if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
        return None
    text = read_spec(str(path), most)
    if _OURS not in text.data:
        return None
    document = read(text.data, text.media)
    if isinstance(document, list) or not isinstance(document.value, dict):
        return None
    metadata: Json = cast("dict[str, Json]", document.value).get("metadata")
    fields = cast("dict[str, Json]", metadata if isinstance(metadata, dict) else {})
    name, version = fields.get("name"), fields.get("version")
    if not isinstance(name, str):
        return None
    declared = version if isinstance(version, str) else None
    return Neighbour(text, name, declared, spec_digest(document.value), document.value)


def _age() -> Callable[[Neighbour], Any]:
    """Return the key that sorts by version; specs without one come last."""
    from translator.language.versions import Version  # noqa: PLC0415

    oldest = Version(0, 0, 0, "0")
    return lambda one: (Version.parse(one.version or "") or oldest, one.version is not None)


def called_by(spec: SpecText, beside: Neighbours) -> list[Neighbour]:
    """Return the specs that lie beside a file and are called by it, at any depth, the oldest of each name first."""
    from translator.language.reading import read  # noqa: PLC0415

    document = read(spec.data, spec.media)
    if isinstance(document, list):
        return []  # storing it tells
    found: dict[str, tuple[Neighbour, ...]] = {}
    waiting = sorted(calls_in(document.value))
    while waiting:
        name = waiting.pop()
        if name in found or name not in beside.specs:
            continue
        found[name] = beside.specs[name]
        waiting += sorted({inner for one in found[name] for inner in calls_in(one.value)})
    return [one for ones in found.values() for one in reversed(ones) if one.text.data != spec.data]
