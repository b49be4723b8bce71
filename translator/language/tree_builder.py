"""What the two readers build with: a tree of plain values and marks, made while the text streams by, under limits.

Both readers tell the same builder what they see, so a document means the same in YAML and in JSON, and breaks the same
rules: depth, number of values, size of a scalar, double keys, characters that nobody sees.
"""

import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from translator.language.document import ListMarks, MapMarks, Marks, Position, join_pointer, line_starts, position_at
from translator.language.problems import MAX_PROBLEMS, Problem, problem_at

LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

# Control characters but tab, line feed and carriage return; bidirectional embeddings, overrides and isolates; the two
# characters that are none.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
SURROGATE = re.compile("[\ud800-\udfff]")
_UNSPEAKABLE = re.compile(f"{FORBIDDEN.pattern}|{SURROGATE.pattern}")


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What is read at most: bytes, nesting, keys and values, and bytes of one scalar."""

    size: int = 1 << 20
    depth: int = 64
    values: int = 50_000
    scalar: int = 64 << 10


SPEC_LIMITS = ReadLimits()
BODY_LIMITS = ReadLimits(size=16 << 20, values=250_000, scalar=16 << 20)


class ReadingStoppedError(Exception):
    """Reading stopped: a limit is reached, or what follows has no meaning; the problems are with the builder."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is open: its value, its marks, and the key whose value comes next."""

    value: Any
    marks: Any  # the MapMarks or ListMarks that belong to `value`
    is_mapping: bool
    awaits_key: bool
    key: str = ""
    is_kept: bool = True  # whether the value of `key` belongs to the mapping; that of a wrong key does not
    is_key: bool = False  # a mapping or list in the place of a key


class TreeBuilder:
    """Collects what a reader sees; `value` and `marks` are the document when `problems` stays empty.

    Its methods run once for every key and value of a text: what they check, they check first in the cheapest way.
    """

    def __init__(self, text: str, limits: ReadLimits) -> None:
        self.text = text
        self.limits = limits
        self.problems: list[Problem] = []
        self.value: Any = None
        self.marks: Marks = 0
        self.frames: list[_Frame] = []
        self._room = limits.values
        self._surely_short = limits.scalar // 4  # whatever the encoding
        self._line_starts: list[int] | None = None

    @property
    def awaits_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        return bool(self.frames) and self.frames[-1].awaits_key

    def open(self, value: "dict[str, Any] | list[Any]", marks: ListMarks | MapMarks) -> None:
        """Begin a mapping or list."""
        self._room -= 1
        if self._room < 0:
            self._full(marks.start)
        if len(self.frames) >= self.limits.depth:
            self.stop(marks.start, "too-deep", f"nested deeper than {self.limits.depth} levels")
        is_key = self.awaits_key
        if is_key:
            self.report(marks.start, "key-not-text", "a key is a list or a mapping", "keys are plain names")
        else:
            self._put(value, marks)
        is_mapping = type(marks) is MapMarks
        self.frames.append(_Frame(value, marks, is_mapping, awaits_key=is_mapping, is_key=is_key))

    def close(self) -> None:
        """End the innermost mapping or list."""
        frame = self.frames.pop()
        if self.frames and frame.is_key:  # the value that follows has no name
            self.frames[-1].is_kept = self.frames[-1].awaits_key = False

    def scalar(self, value: Any, offset: int) -> None:
        """Take the value of a scalar that is no key."""
        self._room -= 1
        if self._room < 0:
            self._full(offset)
        if type(value) is str and not (value.isprintable() and len(value) <= self._surely_short):
            self.check_text(value, offset)
        self._put(value, offset)

    def key(self, name: str, offset: int) -> None:
        """Take the key of the value that comes next; a key that is there already keeps its first value."""
        self._room -= 1
        if self._room < 0:
            self._full(offset)
        frame = self.frames[-1]
        frame.key, frame.awaits_key = name, False
        if name in frame.value:
            frame.is_kept = False
            first = self.position(frame.marks.keys[name])
            self.report(offset, "duplicate-key", f"this key is there already, on line {first.line}", "keep one of them")
        else:
            if not (name.isprintable() and len(name) <= self._surely_short):
                self.check_text(name, offset)
            frame.marks.keys[name] = offset

    def refuse_key(self, name: str, offset: int, problem: tuple[str, str, str]) -> None:
        """Report a key that may not be; `problem` is name, message and suggestion."""
        frame = self.frames[-1]
        frame.key, frame.awaits_key, frame.is_kept = name, False, False
        self.report(offset, *problem)

    def check_text(self, text: str, offset: int) -> None:
        """Report characters and sizes that no text may have."""
        if len(text) > self._surely_short and len(text.encode("utf-8", "replace")) > self.limits.scalar:
            message = f"one text has more than {self.limits.scalar >> 10} KiB"
            self.report(offset, "scalar-too-long", message, "keep long texts in artifacts")
        if SURROGATE.search(text):
            self.report(offset, "bad-encoding", "an escape stands for half a character", "write the character in UTF-8")
        elif FORBIDDEN.search(text):
            self.report(offset, "control-character", "a character that nobody sees", "remove the character")

    def report(self, offset: int, name: str, message: str, suggestion: str | None = None) -> None:
        """Note a problem at `offset` and go on, unless there are enough."""
        self.problems.append(problem_at(self.position(offset), name, message, self.pointer(), suggestion))
        if len(self.problems) >= MAX_PROBLEMS:
            raise ReadingStoppedError

    def stop(self, offset: int, name: str, message: str, suggestion: str | None = None) -> None:
        """Note a problem at `offset` and stop reading."""
        self.report(offset, name, message, suggestion)
        raise ReadingStoppedError

    def pointer(self) -> str:
        """Return the JSON pointer of what is being read."""
        keys: list[str | int] = []
        for frame, inner in zip_longest(self.frames, self.frames[1:]):
            if not frame.is_mapping:
                keys.append(len(frame.value) - (1 if inner else 0))
            elif not (inner.is_key if inner else frame.awaits_key):
                # what may not be in the text may not be in the answer either
                keys.append(_UNSPEAKABLE.sub("\ufffd", frame.key))
        return join_pointer("", *keys)

    def position(self, offset: int) -> Position:
        """Return line and column of `offset`."""
        if self._line_starts is None:
            self._line_starts = line_starts(self.text)
        return position_at(self._line_starts, offset)

    def _full(self, offset: int) -> None:
        self.stop(offset, "too-many-values", f"more than {self.limits.values:,} keys and values")

    def _put(self, value: Any, marks: Marks) -> None:
        if not self.frames:
            self.value, self.marks = value, marks
            return
        frame = self.frames[-1]
        if not frame.is_mapping:
            frame.value.append(value)
            frame.marks.items.append(marks)
            return
        if frame.is_kept:
            frame.value[frame.key] = value
            frame.marks.values[frame.key] = marks
        frame.awaits_key = frame.is_kept = True
