import shlex
from datetime import UTC, datetime

import pytest

from spec_service.cli.answers import answer_commands, answer_from, chosen_question, positive_answer, whole_answer
from spec_service.cli.complaints import Complaint
from spec_service.views import RunView, WaitingFor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VERDICT = {
    "type": "object",
    "required": ["verdict"],
    "additionalProperties": False,
    "properties": {"comment": {"type": "string"}, "verdict": {"enum": ["reject", "approve"]}},
}


def question(node: str, schema: dict) -> WaitingFor:
    return WaitingFor(interrupt_id=f"i-{node}", node=node, title=f"{node}?", schema=schema, asked_at=NOW)


def waiting(*questions: WaitingFor) -> RunView:
    return RunView(
        id="r1", spec="s@r1", spec_digest="d", version=None, plan="p", status="waiting", inputs={}, outputs=None,
        error=None, waiting_for=questions, attempts=1, labels={}, priority=0, cancel_requested=False, created_at=NOW,
        started_at=NOW, finished_at=None,
    )  # fmt: skip


def test_yes_is_the_positive_choice_wherever_it_stands():
    assert answer_from(VERDICT, (), None) == {"verdict": "approve"}
    assert answer_from(VERDICT, (), "fine") == {"verdict": "approve", "comment": "fine"}
    assert answer_from(VERDICT, ("verdict=reject",), None) == {"verdict": "reject"}


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"properties": {"release": {"type": "boolean"}}, "required": ["release"]}, {"release": True}),
        ({"properties": {"go": {"enum": ["later", "YES"]}}}, {"go": "YES"}),
    ],
)
def test_yes_in_other_words(schema, answer):
    assert positive_answer(schema, {}) == answer


@pytest.mark.parametrize(
    ("schema", "advice"),
    [
        ({"properties": {"size": {"enum": ["s", "m"]}}, "required": ["size"]}, "--answer size=s|m"),
        ({"properties": {"text": {"type": "string"}}, "required": ["text"]}, "--answer text=TEXT"),
    ],
)
def test_where_nothing_says_yes_the_answer_must_be_given(schema, advice):
    with pytest.raises(Complaint) as complaint:
        answer_from(schema, (), None)
    assert complaint.value.exit_code == 64
    assert advice in complaint.value.advice


def test_an_unknown_field_of_a_closed_answer_is_refused_before_it_is_sent():
    with pytest.raises(Complaint, match=r"no field verdikt \(did you mean verdict\?\)"):
        answer_from(VERDICT, ("verdikt=approve",), None)


def test_the_commands_that_answer_can_be_pasted_and_mean_what_they_say():
    schema = {"required": ["v"], "properties": {"v": {"enum": ["yes", "no; rm -rf /", 3]}}}
    asked = question("gate", schema)
    commands = [shlex.split(one) for one in answer_commands(waiting(asked), asked, " --data 'a b'")]
    assert commands[0] == ["specloom", "approve", "r1", "--data", "a b"]
    assert [command[command.index("--answer") + 1] for command in commands[1:]] == ["v=no; rm -rf /", "v=3"]
    assert [answer_from(schema, (pair,), None) for pair in ("v=no; rm -rf /", "v=3")] == [
        {"v": "no; rm -rf /"},
        {"v": 3},
    ]


def test_without_choices_the_whole_answer_is_asked_for():
    asked = question("gate", {"required": ["text"], "properties": {"text": {"type": "string"}}})
    (command,) = answer_commands(waiting(asked), asked, "")
    words = shlex.split(command)
    assert words[:3] == ["specloom", "resume", "r1"]
    assert set(whole_answer(words[words.index("--answer-json") + 1])) == {"text"}


def test_of_several_questions_one_must_be_named():
    run = waiting(question("a", VERDICT), question("b", VERDICT))
    with pytest.raises(Complaint, match="asks 2 questions"):
        chosen_question(run, None)
    assert chosen_question(run, "b").node == "b"
    assert chosen_question(run, "i-a").node == "a"
    with pytest.raises(Complaint, match="asks nothing in c"):
        chosen_question(run, "c")
    assert all("--question b" in command for command in answer_commands(run, run.waiting_for[1], ""))


@pytest.mark.parametrize("text", ["{", "NaN", "", "[1,]"])
def test_what_is_no_json_is_no_answer(text):
    with pytest.raises(Complaint, match="is no JSON"):
        whole_answer(text)
