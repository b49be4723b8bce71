"""Takes the values of secrets out of what a tool says, before anybody records it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

Json = Any

_MASK = "***"
_LONGEST_LINE = 4096  # characters that are held back until their line ends
_SHORTEST = 4  # characters; a shorter value would blacken half of every result, and is no secret


class Scrubber:
    """Replace values of secrets by `***`, also where they are escaped, URL-quoted or in base64."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {spelling for value in values for spelling in _spellings(value)}
        self._spellings = tuple(sorted(spellings, key=len, reverse=True))

    @property
    def has_values(self) -> bool:
        """Tell whether there is anything to look for."""
        return bool(self._spellings)

    def parting(self, text: str, wanted: int) -> int:
        """Return where a text whose end is not known yet may be parted, at the latest at `wanted`.

        No value lies across that place, and none that begins before it can still come to its end after the text.
        """
        place = wanted
        for spelling in self._spellings:
            if "\n" in spelling or text[place - 1 : place] != "\n":
                place = min(place, max(0, len(text) - len(spelling) + 1))
        is_moved = True
        while is_moved:
            is_moved = False
            for spelling in self._spellings:
                start = text.find(spelling, max(0, place - len(spelling) + 1), place + len(spelling) - 1)
                if 0 <= start < place:
                    place, is_moved = start, True
        return place

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


class ScrubbedStream:
    """Scrubs a text that comes in pieces, whole lines at a time, so that no value is missed that lies across pieces."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._pending = ""

    def take(self, piece: str) -> str:
        """Take a piece and return what can be shown by now."""
        self._pending += piece
        end = self._pending.rfind("\n") + 1
        if not end and len(self._pending) > _LONGEST_LINE:
            end = len(self._pending)
        end = self._scrubber.parting(self._pending, end)
        ready, self._pending = self._pending[:end], self._pending[end:]
        return self._scrubber.text(ready)

    def rest(self) -> str:
        """Return what was held back; nothing follows."""
        ready, self._pending = self._pending, ""
        return self._scrubber.text(ready)


def _spellings(value: str) -> Iterable[str]:
    """Yield how a value may be written in a message: as it is, by `repr`, in JSON, in a URL, in a header."""
    if not value.strip():
        return
    yield value
    yield from (value.strip(), repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (quote(value), quote(value, safe=""), quote_plus(value))
    encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
    yield from (encoded, encoded.rstrip("="))
