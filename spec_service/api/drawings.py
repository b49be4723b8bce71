"""How drawings are asked for, and what they are sent as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query

from spec_service.errors import BadQuery
from spec_service.operations.draw_plan import DRAWINGS
from spec_service.operations.draw_plan import Drawing as Kind

Drawing = Annotated[
    str | None, Query(alias="format", description="`mermaid`, `dot` or `svg`. Default: mermaid.", examples=["svg"])
]
DRAWN_AS: Mapping[Kind, str] = {
    "mermaid": "text/vnd.mermaid",
    "dot": "text/vnd.graphviz",
    "svg": "image/svg+xml",
}
DRAWINGS_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in DRAWN_AS.values()}}
}


def read_drawing(text: str | None) -> Kind:
    """Return how to draw, as Mermaid unless somebody says otherwise; raises `BadQuery`."""
    for kind in DRAWINGS:
        if text == kind or (text is None and kind == "mermaid"):
            return kind
    raise BadQuery(f"`format` is one of: {', '.join(DRAWINGS)}")
