"""The door of the language: bytes, encodings, hidden characters; and laws that hold for every text."""

import gc
import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.language.digest import spec_digest
from translator.language.document import Document
from translator.language.reading import read, read_json
from translator.language.tree_builder import ReadLimits


@pytest.mark.parametrize("media", ["yaml", "json"])
@pytest.mark.parametrize(
    "data", ["{}".encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")]
)
def test_other_encodings_are_not_guessed(data: bytes, media: Literal["yaml", "json"]) -> None:
    found = read(data, media)
    assert isinstance(found, list)
    assert found[0].name == "bad-encoding"
    assert "UTF-8" in str(found[0].suggestion)


def test_a_byte_that_is_not_utf8_is_shown_where_it_is() -> None:
    found = read("a: é\nb: ".encode() + b"\xff", "yaml")
    assert isinstance(found, list)
    assert (found[0].name, found[0].line, found[0].column) == ("bad-encoding", 2, 4)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x7f", "\x85", "\u202e", "\u2066", "\ufffe"])
@pytest.mark.parametrize("media", ["yaml", "json"])
def test_hidden_characters_are_refused_even_in_comments(character: str, media: Literal["yaml", "json"]) -> None:
    text = f"# x{character}\na: 1\n" if media == "yaml" else f'{{"a":\n"x{character}"}}'
    found = read(text.encode(), media)
    assert isinstance(found, list)
    assert found[0].name == "control-character"
    assert found[0].line == (1 if media == "yaml" else 2)


def test_the_size_is_looked_at_first() -> None:
    found = read(b"\xff" * 11, "yaml", limits=ReadLimits(size=10))
    assert isinstance(found, list)
    assert [problem.name for problem in found] == ["body-too-large"]


def test_request_bodies_have_more_room() -> None:
    body = json.dumps({"text": "x" * 2_000_000, "numbers": list(range(100_000))}).encode()
    assert isinstance(read_json(body), Document)
    assert isinstance(read(body, "json"), list)


yaml_like = st.text(alphabet="ab:-?[]{},&*!|>'\"%@# \n\t\r01.~<\\é😀\u2028\u00a0", max_size=60)


@settings(max_examples=300)
@given(yaml_like | st.text(max_size=40), st.sampled_from(["yaml", "json"]))
def test_every_text_is_answered_with_places_inside_it(text: str, media: Literal["yaml", "json"]) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogatepass")
        text = ""
    found = read(data, media)
    if isinstance(found, Document):
        json.dumps(found.value, allow_nan=False)
        return
    assert found
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in found:
        assert problem.code
        assert problem.line is not None
        assert problem.column is not None
        if text:
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


@given(st.binary(max_size=60), st.sampled_from(["yaml", "json"]))
def test_any_bytes_are_answered(data: bytes, media: Literal["yaml", "json"]) -> None:
    found = read(data, media)
    assert isinstance(found, Document) or found


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Zl", "Zp", "Co"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def dressed(value: Any, indent: int = 0) -> str:
    """Write a value as YAML in block style; PyYAML's own writer leaves texts such as 1e5 without quotes."""
    margin = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{margin}{quoted(key)}:{dressed(item, indent + 2)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{margin}-{dressed(item, indent + 2)}" for item in value)
    return " " + (quoted(value) if isinstance(value, str) else json.dumps(value))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_yaml_and_json_dress_give_the_same_digest(value: dict[str, Any]) -> None:
    as_json = read(json.dumps(value).encode(), "json")
    as_yaml = read(("# a comment" + dressed(value) + "\n").encode(), "yaml")
    assert isinstance(as_json, Document)
    assert isinstance(as_yaml, Document), dressed(value)
    assert as_json.value == as_yaml.value == value
    assert spec_digest(as_json.value) == spec_digest(as_yaml.value)


@pytest.mark.parametrize("is_on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(is_on: bool) -> None:  # noqa: FBT001
    was_on = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        read(b"a: [1", "yaml")
        read_json(b"{}")
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()
