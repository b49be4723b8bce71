"""What the two readers build with: a tree of plain values and marks, made while the text streams by, under limits.

Both readers tell the same builder what they see, so a document means the same in YAML and in JSON, and breaks the same
rules: depth, number of values, size of a scalar, double keys, characters that nobody sees.
"""

import re
from dataclasses import dataclass
from typing import Any

from translator.language.document import ListMarks, MapMarks, Marks, join_pointer, line_starts, position_at
from translator.language.problems import MAX_PROBLEMS, Problem, problem_at

LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

# Control characters but tab, line feed and carriage return; bidirectional embeddings, overrides and isolates; the two
# characters that are none.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What is read at most: bytes, nesting, keys and values, and bytes of one scalar."""

    size: int = 1 << 20
    depth: int = 64
    values: int = 150_000
    scalar: int = 64 << 10


SPEC_LIMITS = ReadLimits()
BODY_LIMITS = ReadLimits(size=16 << 20, values=500_000, scalar=16 << 20)


class ReadingStoppedError(Exception):
    """Reading stopped: a limit is reached, or what follows has no meaning; the problems are with the builder."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is open: its value, its marks, and the key whose value comes next."""

    value: Any
    marks: ListMarks | MapMarks
    key: str | None = None
    is_kept: bool = True  # whether the value of `key` belongs to the mapping; that of a wrong key does not
    is_key: bool = False  # a mapping or list in the place of a key


class TreeBuilder:
    """Collects what a reader sees; `value` and `marks` are the document when `problems` stays empty."""

    def __init__(self, text: str, limits: ReadLimits) -> None:
        self.text = text
        self.limits = limits
        self.problems: list[Problem] = []
        self.value: Any = None
        self.marks: Marks = 0
        self.frames: list[_Frame] = []
        self._room = limits.values
        self._line_starts: list[int] | None = None

    @property
    def awaits_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        if not self.frames:
            return False
        frame = self.frames[-1]
        return frame.key is None and frame.is_kept and type(frame.marks) is MapMarks

    def open(self, value: "dict[str, Any] | list[Any]", marks: ListMarks | MapMarks) -> None:
        """Begin a mapping or list."""
        self._count(marks.start)
        if len(self.frames) >= self.limits.depth:
            self.stop(marks.start, "too-deep", f"nested deeper than {self.limits.depth} levels")
        is_key = self.awaits_key
        if is_key:
            self.report(marks.start, "key-not-text", "a key is a list or a mapping", "keys are plain names")
        else:
            self._put(value, marks)
        self.frames.append(_Frame(value, marks, is_key=is_key))

    def close(self) -> None:
        """End the innermost mapping or list."""
        frame = self.frames.pop()
        if not self.frames:
            return
        parent = self.frames[-1]
        if frame.is_key:
            parent.is_kept = False  # the value that follows has no name
        else:
            parent.key, parent.is_kept = None, True

    def scalar(self, value: Any, offset: int) -> None:
        """Take the value of a scalar that is no key."""
        self._count(offset)
        if type(value) is str:
            self.check_text(value, offset)
        self._put(value, offset)
        if self.frames:
            frame = self.frames[-1]
            frame.key, frame.is_kept = None, True

    def key(self, name: str, offset: int) -> None:
        """Take the key of the value that comes next; a key that is there already keeps its first value."""
        self._count(offset)
        frame = self.frames[-1]
        frame.key = name
        if name in frame.value:
            frame.is_kept = False
            first = self.position(frame.marks.keys[name])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
            self.report(offset, "duplicate-key", f"this key is there already, on line {first.line}", "keep one of them")
        else:
            self.check_text(name, offset)
            frame.marks.keys[name] = offset  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    def refuse_key(self, name: str, offset: int, problem: tuple[str, str, str]) -> None:
        """Report a key that may not be; `problem` is name, message and suggestion."""
        self._count(offset)
        frame = self.frames[-1]
        frame.key = name
        self.report(offset, *problem)
        frame.is_kept = False

    def check_text(self, text: str, offset: int) -> None:
        """Report characters and sizes that no text may have."""
        # most texts are far from the limit, whatever their encoding
        if len(text) * 4 > self.limits.scalar and len(text.encode("utf-8", "replace")) > self.limits.scalar:
            limit = f"{self.limits.scalar >> 10} KiB"
            self.report(offset, "scalar-too-long", f"one text has more than {limit}", "keep long texts in artifacts")
        if text.isascii() and text.isprintable():
            return
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
        for frame in self.frames:
            if type(frame.marks) is ListMarks:
                keys.append(max(len(frame.value) - (frame is not self.frames[-1]), 0))
            elif frame.key is not None:
                keys.append(frame.key)
        return join_pointer("", *keys)

    def position(self, offset: int) -> Any:
        """Return line and column of `offset`."""
        if self._line_starts is None:
            self._line_starts = line_starts(self.text)
        return position_at(self._line_starts, offset)

    def _count(self, offset: int) -> None:
        self._room -= 1
        if self._room < 0:
            self.stop(offset, "too-many-values", f"more than {self.limits.values:,} keys and values")

    def _put(self, value: Any, marks: Marks) -> None:
        if not self.frames:
            self.value, self.marks = value, marks
            return
        frame = self.frames[-1]
        if type(frame.marks) is ListMarks:
            frame.value.append(value)
            frame.marks.items.append(marks)
        elif frame.is_kept and frame.key is not None:
            frame.value[frame.key] = value
            frame.marks.values[frame.key] = marks  # pyright: ignore[reportAttributeAccessIssue]
