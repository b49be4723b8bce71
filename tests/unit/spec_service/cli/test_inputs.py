from pathlib import Path

import pytest

from spec_service.cli.complaints import Complaint
from spec_service.cli.inputs import given_inputs

SCHEMA = {
    "type": "object",
    "properties": {
        "topic": {"type": "string", "description": "What about."},
        "rounds": {"type": "integer", "minimum": 2},
        "weights": {"type": "object", "default": {}},
        "mode": {"enum": ["fast", "slow"], "default": "fast"},
        "anything": {"default": None},
        "folder": {"type": "string", "format": "path", "default": "."},
    },
    "required": ["topic", "rounds"],
}


def given_all(*pairs: str, file: Path | None = None):
    return given_inputs(SCHEMA, pairs, file, 1 << 20)


def test_a_text_stays_what_it_is_and_other_types_are_json():
    found = given_all("topic=3", "rounds=4", 'weights={"a": 0.5}', "mode=slow")
    assert found == {
        "topic": "3",
        "rounds": 4,
        "weights": {"a": 0.5},
        "mode": "slow",
        "folder": str(Path.cwd()),
    }


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("word", "word"), ("[1]", [1]), ("a=b", "a=b"), ("", "")])
def test_where_anything_may_stand_it_is_json_if_it_can_be(text, value):
    assert given_all("topic=x", "rounds=2", f"anything={text}")["anything"] == value


def test_every_missing_input_is_listed_with_how_to_give_it():
    with pytest.raises(Complaint) as complaint:
        given_all()
    assert complaint.value.exit_code == 64
    assert complaint.value.advice == ("--input topic=TEXT    What about.", "--input rounds=2")


def test_an_unknown_input_is_told_with_the_nearest():
    with pytest.raises(Complaint, match=r"no input topik \(did you mean topic\?\)"):
        given_all("topik=x")


@pytest.mark.parametrize("text", ["many", "NaN", "1.5.0", ""])
def test_what_is_no_json_is_refused_where_no_text_is_wanted(text):
    with pytest.raises(Complaint, match="--input rounds: integer is wanted"):
        given_all("topic=x", f"rounds={text}")


@pytest.mark.parametrize("name", ["inputs.yaml", "inputs.json"])
def test_a_file_gives_inputs_and_options_win(tmp_path, name):
    file = tmp_path / name
    file.write_text('{"topic": "tin", "rounds": 5}')
    found = given_all("rounds=7", file=file)
    assert (found["topic"], found["rounds"]) == ("tin", 7)


def test_a_file_must_hold_a_mapping(tmp_path):
    file = tmp_path / "inputs.yaml"
    file.write_text("[1]")
    with pytest.raises(Complaint, match="holds no mapping of inputs"):
        given_all(file=file)


def test_a_file_with_mistakes_is_shown_like_a_spec(tmp_path):
    file = tmp_path / "inputs.yaml"
    file.write_text("topic: a\ntopic: b\n")
    with pytest.raises(Complaint) as complaint:
        given_all(file=file)
    assert f"{file}:2:1: E104 duplicate-key" in complaint.value.report()


def test_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert given_all("topic=./x", "rounds=2", "folder=sub")["folder"] == str(tmp_path / "sub")
    assert given_all("topic=./x", "rounds=2", "folder=/etc")["folder"] == "/etc"
    assert given_all("topic=./x", "rounds=2")["topic"] == "./x"
