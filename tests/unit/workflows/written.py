"""Plans that are written as specs, against a catalog with the tools that they name."""

from __future__ import annotations

import re
from textwrap import dedent

from translator.language.cel import CelEngine
from translator.language.digest import spec_digest
from translator.language.document import Document
from translator.language.model import Spec
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import plan
from translator.planning.workflows import FixedWorkflows, StoredSpec

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: NAME}\n"


def written(text: str, *called: str) -> Plan:
    """Return the plan of a spec without its head; the specs that it calls are `w1`, `w2` …, as they are given."""
    document, spec = _read("main", text)
    stored = [_stored(f"w{number}", body) for number, body in enumerate(called, 1)]
    named = {name for body in (text, *called) for name in re.findall(r"tool: (t\.\w+)", body)}
    stages = {name for body in (text, *called) for name in re.findall(r"luigi: ([a-z]\w*\.\w+)", body)}
    catalog = FixedCatalog([*map(_tool, named), *map(_stage, stages)])
    found = plan(spec, document, catalog, CelEngine(), FixedWorkflows(stored))
    assert isinstance(found, Plan), "\n".join(f"{one.line}: {one.name}: {one.message}" for one in found)
    return found


def _read(name: str, text: str) -> tuple[Document, Spec]:
    document = read((HEAD.replace("NAME", name) + dedent(text)).encode(), "yaml")
    assert not isinstance(document, list), document
    spec, problems = check_shape(document)
    assert spec is not None, problems
    return document, spec


def _stored(name: str, text: str) -> StoredSpec:
    document, spec = _read(name, text)
    return StoredSpec(name, None, 1, spec, document, spec_digest(document.value))


def _tool(name: str) -> CatalogEntry:
    return CatalogEntry(kind="tool", name=name, version="1.0.0", source_digest=name, is_async=True)


def _stage(name: str) -> CatalogEntry:
    return CatalogEntry(kind="stage", name=name, version="1.0.0", source_digest=name)
