"""JSON: strict, and the same answer from the fast and from the positioned reader."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from translator.language.document import Document, Position
from translator.language.json_reader import _JsonReader, read_json_text
from translator.language.problems import Problem
from translator.language.reading import read, read_json
from translator.language.tree_builder import BODY_LIMITS, FORBIDDEN, SURROGATE, ReadLimits


def problems_of(text: str, **limits: int) -> list[Problem]:
    found = read(text.encode(), "json", limits=ReadLimits(**limits))
    assert isinstance(found, list), found.value
    return found


@pytest.mark.parametrize(
    ("text", "name", "column", "path"),
    [
        ('{"a": 1, "a": 2}', "duplicate-key", 10, "/a"),
        ('{"a": NaN}', "non-finite-number", 7, "/a"),
        ('{"a": [-Infinity]}', "non-finite-number", 8, "/a/0"),
        ('{"a": 1e999}', "non-finite-number", 7, "/a"),
        ('{"a": 9223372036854775808}', "number-out-of-range", 7, "/a"),
        ('{"a": "\\ud800"}', "bad-encoding", 7, "/a"),
        ('{"\\udc00": 1}', "bad-encoding", 2, "/\ufffd"),
        ('{"a": "\\u0000"}', "control-character", 7, "/a"),
        ('{"a": "\\b"}', "control-character", 7, "/a"),
        ('{"a": "\\u202E"}', "control-character", 7, "/a"),
        ('{"a": 1,}', "syntax-error", 9, ""),
        ("[1,]", "syntax-error", 4, "/1"),
        ("{'a': 1}", "syntax-error", 2, ""),
        ('{"a" 1}', "syntax-error", 6, "/a"),
        ('{"a": 01}', "syntax-error", 7, "/a"),
        ('{"a": .5}', "syntax-error", 7, "/a"),
        ('{"a": 1.}', "syntax-error", 7, "/a"),
        ('{"a": nul}', "syntax-error", 7, "/a"),
        ('{"a": "x\ny"}', "syntax-error", 7, "/a"),
        ('{"a": "\\x41"}', "syntax-error", 7, "/a"),
        ("[1 2]", "syntax-error", 4, "/1"),
        ("{} {}", "syntax-error", 4, ""),
        ("[1}", "syntax-error", 3, "/1"),
        ("]", "syntax-error", 1, ""),
        ("// x\n1", "syntax-error", 1, ""),
        (" ", "empty-document", 1, ""),
    ],
)
def test_what_is_refused_is_shown_at_its_place(text: str, name: str, column: int, path: str) -> None:
    first = problems_of(text)[0]
    assert (first.name, first.line, first.column, first.path) == (name, 1, column, path)


def test_limits_hold_in_json_too() -> None:
    assert problems_of("[[[1]]]", depth=2)[0].name == "too-deep"
    assert problems_of('{"a": [[1]]}', depth=2)[0].path == "/a/0"
    assert problems_of("[1, 2, 3]", values=3)[0].name == "too-many-values"
    assert problems_of('["aaaa"]', scalar=3)[0].name == "scalar-too-long"
    assert problems_of("[" * 100_000)[0].name == "too-deep"
    assert isinstance(read(b"[[1, 2]]", "json", limits=ReadLimits(depth=2, values=4)), Document)


def test_positions_are_found_when_they_are_asked_for() -> None:
    document = read_json(b'{"a": [1,\n {"b": "x"}]}')
    assert isinstance(document, Document)
    assert document.key_position("/a/1/b") == Position(2, 3)
    assert document.value_position("/a/1/b") == Position(2, 8)


def test_escaped_escapes_are_no_escapes() -> None:
    document = read_json(b'{"a": "\\\\u0000 \\ud83d\\ude00 \\\\ud800"}')
    assert isinstance(document, Document)
    assert document.value == {"a": "\\u0000 😀 \\ud800"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


def slowly(text: str) -> Any:
    reader = _JsonReader(text, BODY_LIMITS)
    reader.run()
    return reader.builder.problems or reader.builder.value


@given(json_values, st.booleans())
def test_both_readers_give_the_same_answer(value: Any, is_escaped: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=is_escaped)
    assume(not FORBIDDEN.search(text) and not SURROGATE.search(text))  # such never gets past the door
    found = read_json_text(text, BODY_LIMITS)
    assert slowly(text) == (found.value if isinstance(found, Document) else found)


@given(st.text(alphabet='[]{}:,"\\ 0123eE+-.ntrue\nNa', max_size=30))
def test_any_text_is_answered_alike_by_both_readers(text: str) -> None:
    found = read_json_text(text, BODY_LIMITS)
    if isinstance(found, Document):
        assert slowly(text) == found.value
        assert json.loads(text) == found.value
    else:
        assert slowly(text) == found


@given(json_values)
def test_whatever_is_accepted_can_be_written_again(value: Any) -> None:
    found = read_json(json.dumps(value).encode())
    if isinstance(found, Document):
        assert json.loads(json.dumps(found.value, allow_nan=False).encode()) == found.value
