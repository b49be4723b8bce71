"""Plans that are written as specs, against a catalog with the tools that they name."""

from __future__ import annotations

import re
from textwrap import dedent

from translator.language.cel import CelEngine
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import plan

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: NAME}\n"


def written(text: str) -> Plan:
    """Return the plan of a spec without its head."""
    document = read((HEAD.replace("NAME", "main") + dedent(text)).encode(), "yaml")
    assert not isinstance(document, list), document
    spec, problems = check_shape(document)
    assert spec is not None, problems
    catalog = FixedCatalog(_tool(name) for name in set(re.findall(r"tool: (t\.\w+)", text)))
    found = plan(spec, document, catalog, CelEngine())
    assert isinstance(found, Plan), "\n".join(f"{one.line}: {one.name}: {one.message}" for one in found)
    return found


def _tool(name: str) -> CatalogEntry:
    return CatalogEntry(kind="tool", name=name, version="1.0.0", source_digest=name, is_async=True)
