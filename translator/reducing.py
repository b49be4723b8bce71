"""How several writes to one channel become one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from translator.planning.plan import Reducer

Json = Any


def combine(reducer: Reducer, old: Json, new: Json) -> Json:
    """Return the channel's value after `new` was saved over `old`; null is nothing yet."""
    if reducer == "replace" or old is None:
        return _as_collection(reducer, new)
    return old if new is None else _REDUCERS[reducer](old, new)


def empty(reducer: Reducer) -> Json:
    """Return what `reset` leaves in a channel."""
    return _EMPTY.get(reducer)


def _as_collection(reducer: Reducer, new: Json) -> Json:
    if reducer in {"append", "messages", "union"} and new is not None:
        return _union([], new) if reducer == "union" else _append([], new)
    return new


def _items(value: Json) -> list[Json]:
    return cast("list[Json]", value) if isinstance(value, list) else [value]


def _append(old: Json, new: Json) -> Json:
    return [*_items(old), *_items(new)]


def _union(old: Json, new: Json) -> Json:
    found = list(_items(old))
    found += [item for at, item in enumerate(_items(new)) if item not in found and item not in _items(new)[:at]]
    return found


def _merge(old: Json, new: Json) -> Json:
    return {**cast("Mapping[str, Json]", old), **cast("Mapping[str, Json]", new)}


def _sum(old: Json, new: Json) -> Json:
    return old + new


def _least(old: Json, new: Json) -> Json:
    return min(old, new)


def _greatest(old: Json, new: Json) -> Json:
    return max(old, new)


_REDUCERS: Mapping[Reducer, Callable[[Json, Json], Json]] = {
    "append": _append,
    "messages": _append,
    "merge": _merge,
    "sum": _sum,
    "min": _least,
    "max": _greatest,
    "union": _union,
}

_EMPTY: Mapping[Reducer, Json] = {"append": [], "messages": [], "union": [], "merge": {}, "sum": 0}
