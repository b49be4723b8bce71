"""Binding to the catalog: which stage or tool a node means, in which version, and whether it takes these arguments."""

from collections.abc import Iterator
from typing import Any, cast

from translator.language.document import join_pointer
from translator.language.problems import Problem
from translator.language.versions import BadReferenceError, CatalogRef, best, parse_ref
from translator.planning.calls import Called, call_of
from translator.planning.catalog import Catalog, CatalogEntry, EntryKind
from translator.planning.draft import Draft, DraftNode


def bind_to_catalog(draft: Draft) -> list[Problem]:
    """Find the entry of every node that calls a stage or a tool, and check the names of its arguments and secrets."""
    if draft.catalog is None:
        return []
    found: list[Problem] = []
    chosen: dict[tuple[str, str], CatalogEntry] = {}
    for node in draft.every_node():
        called = call_of(node)
        if called is None or called.kind == "workflow":
            continue
        named = (called.kind, called.reference)
        entry = chosen.get(named) or _entry(draft, draft.catalog, called)
        if isinstance(entry, Problem):
            found.append(entry)
        else:
            chosen[named] = entry
            draft.entries[node.id] = entry
            found += [*check_arguments(draft, node, called, entry), *_secrets(draft, called, entry)]
    return found


def _entry(draft: Draft, catalog: Catalog, called: Called) -> CatalogEntry | Problem:
    return entry_of(draft, catalog, "stage" if called.kind == "stage" else "tool", called.reference, called.path)


def entry_of(draft: Draft, catalog: Catalog, kind: EntryKind, reference: str, path: str) -> CatalogEntry | Problem:
    """Return the newest entry of a kind that a reference means, or the problem at its place."""
    wanted = _reference(reference)
    versions = catalog.versions(kind, wanted.name) if wanted else ()
    if wanted is None or not versions:
        return unknown_entry(draft, catalog, kind, reference.partition("@")[0], path)
    chosen = best(wanted.range, [entry.version for entry in versions])
    if chosen is None:
        available = ", ".join(entry.version for entry in versions[:5])
        message = f"the catalog has this {kind}, but no version that fits"
        return draft.at_value(path, "unknown-version", message, f"available: {available}")
    return next(entry for entry in versions if entry.version == chosen)


def unknown_entry(draft: Draft, catalog: Catalog, kind: EntryKind, written: str, path: str) -> Problem:
    """Return the problem of a name that the catalog does not have."""
    names = catalog.names(kind)
    suggestion = draft.did_you_mean(written, names) or _some(kind, names)
    return draft.at_value(path, f"unknown-{kind}", f"the catalog has no {kind} of this name", suggestion)


def _reference(reference: str) -> CatalogRef | None:
    try:
        return parse_ref(reference)
    except BadReferenceError:
        return None


def _some(kind: EntryKind, names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    several = f"{kind}es" if kind == "harness" else f"{kind}s"
    return f"{several} of the catalog: {shown}" if shown else f"the catalog has no {several}: add some to specloom.toml"


def check_arguments(draft: Draft, node: DraftNode, called: Called, entry: CatalogEntry) -> Iterator[Problem]:
    """Report arguments that what is called does not take, and those that it needs and does not get."""
    yield from _unknown(draft, called, entry)
    yield from _missing(draft, node, called, entry)


def _unknown(draft: Draft, called: Called, entry: CatalogEntry) -> Iterator[Problem]:
    """Report arguments that are none; an entry that declares no parameters at all, or takes any, takes these too."""
    known = cast("dict[str, Any] | None", entry.parameters.get("properties"))
    if known is None or entry.parameters.get("additionalProperties") not in (None, False):
        return
    for path, names in ((called.with_path, called.arguments), (called.auth_path, called.auth)):
        for name in names:
            if name not in known:
                suggestion = draft.did_you_mean(name, known) or f"parameters: {', '.join(known) or 'none'}"
                message = f"this {entry.kind} does not take such an argument"
                yield draft.at_key(join_pointer(path, name), "unknown-parameter", message, suggestion)


def _missing(draft: Draft, node: DraftNode, called: Called, entry: CatalogEntry) -> Iterator[Problem]:
    given = {*called.arguments, *called.auth}
    around = node.path if called.with_path == node.at("with") else called.with_path.removesuffix("/with")
    path = called.with_path if called.has_arguments else around
    for name in cast("list[str]", entry.parameters.get("required", [])):
        if name not in given:
            message = f"this {entry.kind} needs the argument `{name}`"
            yield draft.lacking(path, "missing-parameter", message, f"add `{name}` under `with:`")


def _secrets(draft: Draft, called: Called, entry: CatalogEntry) -> Iterator[Problem]:
    for parameter, name in called.auth.items():
        if name in draft.spec.secrets and name not in entry.secrets:
            message = f"the catalog does not let this {entry.kind} have the secret"
            suggestion = "secrets that it may have: " + (", ".join(entry.secrets) or "none")
            yield draft.at_value(join_pointer(called.auth_path, parameter), "unknown-secret", message, suggestion)
