"""A catalog for specs that are tested without one: it has whatever they name, and knows nothing about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from translator.language.versions import BadReferenceError, parse_ref
from translator.planning.catalog import CatalogEntry, EntryKind, FixedCatalog

Json = Any
_KINDS: dict[str, EntryKind] = {"tool": "tool", "luigi": "stage", "prompt": "prompt"}
_PLAIN: dict[str, EntryKind] = {"model": "model", "harness": "harness"}  # known by their names alone


def assumed_catalog(documents: Iterable[Json]) -> FixedCatalog:
    """Return a catalog that has everything that these documents name, at the oldest version admitted.

    They take any arguments, any secret of the document, and return anything.
    """
    entries = {(one.kind, one.name, one.version): one for document in documents for one in _assumed(document)}
    return FixedCatalog(entries.values())


def _assumed(document: Json) -> Iterator[CatalogEntry]:
    named = cast("dict[str, Json]", document).get("secrets") if isinstance(document, dict) else None
    secrets = tuple(one for one in cast("list[Json]", named or []) if isinstance(one, str))
    for kind, text in _references(document):
        if kind in _PLAIN.values():
            yield CatalogEntry(kind=kind, name=text, version="0.0.0", source_digest="", has_price=True)
            continue
        try:
            wanted = parse_ref(text)
        except BadReferenceError:
            continue  # the check of the shape tells of it
        low = str(wanted.range.low)
        yield CatalogEntry(kind=kind, name=wanted.name, version=low, source_digest="", secrets=secrets)


def _references(value: Json) -> Iterator[tuple[EntryKind, str]]:
    """Yield what stands under `tool`, `luigi`, `tools` and the like, however deep; too much is harmless."""
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Json]", value).items():
            kind = _KINDS.get(key) or _PLAIN.get(key)
            if kind is not None and isinstance(inner, str):
                yield kind, inner
            if key == "tools" and isinstance(inner, list):
                for one in cast("list[Json]", inner):
                    if isinstance(one, str):
                        yield "tool", one
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[Json]", value):
            yield from _references(inner)
