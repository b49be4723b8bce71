"""Writes a spec as YAML that people go on with: blocks where they will add things, one line where a line is enough."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

Json = Any
_WIDTH = 110
_OPEN = frozenset({"nodes", "inputs", "outputs"})  # written as blocks, and the nodes in them, too
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@^~-]*( [A-Za-z0-9_./@^~-]+)*\.?|[0-9]+(ms|[smhd])", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_OTHER = frozenset({"null", "true", "false"})  # what YAML reads as something else than text


def spec_text(spec: Mapping[str, Json], comment: str = "") -> str:
    """Return a spec as YAML, under a comment."""
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    for key, value in spec.items():
        lines += _entry(key, value, "", is_open=key in _OPEN)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Json, indent: str, *, is_open: bool = False) -> Iterator[str]:
    lead = f"{indent}{_key(key)}:"
    flow = _flow(value)
    is_short = len(lead) + 1 + len(flow) <= _WIDTH
    if isinstance(value, Mapping) and value and (is_open or not is_short):
        yield lead
        inner = cast("Mapping[str, Json]", value)
        for name, one in inner.items():
            is_node = is_open and key == "nodes"
            yield from _entry(name, one, indent + "  ", is_open=is_node)
    elif isinstance(value, list) and value and not is_short:
        yield lead
        yield from (f"{indent}  - {_flow(one)}" for one in cast("list[Json]", value))
    else:
        yield f"{lead} {flow}"


def _flow(value: Json) -> str:
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Json]", value)
        return "{" + ", ".join(f"{_key(name)}: {_flow(one)}" for name, one in inner.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in cast("list[Json]", value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) and key.lower() not in _OTHER else _quoted(key)


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _OTHER else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
