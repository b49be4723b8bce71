import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec_service.cli.printable import lasting, one_line, printable, shown, sized

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_no_value_can_move_the_cursor(value):
    for line in shown(value):
        assert not [one for one in line if one == "\x1b" or (ord(one) < 32 and one != "\t") or 127 <= ord(one) < 160]


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_line_of_at_most_so_many_characters(text, most):
    line = one_line(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1


def test_line_breaks_and_tabs_stay():
    assert printable("a\tb\r\nc\x07") == "a\tb\nc\ufffd"


def test_values_are_shown_as_people_write_them():
    value = {"headline": "two words", "files": ["a", {"path": "b", "score": 0.5}], "text": "l1\nl2", "none": None}
    assert shown(value) == [
        "headline: two words",
        "files:",
        "  - a",
        "  - path: b",
        "    score: 0.5",
        "text:",
        "  l1",
        "  l2",
        "none: null",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.004, "4 ms"), (0.84, "0.8 s"), (12.4, "12 s"), (60, "1 min"), (200, "3 min 20 s"), (3840, "1 h 4 min")],
)
def test_durations(seconds, text):
    assert lasting(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 kB"), (5 << 30, "5.0 GB")])
def test_sizes(count, text):
    assert sized(count) == text
