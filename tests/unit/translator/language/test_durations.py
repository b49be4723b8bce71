"""Durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.language.durations import is_duration, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("3d", 259_200),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1m500ms", 60.5),
        ("0s", 0),
    ],
)
def test_durations_have_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected
    assert is_duration(text)


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "1s1m", "1s1s", "-5s", "1.5h", "٣s", "9" * 5000 + "s"])
def test_what_is_no_duration_is_told(text: str) -> None:
    assert not is_duration(text)
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
def test_parts_add_up(days: int, hours: int, minutes: int, rest: int) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    assert seconds(f"{days}d{hours}h{minutes}m{rest}s") == total
