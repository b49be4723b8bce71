"""The page of events: every type, and what its `data` holds."""

from __future__ import annotations

import re

from docs.generating.markdown import NOTHING, code, table
from workflows.events import EVENT_TYPES

_DATA = re.compile(r":?\s*\{(.*)\}\.?$")


def events() -> str:
    """Return the table of event types."""
    return table(("type", "meaning", "`data`"), [_row(name, text) for name, text in EVENT_TYPES.items()])


def _row(name: str, text: str) -> list[str]:
    data = _DATA.search(text)
    meaning = _DATA.sub("", text).rstrip(".") + "."
    return [code(name), meaning, code(data.group(1)) if data else NOTHING]
