"""Versions, ranges and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.language.versions import (
    BadReferenceError,
    Version,
    VersionRange,
    best,
    parse_ref,
    parse_workflow_ref,
)

VERSIONS = ["0.0.3", "0.2.5", "1.2.3-rc.1", "1.2.3", "1.4.9", "1.10.0", "2.0.0", "3.0.0-a"]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("^1", "1.10.0"),
        ("^1.2.3", "1.10.0"),
        ("^0.2.3", "0.2.5"),
        ("^0.0.3", "0.0.3"),
        ("^0", "0.2.5"),
        ("~1.4", "1.4.9"),
        ("~1", "1.10.0"),
        ("1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1", "1.10.0"),
        ("1.4", "1.4.9"),
        ("*", "2.0.0"),
        ("^9", None),
    ],
)
def test_a_range_chooses_the_newest_that_fits(text: str, chosen: str | None) -> None:
    wanted = VersionRange.parse(text)
    assert wanted is not None
    assert best(wanted, VERSIONS) == chosen


@pytest.mark.parametrize("text", ["", "latest", "01", "1.2.3.4", ">=1", "^", "~1.4-rc", "1." + "9" * 5000])
def test_what_is_no_range_is_told(text: str) -> None:
    assert VersionRange.parse(text) is None


def test_versions_are_ordered_as_semver_says() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0"]
    parsed = [Version.parse(text) for text in order]
    assert sorted([version for version in parsed[::-1] if version]) == parsed
    assert Version.parse("1.0") is None
    assert str(Version.parse("1.2.3-rc.1+build")) == "1.2.3-rc.1"


def test_references_are_split() -> None:
    ref = parse_ref("market.eu.Publish@^1")
    assert (ref.name, ref.group, ref.range.text) == ("market.eu.Publish", "market.eu", "^1")
    assert parse_ref("web.fetch").range.text == "*"
    assert parse_workflow_ref("fact-check@~1.4").name == "fact-check"


@pytest.mark.parametrize(
    "text", ["", "fetch", "../../tasks.py:Copy", "web.fetch@latest", "Web.fetch", "web..fetch", "a. b"]
)
def test_what_is_no_reference_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(BadReferenceError) as caught:
        parse_ref(text)
    assert not text or text not in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    for parse in (parse_ref, parse_workflow_ref):
        try:
            ref = parse(text)
        except BadReferenceError:
            continue
        assert text.startswith(ref.name)
