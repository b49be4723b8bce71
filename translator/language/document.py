"""A document as it was read: plain values, and where in the text each of them stands.

Readers record offsets only (code points from the start of the text); lines and columns are worked out when somebody
asks, which is when there is a problem to show. So a document without problems pays almost nothing for its positions.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias, TypeGuard

from translator.language.scalar_places import place_in_scalar


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text: line and column, both from 1, columns in code points."""

    line: int
    column: int


START = Position(1, 1)


@dataclass(slots=True)
class ListMarks:
    """Where a list starts and what is known of its items."""

    start: int
    items: "list[Marks]" = field(default_factory=list["Marks"])


@dataclass(slots=True)
class MapMarks:
    """Where a mapping starts, where each of its keys starts, and what is known of its values."""

    start: int
    keys: dict[str, int] = field(default_factory=dict[str, int])
    values: "dict[str, Marks]" = field(default_factory=dict[str, "Marks"])


Marks: TypeAlias = "int | ListMarks | MapMarks"  # a scalar is its offset


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a value of a document is a mapping; its keys are texts, readers see to that."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether a value of a document is a list."""
    return isinstance(value, list)


def join_pointer(pointer: str, *keys: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of what lies under `keys` below `pointer`."""
    for key in keys:
        text = str(key)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer = f"{pointer}/{text}"
    return pointer


def split_pointer(pointer: str) -> list[str]:
    """Return the keys that a JSON pointer (RFC 6901) names, unescaped; the root has none."""
    if not pointer:
        return []
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer[1:].split("/")]


class Document:
    """A read document: its `value` of dicts, lists and scalars, its `text`, and the positions of all parts.

    Pointers are JSON pointers (RFC 6901) into `value`. A pointer to nothing is answered with the nearest place above
    it, so that a problem can always be shown.
    """

    def __init__(self, value: Any, text: str, marks: "Marks | Callable[[], Marks]") -> None:
        """Keep a value with its text; `marks` may be a function that finds them when first needed."""
        self.value: Any = value
        self.text = text
        self._given_marks = marks

    @classmethod
    def from_value(cls, value: Any) -> "Document":
        """Make a document of a value that has no text; everything in it stands at 1:1."""
        return cls(value, "", 0)

    @cached_property
    def _marks(self) -> Marks:
        return self._given_marks() if callable(self._given_marks) else self._given_marks

    @cached_property
    def _line_starts(self) -> list[int]:
        return line_starts(self.text)

    def key_position(self, pointer: str) -> Position:
        """Return where the key that `pointer` ends with starts; an item of a list and the root: where it starts."""
        key_offset, value_offset, _ = self._find(pointer)
        return self._position(value_offset if key_offset is None else key_offset)

    def value_position(self, pointer: str) -> Position:
        """Return where the value starts, an opening quote included."""
        return self._position(self._find(pointer)[1])

    def place(self, pointer: str) -> Position:
        """Return where to show that the mapping or list at `pointer` lacks something: at its key; the root: 1:1."""
        return self.key_position(pointer) if pointer else START

    def position_in(self, pointer: str, offset: int) -> Position:
        """Return where the code point number `offset` (from 0) of the text at `pointer` stands.

        Exact through quotes, escapes and block scalars; where folding left nothing to point at, the nearest earlier
        place inside the scalar. An `offset` beyond the end is answered with the last place.
        """
        _, start, found = self._find(pointer)
        value = self.at(pointer)
        if not found or not self.text or not isinstance(value, str):
            return self._position(start)
        return self._position(place_in_scalar(self.text, start, value, offset))

    def at(self, pointer: str) -> Any:
        """Return the value at `pointer`, or None where there is none."""
        value = self.value
        for key in split_pointer(pointer):
            if is_mapping(value):
                value = value.get(key)
            elif is_list(value) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                return None
        return value

    def _find(self, pointer: str) -> tuple[int | None, int, bool]:
        """Return the offsets of key (None for items and the root) and value, and whether all of `pointer` was found."""
        marks, key_offset = self._marks, None
        for key in split_pointer(pointer):
            if isinstance(marks, MapMarks) and key in marks.keys:
                key_offset, marks = marks.keys[key], marks.values.get(key, marks.keys[key])
            elif isinstance(marks, ListMarks) and key.isdecimal() and int(key) < len(marks.items):
                key_offset, marks = None, marks.items[int(key)]
            else:
                return key_offset, _start(marks), False
        return key_offset, _start(marks), True

    def _position(self, offset: int) -> Position:
        return position_at(self._line_starts, offset)


def _start(marks: Marks) -> int:
    return marks if isinstance(marks, int) else marks.start


def line_starts(text: str) -> list[int]:
    r"""Return the offset of each line's first code point; lines end with \n, \r\n or a lone \r, as YAML has it."""
    starts = [0]
    at = text.find("\n")
    if "\r" not in text:
        while at >= 0:
            starts.append(at + 1)
            at = text.find("\n", at + 1)
        return starts
    for index, character in enumerate(text):
        if character == "\n" or (character == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    return starts


def position_at(starts: list[int], offset: int) -> Position:
    """Return line and column of `offset`, given where the lines start."""
    line = bisect_right(starts, offset)
    return Position(line, offset - starts[line - 1] + 1)
