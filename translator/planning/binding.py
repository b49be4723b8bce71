"""Binding to the catalog: which stage or tool a node means, in which version, and whether it takes these arguments."""

from collections.abc import Iterator
from typing import Any, cast

from translator.language.problems import Problem
from translator.language.versions import BadReferenceError, CatalogRef, best, parse_ref
from translator.planning.catalog import Catalog, CatalogEntry, EntryKind
from translator.planning.draft import Draft, DraftNode


def bind_to_catalog(draft: Draft) -> list[Problem]:
    """Find the entry of every node that calls one, and check the names of its arguments and secrets."""
    if draft.catalog is None:
        return []
    found: list[Problem] = []
    chosen: dict[tuple[str, str | None], CatalogEntry] = {}
    for node in draft.every_node():
        if node.verb in {"luigi", "tool"}:
            named = (node.verb, node.node.luigi or node.node.tool)
            entry = chosen.get(named) or _entry(draft, draft.catalog, node)
            if isinstance(entry, Problem):
                found.append(entry)
            else:
                chosen[named] = entry
                draft.entries[node.id] = entry
                found += [*_unknown(draft, node, entry), *_missing(draft, node, entry), *_secrets(draft, node, entry)]
    return found


def _entry(draft: Draft, catalog: Catalog, node: DraftNode) -> CatalogEntry | Problem:
    kind: EntryKind = "stage" if node.verb == "luigi" else "tool"
    path = node.at(node.verb)
    wanted = _reference(node)
    versions = catalog.versions(kind, wanted.name) if wanted else ()
    if wanted is None or not versions:
        names = catalog.names(kind)
        written = (node.node.luigi or node.node.tool or "").partition("@")[0]
        message = f"the catalog has no {kind} of this name"
        return draft.at_value(
            path, f"unknown-{kind}", message, draft.did_you_mean(written, names) or _some(kind, names)
        )
    chosen = best(wanted.range, [entry.version for entry in versions])
    if chosen is None:
        available = ", ".join(entry.version for entry in versions[:5])
        message = f"the catalog has this {kind}, but no version that fits"
        return draft.at_value(path, "unknown-version", message, f"available: {available}")
    return next(entry for entry in versions if entry.version == chosen)


def _reference(node: DraftNode) -> CatalogRef | None:
    try:
        return parse_ref(node.node.luigi or node.node.tool or "")
    except BadReferenceError:
        return None


def _some(kind: EntryKind, names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{kind}s of the catalog: {shown}" if shown else f"the catalog has no {kind}s: add some to specloom.toml"


def _unknown(draft: Draft, node: DraftNode, entry: CatalogEntry) -> Iterator[Problem]:
    """Report arguments that are none; an entry that declares no parameters at all, or takes any, takes these too."""
    known = cast("dict[str, Any] | None", entry.parameters.get("properties"))
    if known is None or entry.parameters.get("additionalProperties") not in (None, False):
        return
    for key, names in (("with", node.node.with_), ("auth", node.node.auth)):
        for name in names:
            if name not in known:
                suggestion = draft.did_you_mean(name, known) or f"parameters: {', '.join(known) or 'none'}"
                message = f"this {entry.kind} does not take such an argument"
                yield draft.at_key(node.at(key, name), "unknown-parameter", message, suggestion)


def _missing(draft: Draft, node: DraftNode, entry: CatalogEntry) -> Iterator[Problem]:
    given = {*node.node.with_, *node.node.auth}
    path = node.at("with") if "with_" in node.node.model_fields_set else node.path
    for name in cast("list[str]", entry.parameters.get("required", [])):
        if name not in given:
            message = f"this {entry.kind} needs the argument `{name}`"
            yield draft.lacking(path, "missing-parameter", message, f"add `{name}` under `with:`")


def _secrets(draft: Draft, node: DraftNode, entry: CatalogEntry) -> Iterator[Problem]:
    for parameter, name in node.node.auth.items():
        if name in draft.spec.secrets and name not in entry.secrets:
            message = f"the catalog does not let this {entry.kind} have the secret"
            suggestion = "secrets that it may have: " + (", ".join(entry.secrets) or "none")
            yield draft.at_value(node.at("auth", parameter), "unknown-secret", message, suggestion)
