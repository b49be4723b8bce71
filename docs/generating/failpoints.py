"""The list of fail-points: the moments at which a test can kill, stop or break the server."""

from __future__ import annotations

from docs.generating.markdown import code, table
from workflows.failpoints import NAMES


def failpoints() -> str:
    """Return the table of fail-points."""
    rows = [[code(name), f"{text[0].upper()}{text[1:]}."] for name, text in NAMES.items()]
    return table(("name", "the moment"), rows)
