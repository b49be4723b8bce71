"""Takes the values of secrets out of what a tool says, before anybody records it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

Json = Any

_MASK = "***"
_SHORTEST = 4  # characters; a shorter value would blacken half of every result, and is no secret


class Scrubber:
    """Replace values of secrets by `***`, also where they are escaped, URL-quoted or in base64."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {spelling for value in values for spelling in _spellings(value)}
        self._spellings = tuple(sorted(spellings, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return a message or a tail without any value."""
        for spelling in self._spellings:
            text = text.replace(spelling, _MASK)
        return text

    def result(self, value: Json) -> Json:
        """Return a JSON result without any value: what a tool gives back is stored and shown."""
        if not self._spellings:
            return value
        if isinstance(value, str):
            return _MASK if value in self._spellings else self._long_only(value)
        if isinstance(value, list):
            return [self.result(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, dict):
            return {self._long_only(key): self.result(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return value

    def _long_only(self, text: str) -> str:
        for spelling in self._spellings:
            if len(spelling) >= _SHORTEST:
                text = text.replace(spelling, _MASK)
        return text


def _spellings(value: str) -> Iterable[str]:
    """Yield how a value may be written in a message: as it is, by `repr`, in JSON, in a URL, in a header."""
    if not value.strip():
        return
    yield value
    yield from (value.strip(), repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (quote(value), quote(value, safe=""), quote_plus(value))
    encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
    yield from (encoded, encoded.rstrip("="))
