"""The decorator with which a task says what agents need to know of it; standard library only, Python 3.8."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Collection, Iterable, Mapping

    Schema = Mapping[str, Any]
    Outputs = Collection[str] | Mapping[str, Schema]

ATTRIBUTE = "__specloom_agent__"
"""The attribute of a class that holds what was said of it: a plain mapping, so that nobody needs this package to read
it. It counts only where it stands in the class's own `__dict__`."""

T = TypeVar("T", bound=type)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,62}")
_MAX_RETRIES = 100


def agent_meta(  # noqa: PLR0913 - each is a thing to say
    name: str | None = None,
    description: str | None = None,
    *,
    tools: Collection[str] = (),
    outputs: Outputs = (),
    stage: str | None = None,
    tags: Collection[str] = (),
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
) -> Callable[[T], T]:
    """Say of a Luigi task what agents need to know of it; what is left out is read from the task itself.

    `name` is unique in a catalog. `outputs` names what the task leaves, or maps each name to the JSON Schema of what it
    holds. `stage` is a word of your own for where in the work it belongs. `timeout_seconds` and `max_retries` hold for
    runs of this stage alone, where a caller says nothing else. Subclasses inherit nothing of it.

    Raises `TypeError` and `ValueError` where it stands, that is when the module is imported.
    """
    said = {
        "name": _name(name),
        "description": _text("description", description),
        "tools": _texts("tools", tools),
        "outputs": _outputs(outputs),
        "stage": _text("stage", stage),
        "tags": _texts("tags", tags),
        "timeout_seconds": _seconds(timeout_seconds),
        "max_retries": _retries(max_retries),
    }

    def attach(kind: Any) -> Any:
        if not isinstance(kind, type):
            raise TypeError("agent_meta decorates a class: put it above `class`, with its arguments in brackets")
        if ATTRIBUTE in vars(kind):
            raise ValueError(kind.__qualname__ + " has two agent_meta")
        setattr(kind, ATTRIBUTE, said)
        return kind

    return attach


def _name(name: Any) -> str | None:
    if isinstance(name, type):
        raise TypeError("agent_meta takes its arguments in brackets: @agent_meta() above the class")
    text = _text("name", name)
    if text is not None and (not _NAME.fullmatch(text) or text != text.strip()):
        raise ValueError(
            "the name of an agent is letters, digits, spaces, `.`, `_` and `-`, a letter first, at most 63"
        )
    return text


def _text(key: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(key + " is a text")


def _texts(key: str, values: Any) -> list[str]:
    if isinstance(values, (str, bytes)) or not isinstance(values, (list, tuple, set, frozenset)):
        raise TypeError(key + " is a list of texts")
    found = cast("Iterable[Any]", values)
    if isinstance(values, (set, frozenset)):  # the order of a set is another one in each process
        found = sorted(found, key=str)
    texts = [_text(key, value) for value in found]
    if any(not text for text in texts):
        raise ValueError(key + " holds an empty text")
    return [text for text in texts if text]


def _outputs(outputs: Any) -> Any:
    if not isinstance(outputs, dict):
        return _texts("outputs", outputs)
    schemas = cast("dict[Any, Any]", outputs)
    _texts("outputs", list(schemas))
    if not all(isinstance(schema, dict) for schema in schemas.values()):
        raise TypeError("outputs is a list of names, or maps each name to a JSON Schema")
    return dict(schemas)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("timeout_seconds is a number of seconds")
    if not 0 < value < float("inf"):
        raise ValueError("timeout_seconds is more than 0")
    return value


def _retries(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("max_retries is an integer")
    if not 0 <= value <= _MAX_RETRIES:
        raise ValueError("max_retries is 0 to " + str(_MAX_RETRIES))
    return value
