"""What says yes to a question, and which question is meant."""

from __future__ import annotations

import pytest
from specloom_client.answering import chosen_question, positive_answer
from specloom_client.refusals import NoPlainYes, SpecloomError
from specloom_client.shapes import RunState

VERDICT = {"required": ["verdict"], "properties": {"verdict": {"enum": ["reject", "approve"]}, "comment": {}}}


def run(*nodes: str, kind: str = "person") -> RunState:
    asked = [{"kind": kind, "interrupt_id": f"i-{node}", "node": node, "title": node, "schema": {}} for node in nodes]
    return RunState.of({"id": "r", "status": "waiting", "waiting_for": asked})


@pytest.mark.parametrize(
    ("schema", "given", "answer"),
    [
        (VERDICT, {}, {"verdict": "approve"}),
        (VERDICT, {"comment": "fine"}, {"verdict": "approve", "comment": "fine"}),
        (VERDICT, {"verdict": "reject"}, {"verdict": "reject"}),
        ({"properties": {"ok": {"type": "boolean"}, "why": {"type": "string"}}}, {}, {"ok": True}),
        ({}, {"a": 1}, {"a": 1}),
    ],
)
def test_a_yes(schema, given, answer):
    assert positive_answer(schema, given) == answer


@pytest.mark.parametrize("schema", [{}, {"required": ["amount"], "properties": {"amount": {"type": "integer"}}}])
def test_no_plain_yes(schema):
    with pytest.raises(NoPlainYes):
        positive_answer(schema, {})


def test_which_question_is_meant():
    assert chosen_question(run("a"), None).node == "a"
    assert chosen_question(run("a", "b"), "b").interrupt_id == "i-b"
    assert chosen_question(run("a", "b"), "i-a").node == "a"
    with pytest.raises(SpecloomError, match="a, b"):
        chosen_question(run("a", "b"), None)
    with pytest.raises(SpecloomError, match="asks nothing"):
        chosen_question(run("a", kind="time"), None)
