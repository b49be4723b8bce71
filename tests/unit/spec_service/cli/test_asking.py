import io
import sys
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from spec_service.cli.asking import Asker, Later, is_too_late
from spec_service.views import WaitingFor

NOW = datetime.now(UTC)
SCHEMA = {
    "required": ["verdict", "stars"],
    "properties": {
        "comment": {"type": "string", "description": "Why so?"},
        "stars": {"type": "integer"},
        "verdict": {"enum": ["approve", "reject", "rework"]},
        "urgent": {"type": "boolean"},
    },
}


@pytest.fixture
def ask(monkeypatch):
    def asked(schema, *lines, show=None):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        console = Console(file=io.StringIO(), width=100, record=True)
        question = WaitingFor(interrupt_id="i", node="gate", title="Go?", show=show, schema=schema, asked_at=NOW)
        try:
            return Asker(console).ask(question), console.export_text()
        except Later:
            return Later, console.export_text()

    return asked


def test_required_fields_come_first_and_each_is_read_by_its_type(ask):
    answer, text = ask(SCHEMA, "approve", "4", "well done", "y")
    assert answer == {"verdict": "approve", "stars": 4, "comment": "well done", "urgent": True}
    assert text.index("verdict") < text.index("stars") < text.index("Why so?") < text.index("urgent")


@pytest.mark.parametrize(
    ("word", "choice"), [("2", "reject"), ("REWORK", "rework"), ("a", "approve"), ("yes", "approve")]
)
def test_a_choice_is_a_number_a_word_or_its_beginning(ask, word, choice):
    assert ask(SCHEMA, word, "1", "", "")[0] == {"verdict": choice, "stars": 1}


def test_what_cannot_be_understood_is_asked_again(ask):
    answer, text = ask(SCHEMA, "re", "maybe", "reject", "many", "3", "", "")
    assert answer == {"verdict": "reject", "stars": 3}
    assert text.count("choose one of: approve, reject, rework") == 2
    assert "integer is wanted" in text


@pytest.mark.parametrize("lines", [["later"], ["approve", "later"], []])
def test_later_and_the_end_of_input_leave_it_waiting(ask, lines):
    assert ask(SCHEMA, *lines)[0] is Later


def test_without_fields_the_answer_is_one_value(ask):
    assert ask({"type": "string"}, "free text")[0] == "free text"
    assert ask({}, '{"a": 1}')[0] == {"a": 1}
    assert ask({"type": "boolean"}, "no")[0] is False


def test_what_is_shown_cannot_move_the_cursor(ask):
    _, text = ask({"type": "string"}, "x", show={"draft": "one\x1b[2Jtwo", "list": ["a", "b"]})
    assert "\x1b" not in text
    assert "- a" in text


def test_what_the_question_is_about_stands_above_what_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("later\n"))
    console = Console(file=io.StringIO(), width=100, record=True)
    told = {"title": "Go?", "description": "Only on weekdays.", "show": {"day": "Monday"}}
    question = WaitingFor(interrupt_id="i", node="gate", schema=SCHEMA, asked_at=NOW, **told)
    with pytest.raises(Later):
        Asker(console).ask(question)
    text = console.export_text()
    assert text.index("Go?") < text.index("Only on weekdays.") < text.index("day: Monday")


def test_an_expired_question_is_not_answered():
    asked = {"interrupt_id": "i", "node": "n", "title": "t", "schema": {}, "asked_at": NOW}
    assert is_too_late(WaitingFor(**asked, expires_at=NOW - timedelta(seconds=1)))
    assert not is_too_late(WaitingFor(**asked, expires_at=NOW + timedelta(hours=1)))
    assert not is_too_late(WaitingFor(**asked))
