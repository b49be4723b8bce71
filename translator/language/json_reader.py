"""Reads JSON strictly: no double keys, NaN, infinities, half characters, hidden characters or bottomless nesting.

Python's own parser reads first, since it is fast; whatever it lets pass is looked for in what it gave. Only when there
is something to complain about, or somebody asks for a position, the text is read again by the positioned reader below.
"""

import json
import re
from math import isfinite
from typing import Any

from translator.language.document import Document, ListMarks, MapMarks, Marks, line_starts, position_at
from translator.language.problems import Problem, problem_at
from translator.language.tree_builder import (
    FORBIDDEN,
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    SURROGATE,
    ReadingStoppedError,
    ReadLimits,
    TreeBuilder,
)

# possessive, so that nothing is tried twice however long a string is
_TOKEN = re.compile(
    r"""
    [ \t\n\r]*+(?:
      (?P<string>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")
    | (?P<number>-?(?:0|[1-9][0-9]*+)(?P<fraction>(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)(?![0-9a-zA-Z.+-]))
    | (?P<word>-?[A-Za-z]++)
    | (?P<mark>[\[\]{}:,])
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\n\r]*+")
_MARK_OR_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"|([,:\[{\]}])', re.DOTALL)
_ESCAPE_TO_CHECK = re.compile(r"\\(?:[bf]|u(?:00[0189]|20[26]|007[fF]|[dD][89a-fA-F]|[fF]{3}[eEfF]))")
_CONSTANTS = {"true": True, "false": False, "null": None}
_NON_FINITE = frozenset(("NaN", "Infinity", "-Infinity"))
_LONGEST_INTEGER = 20  # digits and sign of 64 bits


def read_json_text(text: str, limits: ReadLimits) -> Document | list[Problem]:
    """Read JSON; return the document, or what is wrong with the text, in its order."""
    overflow = _overflow(text, limits)
    if overflow is not None:
        message = f"more than {limits.values:,} keys and values"
        return [problem_at(position_at(line_starts(text), overflow), "too-many-values", message)]
    if text.strip(" \t\n\r"):
        try:
            value = json.loads(text, object_pairs_hook=_distinct)
        except (ValueError, RecursionError):
            pass  # the positioned reader says what and where
        else:
            if _is_clean(value, limits, has_escapes=_ESCAPE_TO_CHECK.search(text) is not None):
                return Document(value, text, lambda: _read_marks(text, limits))
    reader = _JsonReader(text, limits)
    reader.run()
    builder = reader.builder
    return builder.problems or Document(builder.value, text, builder.marks)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError
    return mapping


def _overflow(text: str, limits: ReadLimits) -> int | None:
    """Return where there are surely too many keys and values, without reading them into memory; None where not.

    Marks announce values: there is one value more than marks, and an empty bracket counts twice. A text that gets too
    deep first is left to the positioned reader, which stops there.
    """
    if sum(map(text.count, ",:[{")) < limits.values:
        return None
    count = depth = 0
    for piece in _MARK_OR_STRING.finditer(text):
        mark = piece[1]
        if mark is None:
            continue
        depth += (mark in "[{") - (mark in "]}")
        count += mark not in "]}"
        if depth > limits.depth:
            return None
        if count >= limits.values:
            return piece.start()
    return None


def _is_clean(value: Any, limits: ReadLimits, *, has_escapes: bool) -> bool:
    """Tell whether what Python's parser let pass is within the rules, level by level so that no depth matters."""
    level, depth = [[value]], -1
    while level:
        depth += 1
        if depth > limits.depth:
            return False
        inner: list[Any] = []
        for container in level:
            if type(container) is dict:
                if not all(_is_text_clean(key, limits, has_escapes=has_escapes) for key in container):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
                    return False
                container = container.values()  # noqa: PLW2901  # pyright: ignore[reportUnknownVariableType]
            if not _are_clean(container, inner, limits, has_escapes=has_escapes):
                return False
        level = inner
    return True


def _are_clean(values: Any, inner: list[Any], limits: ReadLimits, *, has_escapes: bool) -> bool:
    """Check scalars; mappings and lists that are not empty, or too deep to tell, are handed to `inner`."""
    for value in values:
        kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
        if kind is str:
            if not _is_text_clean(value, limits, has_escapes=has_escapes):
                return False
        elif kind is int:
            if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
                return False
        elif kind is float:
            if not isfinite(value):
                return False
        elif kind is dict or kind is list:
            inner.append(value)
    return True


def _is_text_clean(text: str, limits: ReadLimits, *, has_escapes: bool) -> bool:
    if len(text) * 4 > limits.scalar and len(text.encode("utf-8", "replace")) > limits.scalar:
        return False
    return not has_escapes or not (FORBIDDEN.search(text) or SURROGATE.search(text))


def _read_marks(text: str, limits: ReadLimits) -> Marks:
    reader = _JsonReader(text, limits)
    reader.run()
    return reader.builder.marks


class _JsonReader:
    """Reads one text token by token into a builder, without recursion."""

    def __init__(self, text: str, limits: ReadLimits) -> None:
        self.text = text
        self.builder = TreeBuilder(text, limits)
        self.at = 0

    def run(self) -> None:
        """Read until the end, a limit, or a place that is no JSON."""
        start = self._skip()
        if start == len(self.text):
            message = "there is nothing to read"
            self.builder.problems.append(problem_at(self.builder.position(0), "empty-document", message))
            return
        try:
            self._document()
        except ReadingStoppedError:
            return

    def _document(self) -> None:
        self._value()
        while self.builder.frames:
            is_mapping = self.builder.frames[-1].is_mapping
            if self._take(","):
                if is_mapping:
                    self._member_key()
                self._value()
            elif self._take("}" if is_mapping else "]"):
                self.builder.close()
            else:
                self._fail("expected a comma or the closing bracket")
        if self._skip() < len(self.text):
            self._fail("expected nothing after the end of the value")

    def _value(self) -> None:
        """Read a scalar; or opening brackets inwards, up to the first scalar or empty pair of brackets."""
        while self._opens():
            pass

    def _opens(self) -> bool:
        """Read a scalar or an opening bracket; tell whether a value must follow inside the bracket."""
        offset = self._skip()
        token = _TOKEN.match(self.text, offset)
        mark = token["mark"] if token else ""
        if token is None or (mark is not None and mark not in "{["):
            self._fail("expected a value")
            return False
        self.at = token.end()
        if mark is None:
            self._scalar(token, offset)
            return False
        is_mapping = mark == "{"
        self.builder.open({} if is_mapping else [], MapMarks(offset) if is_mapping else ListMarks(offset))
        if self._take("}" if is_mapping else "]"):
            self.builder.close()
            return False
        if is_mapping:
            self._member_key()
        return True

    def _member_key(self) -> None:
        offset = self._skip()
        token = _TOKEN.match(self.text, offset)
        if token is None or token["string"] is None:
            self._fail("expected a key in double quotes")
            return
        self.at = token.end()
        self.builder.key(_unquoted(token["string"]), offset)
        if not self._take(":"):
            self._fail("expected a colon after the key")

    def _scalar(self, token: re.Match[str], offset: int) -> None:
        if token["string"] is not None:
            self.builder.scalar(_unquoted(token["string"]), offset)
        elif token["number"] is not None:
            self.builder.scalar(self._number(token, offset), offset)
        elif token["word"] in _NON_FINITE:
            self.builder.report(offset, "non-finite-number", "not a finite number", "JSON has no such number")
            self.builder.scalar(0.0, offset)
        elif token["word"] in _CONSTANTS:
            self.builder.scalar(_CONSTANTS[token["word"]], offset)
        else:
            self.at = offset
            self._fail("expected a value")

    def _number(self, token: re.Match[str], offset: int) -> int | float:
        text: str = token["number"]
        if token["fraction"]:
            value = float(text)
            if not isfinite(value):
                self.builder.report(offset, "non-finite-number", "a number that becomes infinite", "use a smaller one")
            return value
        integer = int(text) if len(text) <= _LONGEST_INTEGER else LARGEST_INTEGER + 1
        if not SMALLEST_INTEGER <= integer <= LARGEST_INTEGER:
            self.builder.report(offset, "number-out-of-range", "an integer beyond 64 bits", "put it in quotes")
        return integer

    def _skip(self) -> int:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.at

    def _take(self, mark: str) -> bool:
        """Go past `mark` if it comes next."""
        is_next = self.text.startswith(mark, self._skip())
        self.at += is_next
        return is_next

    def _fail(self, message: str) -> None:
        hint = None
        if self.text.startswith('"', self.at):
            message = "a text that is not closed, or has a raw line break or an escape that JSON does not know"
        elif self.text.startswith(("'", "#", "//"), self.at):
            hint = "JSON has double quotes and no comments; send YAML with Content-Type: application/yaml"
        elif self.text.startswith(("}", "]"), self.at):
            hint = "remove the comma before the closing bracket"
        self.builder.stop(self.at, "syntax-error", f"this is no JSON: {message}", hint)


def _unquoted(token: str) -> str:
    return json.loads(token) if "\\" in token else token[1:-1]
