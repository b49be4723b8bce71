"""No spelling of a secret survives in messages and results."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from workflows.tools.scrubbing import Scrubber

SECRET = 'p"ä\n/ss?word'  # noqa: S105 - not one


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        repr(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        quote(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_spelling_is_masked(spelled: str) -> None:
    assert Scrubber([SECRET]).text(f"401 for {spelled} at /x").replace('"', "").replace("'", "") == "401 for *** at /x"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert Scrubber(["abcd", "abcdefgh"]).text("abcdefgh abcd") == "*** ***"


def test_results_are_masked_in_keys_and_values_and_keep_their_shape() -> None:
    result = {"url": "https://x/?k=hunter22", "hunter22": [1, None, True, "hunter22"]}
    assert Scrubber(["hunter22"]).result(result) == {"url": "https://x/?k=***", "***": [1, None, True, "***"]}


def test_without_secrets_nothing_changes() -> None:
    assert Scrubber(["", "  "]).text("a  b") == "a  b"


def test_a_very_short_secret_does_not_blacken_results_but_messages() -> None:
    scrubber = Scrubber(["a"])
    assert scrubber.result({"text": "banana", "key": "a"}) == {"text": "banana", "key": "***"}
    assert "a" not in scrubber.text("banana")
