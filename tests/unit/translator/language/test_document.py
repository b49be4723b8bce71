"""Documents: positions of keys, values and places inside texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.language.document import Document, Position, join_pointer, line_starts, split_pointer
from translator.language.reading import read

TEXT = "a: 1\nlist:\n  - x\n  - {b/c: 'y', d~e: [1, 2]}\n"


def document_of(text: str) -> Document:
    document = read(text.encode(), "yaml")
    assert isinstance(document, Document), document
    return document


@pytest.mark.parametrize(
    ("pointer", "key", "value"),
    [
        ("", (1, 1), (1, 1)),
        ("/a", (1, 1), (1, 4)),
        ("/list", (2, 1), (3, 3)),
        ("/list/0", (3, 5), (3, 5)),
        ("/list/1/b~1c", (4, 6), (4, 11)),
        ("/list/1/d~0e/1", (4, 25), (4, 25)),
    ],
)
def test_keys_and_values_have_positions(pointer: str, key: tuple[int, int], value: tuple[int, int]) -> None:
    document = document_of(TEXT)
    assert document.key_position(pointer) == Position(*key)
    assert document.value_position(pointer) == Position(*value)


def test_what_lacks_something_is_shown_at_its_key_and_the_root_at_the_start() -> None:
    document = document_of("# a comment\n" + TEXT)
    assert document.place("/list") == Position(3, 1)
    assert document.place("") == Position(1, 1)


def test_a_pointer_to_nothing_is_shown_at_the_nearest_place_above() -> None:
    document = document_of(TEXT)
    assert document.value_position("/list/7/x") == document.value_position("/list")
    assert document.key_position("/list/1/zzz") == document.key_position("/list/1")
    assert document.value_position("/a/b/c") == document.value_position("/a")
    assert document.at("/a/b/c") is None
    assert document.at("/list/1/d~0e/1") == 2


def test_a_document_without_text_shows_everything_at_its_start() -> None:
    document = Document.from_value({"a": {"b": "text"}})
    assert document.value_position("/a/b") == Position(1, 1)
    assert document.position_in("/a/b", 2) == Position(1, 1)
    assert document.at("/a/b") == "text"


def test_columns_count_code_points_and_any_line_break_ends_a_line() -> None:
    document = document_of("a: {x: Zürich 😀, y: 2}\r\nb: 3\r\n")
    assert document.key_position("/a/y") == Position(1, 18)
    assert document.key_position("/b") == Position(2, 1)
    assert line_starts("a\rb\r\nc\nd") == [0, 2, 5, 7]


@given(st.lists(st.text()))
def test_pointers_are_split_as_they_were_joined(keys: list[str]) -> None:
    assert split_pointer(join_pointer("", *keys)) == keys


SCALARS = r"""plain: plain ${ x } text
double: "dq \u00e9 \n tab\t ${ x } \"q\" \U0001F600 ${ y }"
single: 'sq it''s ${ x }'
literal: |
  line one
    more ${ x }

  last ${ y }
folded: >-
  folded line
  goes on ${ x }

  para two
    more indented ${ y }
  end ${ z }
many: plain multi
  line goes ${ x }

  and para ${ y }
joined: "double
  folded ${ x }\
  joined ${ y }

  para ${ z }"
explicit: |2
    lead ${ x }
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_places_inside_texts_are_exact_in_every_style(newline: str) -> None:
    document = document_of(SCALARS.replace("\n", newline))
    lines = SCALARS.split("\n")
    checked = 0
    for key, value in document.value.items():
        for offset, character in enumerate(value):
            position = document.position_in(f"/{key}", offset)
            if character in "xyz":  # occurs literally in every style
                assert lines[position.line - 1][position.column - 1] == character, (key, offset)
                checked += 1
    assert checked > 15


def test_an_escape_is_shown_where_it_begins_and_a_fold_where_the_line_ends() -> None:
    document = document_of('a: "\\u00e9b"\nb: x\n  y\n')
    assert document.position_in("/a", 0) == Position(1, 5)
    assert document.position_in("/a", 1) == Position(1, 11)
    assert document.position_in("/b", 1) == Position(2, 5)
    assert document.position_in("/b", 2) == Position(3, 3)


def test_places_inside_texts_of_json_go_through_surrogate_pairs() -> None:
    document = read(b'{"a": "\\ud83d\\ude00 \\" x"}', "json")
    assert isinstance(document, Document)
    assert document.value == {"a": '😀 " x'}
    assert document.position_in("/a", 4) == Position(1, 24)


def test_an_offset_beyond_the_end_is_shown_at_the_last_place() -> None:
    document = document_of("a: text\nb: ''\n")
    assert document.position_in("/a", 99) == Position(1, 7)
    assert document.position_in("/a", -5) == Position(1, 4)
    assert document.position_in("/b", 3) == Position(2, 4)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=30))
def test_every_code_point_of_a_quoted_text_is_found(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    document = document_of(f"a: {quoted}\n")
    if document.value["a"] != text:
        return  # white space that YAML folds
    for offset, character in enumerate(text):
        column = document.position_in("/a", offset).column
        assert f"a: {quoted}"[column - 1] == character
