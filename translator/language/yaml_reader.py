"""Reads YAML from PyYAML's event stream: the core schema of YAML 1.2, text keys only, positions of everything.

Not PyYAML's loaders: the C one dies on 60 kB of nested lists, both take the key `on` for a boolean, the last of two
equal keys, and tags that construct objects. Events are taken one by one, so a limit stops the parser itself.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml import events
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from translator.language.document import Document, ListMarks, MapMarks
from translator.language.problems import Problem
from translator.language.tree_builder import (
    LARGEST_INTEGER,
    SMALLEST_INTEGER,
    ReadingStoppedError,
    ReadLimits,
    TreeBuilder,
)

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("-+.0123456789")
_LONGEST_INTEGER = 70  # digits, more than 64 bits need in base 8; int() refuses 4,300 digits, and is slow before that
_INDENT = re.compile(r"[ \t]*")


def read_yaml(text: str, limits: ReadLimits) -> Document | list[Problem]:
    """Read one YAML document; return it, or what is wrong with the text, in its order."""
    reader = _YamlReader(text, limits)
    reader.run()
    builder = reader.builder
    return builder.problems or Document(builder.value, text, builder.marks)


def _events(text: str) -> "Iterator[Any]":
    # the parser in C is ten times as fast; where PyYAML was built without it, the other one gives the same events
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        yield from iter(loader.get_event, None)
    finally:
        loader.dispose()


class _YamlReader:
    """Hands the events of one text to a builder."""

    def __init__(self, text: str, limits: ReadLimits) -> None:
        self.text = text
        self.builder = TreeBuilder(text, limits)
        self._documents = 0

    def run(self) -> None:
        """Read until the end, a limit, or a place that is no YAML."""
        try:
            for event in _events(self.text):
                self._take(event)
        except ReadingStoppedError:
            return
        except MarkedYAMLError as error:
            self._syntax(error)
            return
        except ReaderError as error:
            self._note(int(error.position), "control-character", "a character that YAML does not take")
            return
        if not self._documents or self._is_blank():
            self._note(0, "empty-document", "there is nothing to read", "start with apiVersion: specloom/v1")

    def _take(self, event: Any) -> None:
        kind: Any = type(event)  # pyright: ignore[reportUnknownVariableType]
        if kind is events.ScalarEvent:
            self._scalar(event)
        elif kind is events.MappingStartEvent:
            offset = self._plain_start(event)
            self.builder.open({}, MapMarks(offset))
        elif kind is events.SequenceStartEvent:
            offset = self._plain_start(event)
            self.builder.open([], ListMarks(offset))
        elif kind is events.MappingEndEvent or kind is events.SequenceEndEvent:
            self.builder.close()
        elif kind is events.AliasEvent:
            self._alias(event)
        elif kind is events.DocumentStartEvent:
            self._document(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        offset = event.start_mark.index
        if self._documents > 1:
            self.builder.stop(
                offset, "multiple-documents", "a second document starts here", "send one document at a time"
            )
        if event.tags:
            self.builder.report(offset, "tag-not-allowed", "a %TAG directive", "remove the directive")

    def _plain_start(self, event: Any) -> int:
        """Return where a value starts, having reported its anchor and tag."""
        offset: int = event.start_mark.index
        if event.anchor is not None:
            self.builder.report(offset, "alias-not-allowed", "an anchor", "write the value out where it is used")
        if event.tag is not None:
            self.builder.report(offset, "tag-not-allowed", "a YAML tag", "remove the tag; quotes make a text")
        return offset

    def _alias(self, event: Any) -> None:
        offset = event.start_mark.index
        self.builder.report(offset, "alias-not-allowed", "an alias", "write the value out where it is used")
        if self.builder.awaits_key:
            self.builder.refuse_key("*", offset, ("key-not-text", "a key is an alias", "keys are plain names"))
        else:
            self.builder.scalar(None, offset)

    def _scalar(self, event: Any) -> None:
        builder, text = self.builder, event.value
        offset = event.start_mark.index
        frames = builder.frames
        if frames and frames[-1].awaits_key:
            self._key(event, text, offset)
            return
        if event.anchor is not None or event.tag is not None:
            self._plain_start(event)
        value = text
        if not event.style and (text in _WORDS or text[0] in _NUMBER_STARTS):
            value = _WORDS[text] if text in _WORDS else self._number(text, offset)
        builder.scalar(value, offset)

    def _key(self, event: Any, text: str, offset: int) -> None:
        if event.anchor is not None or event.tag is not None:
            self._plain_start(event)
        if event.style:
            self.builder.key(text, offset)
        elif text == "<<":
            problem = ("merge-key-not-allowed", "a merge key", "write the keys out")
            self.builder.refuse_key(text, offset, problem)
        elif text in _WORDS or (text[0] in _NUMBER_STARTS and _is_number(text)):
            what = "a number" if text not in _WORDS else "null" if _WORDS[text] is None else "a boolean"
            problem = ("key-not-text", f"this key is read as {what}", "put the key in quotes")
            self.builder.refuse_key(text, offset, problem)
        else:
            self.builder.key(text, offset)

    def _number(self, text: str, offset: int) -> Any:
        """Return the number that a plain scalar is, or the text itself if it is none."""
        if _INTEGER.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            value = int(text, base) if len(text) <= _LONGEST_INTEGER else None
            if value is None or not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
                self.builder.report(offset, "number-out-of-range", "an integer beyond 64 bits", "put it in quotes")
                return 0
            return value
        if _NON_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and float(text) in (float("inf"), float("-inf"))):
            self.builder.report(offset, "non-finite-number", "not a finite number", "JSON has no such number")
            return 0.0
        return float(text) if _FLOAT.fullmatch(text) else text

    def _is_blank(self) -> bool:
        """Tell whether the document is a mere `---`: nothing is written where its value starts."""
        value, offset = self.builder.value, self.builder.marks
        return value is None and isinstance(offset, int) and not re.match(r"~|null|Null|NULL", self.text[offset:])

    def _syntax(self, error: MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        offset = min(mark.index, len(self.text)) if mark else 0
        tab = self._tab_in_indent(offset)
        problem = error.problem or ""
        if tab is not None:
            self._note(tab, "syntax-error", "a tab as indentation, which YAML forbids", "indent with spaces")
        elif "Unicode character escape" in problem:
            self._note(offset, "bad-encoding", "an escape that is no character", "write the character in UTF-8")
        else:
            # what libyaml says is one of its own fixed sentences; the parser in Python quotes characters of the text
            said = problem if problem.isascii() and "'\\" not in problem and "%" not in problem else "unexpected text"
            self._note(offset, "syntax-error", f"this is no YAML: {said}", _hint(problem))

    def _tab_in_indent(self, offset: int) -> int | None:
        """Return where a tab stands in the indentation of the line of `offset`, if one does."""
        start = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        indent = _INDENT.match(self.text, start)
        tab = self.text.find("\t", start, indent.end() if indent else start)
        return tab if tab >= 0 else None

    def _note(self, offset: int, name: str, message: str, suggestion: str | None = None) -> None:
        try:
            self.builder.report(offset, name, message, suggestion)
        except ReadingStoppedError:
            return


def _is_number(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in (_INTEGER, _FLOAT, _NON_FINITE))


def _hint(problem: str) -> str | None:
    if "expected ',' or '}'" in problem or "expected ',' or ']'" in problem:
        return "close the bracket, or put a comma between the entries"
    if "mapping values are not allowed" in problem or "expected ':'" in problem:
        return "put texts that hold a colon in quotes"
    if "expected key" in problem or "expected <block end>" in problem or "expected '-' indicator" in problem:
        return "indent the entries of one mapping or list alike"
    return None
