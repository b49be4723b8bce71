"""Texts of others on our terminal: nothing that a spec, a stage or a server says may move the cursor or set colours."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, cast

Json = Any
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_KIB = 1024
_MINUTE, _HOUR = 60, 3600
_LONG = 100  # characters of a value that still stands on one line


def printable(text: str) -> str:
    """Return a text without control characters, but with its line breaks and tabs."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, most: int = 200) -> str:
    """Return a text on one line of at most `most` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def sized(count: int) -> str:
    """Return a number of bytes as people write it: 512 B, 12.3 kB."""
    if count < _KIB:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= _KIB
        if size < _KIB:
            return f"{size:.1f} {unit}"
    return f"{size / _KIB:.1f} TB"


def lasting(seconds: float) -> str:
    """Return a duration as people write it: 4 ms, 0.8 s, 12 s, 3 min 20 s, 1 h 4 min."""
    if seconds < 0.1:  # noqa: PLR2004 - below a tenth of a second
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:  # noqa: PLR2004 - tenths matter while there is one digit
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, name, below, part in ((_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // below
            return f"{whole // unit} {name}{f' {rest} {part}' if rest else ''}"
    return f"{whole} s"


def clock(at: datetime) -> str:
    """Return the local time of day, to the second."""
    return at.astimezone().strftime("%H:%M:%S")


def moment(at: datetime) -> str:
    """Return local date and time, to the second."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def shown(value: Json, indent: int = 0) -> list[str]:
    """Return the lines that show a JSON value to a person: texts as they are, lists with dashes, mappings by key."""
    pad = " " * indent
    if isinstance(value, str):
        return [f"{pad}{line}" for line in printable(value).splitlines() or [""]]
    if isinstance(value, dict) and value:
        return [line for key, item in cast("dict[str, Json]", value).items() for line in _entry(key, item, indent)]
    if isinstance(value, list) and value:
        return [line for item in cast("list[Json]", value) for line in _item(item, indent)]
    return [f"{pad}{json.dumps(value, ensure_ascii=False)}"]


def _entry(key: str, value: Json, indent: int) -> list[str]:
    pad, lines = " " * indent, shown(value)
    is_short = len(lines) == 1 and (len(lines[0]) <= _LONG or " " not in lines[0])
    if is_short and not (isinstance(value, (list, dict)) and value):
        return [f"{pad}{one_line(key)}: {lines[0]}"]
    return [f"{pad}{one_line(key)}:", *shown(value, indent + 2)]


def _item(value: Json, indent: int) -> list[str]:
    lines = shown(value, indent + 2)
    return [f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]]
