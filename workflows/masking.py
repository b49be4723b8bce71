"""Fields that an author does not want to be seen: hidden wherever people look, used as they are by the run itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

Json = Any
HIDDEN = "***"


def masked(value: Json, fields: Collection[str]) -> Json:
    """Return a JSON value with the named fields hidden, at any depth; of a JSON pointer, its last key counts."""
    if not fields:
        return value
    return _masked(value, {one.lstrip("/").rpartition("/")[2] if one.startswith("/") else one for one in fields})


def masked_name(name: str, params: Mapping[str, str | None], fields: Collection[str]) -> str:
    """Return a task's name, `market.Publish(day=2026-11-20)`, with the values of the named parameters hidden."""
    for field, value in params.items():
        begin = f"{field}="
        if field not in fields or begin not in name:
            continue
        if f"{begin}{value}" in name:
            name = name.replace(f"{begin}{value}", f"{begin}{HIDDEN}")
        else:  # the name was cut in the middle of the value
            name = f"{name[: name.index(begin)]}{begin}{HIDDEN}…)"
    return name


def _masked(value: Json, names: set[str]) -> Json:
    if isinstance(value, dict):
        shown = cast("dict[str, Json]", value)
        return {name: HIDDEN if name in names else _masked(one, names) for name, one in shown.items()}
    if isinstance(value, list):
        return [_masked(one, names) for one in cast("list[Json]", value)]
    return value
