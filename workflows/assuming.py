"""A catalog for specs that are tested without one: it has whatever they name, and knows nothing about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from translator.language.versions import BadReferenceError, parse_ref
from translator.planning.catalog import CatalogEntry, EntryKind, FixedCatalog

Json = Any
_KINDS: dict[str, EntryKind] = {"tool": "tool", "luigi": "stage"}


def assumed_catalog(documents: Iterable[Json]) -> FixedCatalog:
    """Return a catalog that has every stage and tool that these documents call, at the oldest version admitted.

    They take any arguments, any secret of the document, and return anything.
    """
    entries = {(one.kind, one.name, one.version): one for document in documents for one in _assumed(document)}
    return FixedCatalog(entries.values())


def _assumed(document: Json) -> Iterator[CatalogEntry]:
    named = cast("dict[str, Json]", document).get("secrets") if isinstance(document, dict) else None
    secrets = tuple(one for one in cast("list[Json]", named or []) if isinstance(one, str))
    for kind, text in _references(document):
        try:
            wanted = parse_ref(text)
        except BadReferenceError:
            continue  # the check of the shape tells of it
        low = str(wanted.range.low)
        yield CatalogEntry(kind=kind, name=wanted.name, version=low, source_digest="", secrets=secrets)


def _references(value: Json) -> Iterator[tuple[EntryKind, str]]:
    """Yield what stands under `tool` and `luigi`, however deep; too much is harmless."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Json]", value).items():
            if key in _KINDS and isinstance(inner, str):
                yield _KINDS[key], inner
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[Json]", value):
            yield from _references(inner)
