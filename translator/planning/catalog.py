"""The catalog as planning sees it: what may be named in a spec, and nothing that could be run.

A catalog is the operator's. It is read once, at start-up, by the room that owns stages and tools; here it is
only data, so planning imports and starts nothing that a spec names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

EntryKind = Literal["stage", "tool", "workflow", "model", "prompt", "harness", "delegation"]
"""What may be named; a catalog holds no workflows: they are stored specs, and no `delegation`: those tools are ours."""
JsonSchema = dict[str, Any]


class CatalogEntry(BaseModel):
    """One version of what may be named; and, made by planning, of a workflow that is called."""

    model_config = ConfigDict(frozen=True)

    kind: EntryKind
    name: str  # "group.Name"; of a model and a harness without a group: "default-large"
    version: str  # semver
    source_digest: str  # sha256 of the source that it was read from
    description: str = ""
    parameters: JsonSchema = Field(default_factory=lambda: {"type": "object"})  # of `with:`
    result: JsonSchema = Field(default_factory=dict[str, Any])  # what is known of the result; {} is anything
    secrets: tuple[str, ...] = ()  # the only secrets that a spec may hand to it
    is_shared: bool = False  # a stage that works in one directory for all runs
    is_async: bool = False  # an async tool runs on the server's loop, everything else in a host
    requires_approval: bool = False  # a tool: an agent's call of it waits for a person
    has_price: bool = False  # a model: what its tokens cost is known
    text: str = ""  # of a prompt: the prompt itself


class Catalog(Protocol):
    """Tells what may be named, and what it takes."""

    def names(self, kind: EntryKind) -> tuple[str, ...]:
        """Return the names of one kind, sorted."""
        ...

    def versions(self, kind: EntryKind, name: str) -> tuple[CatalogEntry, ...]:
        """Return all versions under a name, the newest first; empty when the name is unknown."""
        ...


class FixedCatalog:
    """A catalog made of entries that are known already."""

    def __init__(self, entries: Iterable[CatalogEntry] = ()) -> None:
        self._entries: dict[tuple[EntryKind, str], list[CatalogEntry]] = {}
        for entry in sorted(entries, key=_age, reverse=True):
            self._entries.setdefault((entry.kind, entry.name), []).append(entry)

    def names(self, kind: EntryKind) -> tuple[str, ...]:
        """Return the names of one kind, sorted."""
        return tuple(sorted(name for found, name in self._entries if found == kind))

    def versions(self, kind: EntryKind, name: str) -> tuple[CatalogEntry, ...]:
        """Return all versions under a name, the newest first; empty when the name is unknown."""
        return tuple(self._entries.get((kind, name), ()))


def _age(entry: CatalogEntry) -> tuple[int, ...]:
    numbers = entry.version.partition("-")[0].partition("+")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())
