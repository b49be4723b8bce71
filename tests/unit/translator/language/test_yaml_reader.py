"""YAML: the core schema of 1.2, and what is refused."""

from typing import Any

import pytest

from translator.language.document import Document
from translator.language.problems import Problem
from translator.language.reading import read
from translator.language.tree_builder import ReadLimits


def value_of(text: str) -> Any:
    document = read(text.encode(), "yaml")
    assert isinstance(document, Document), document
    return document.value


def problems_of(text: str, **limits: int) -> list[Problem]:
    found = read(text.encode(), "yaml", limits=ReadLimits(**limits))
    assert isinstance(found, list), found.value
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("yes", "yes"), ("1_000", "1_000"), ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"), ("=", "="), ("0x1F", 31), ("0o17", 15), ("010", 10), ("+5", 5), ("-0", 0),
        ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("-1.5E-3", -0.0015), ("true", True), ("FALSE", False),
        ("null", None), ("~", None), ("", None), ("'1'", "1"), ('"true"', "true"), ("nan", "nan"),
        ("1.2.3", "1.2.3"), ("-", None), ("9223372036854775807", 9223372036854775807),
    ],
)  # fmt: skip
def test_scalars_are_read_as_yaml_1_2_says(text: str, value: Any) -> None:
    found = value_of(f"a: {text}\n") if text != "-" else {"a": value_of("a:\n- \n")["a"][0]}
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "name", "line", "column", "path"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1, "/a"),
        ("a: {b: 1, 'b': 2}", "duplicate-key", 1, 11, "/a/b"),
        ("1: a", "key-not-text", 1, 1, "/1"),
        ("x: {null: a}", "key-not-text", 1, 5, "/x/null"),
        ("x: {true: a}", "key-not-text", 1, 5, "/x/true"),
        (".inf: a", "key-not-text", 1, 1, "/.inf"),
        ("x:\n  ? [a, b]\n  : c", "key-not-text", 2, 5, "/x"),
        ("{a: 1}: c", "key-not-text", 1, 1, ""),
        ("a: !!str 1", "tag-not-allowed", 1, 4, "/a"),
        ("!!map {a: 1}", "tag-not-allowed", 1, 1, ""),
        ("!x a: 1", "tag-not-allowed", 1, 1, ""),
        ("%TAG ! tag:x,2000:\n---\na: 1", "tag-not-allowed", 1, 1, ""),
        ("a: &x 1", "alias-not-allowed", 1, 4, "/a"),
        ("a: [*x]", "alias-not-allowed", 1, 5, "/a/0"),
        ("<<: {a: 1}", "merge-key-not-allowed", 1, 1, "/<<"),
        ("a: 1\n---\nb: 2", "multiple-documents", 2, 1, ""),
        ("---\n", "empty-document", 1, 1, ""),
        ("\n\n", "empty-document", 1, 1, ""),
        ("a: [9223372036854775808]", "number-out-of-range", 1, 5, "/a/0"),
        ("a: 0xFFFFFFFFFFFFFFFFFFFFFFFFF", "number-out-of-range", 1, 4, "/a"),
        ("a: 1e999", "non-finite-number", 1, 4, "/a"),
        ("a: -.INF", "non-finite-number", 1, 4, "/a"),
        ('a: "x\\0"', "control-character", 1, 4, "/a"),
        ('"\\u202e": 1', "control-character", 1, 1, "/\ufffd"),
        ("a: [1", "syntax-error", 1, 6, "/a/1"),
        ("a: b: c", "syntax-error", 1, 5, ""),
        ("a:\n\t- b", "syntax-error", 2, 1, "/a"),
        ('a: "\\ud800"', "bad-encoding", 1, 7, "/a"),
        ("a: @x", "syntax-error", 1, 4, "/a"),
    ],
)
def test_what_is_refused_is_shown_at_its_place(text: str, name: str, line: int, column: int, path: str) -> None:
    first = problems_of(text)[0]
    assert (first.name, first.line, first.column, first.path) == (name, line, column, path)


def test_keys_that_look_special_are_fine_in_quotes() -> None:
    assert value_of("'<<': 1\n'1': 2\n\"null\": 3\n") == {"<<": 1, "1": 2, "null": 3}


def test_reading_goes_on_after_a_mistake_that_leaves_the_structure_clear() -> None:
    found = problems_of("a: !x 1\nb: &y 2\nc: *y\n1: 3\nd: {e: 1, e: 2}\nf: .nan\n")
    assert [problem.name for problem in found] == [
        "tag-not-allowed",
        "alias-not-allowed",
        "alias-not-allowed",
        "key-not-text",
        "duplicate-key",
        "non-finite-number",
    ]
    assert "line 5" in found[4].message


def test_limits_stop_the_reader() -> None:
    assert problems_of("[[[[1]]]]", depth=3)[0].name == "too-deep"
    assert problems_of("[a, b, c, d]", values=3)[0].name == "too-many-values"
    assert problems_of("a: " + "é" * 40, scalar=64)[0].name == "scalar-too-long"
    assert isinstance(read(b"[[[1]]]", "yaml", limits=ReadLimits(depth=3, values=4)), Document)


def test_no_more_than_fifty_problems_are_listed() -> None:
    assert len(problems_of("a: 1\n" * 200)) == 50


def test_a_value_is_never_repeated() -> None:
    for text in ("a: !sk-live-1 sk-live-2", "sk-live-1: *sk-live-2", "a: 'sk-live-1", "a: [sk-live-1", "a: @sk-live-1"):
        said = "".join(f"{problem.message}{problem.suggestion}" for problem in problems_of(text))
        assert "sk-live" not in said
