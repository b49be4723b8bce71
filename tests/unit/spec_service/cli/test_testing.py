"""`specloom test`: what it prints, what it tells machines, and its exit codes."""

import json

import pytest

HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: s}\n"
SPEC = (
    HEAD
    + """
inputs: {n: {type: integer, default: 1}}
start: ask
nodes:
  ask: {human: {title: Go?}, next: [{when: "${ inputs.n > 1 }", to: again}, {else: end}]}
  again: {tool: any.thing, next: end}
tests:
"""
)
FINE = "  - {name: it goes, mocks: {ask: {}}}\n"
WRONG = "  - name: it goes on\n    mocks: {ask: {}}\n    expect:\n      path: [ask, again]\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder without a catalog."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tests_that_pass_say_what_they_did_not_reach(specloom, folder):
    (folder / "s.yaml").write_text(SPEC + FINE)

    said = specloom("test", "s.yaml")

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "s.yaml: 1 test",
        "  ok    it goes",
        "  no test reaches: again",
        "  no test takes: ask -> again",
        "",
        "1 test, all passed",
    ]


def test_what_does_not_hold_is_told_at_its_line(specloom, folder):
    (folder / "s.yaml").write_text(SPEC + FINE + WRONG)

    said = specloom("test", "s.yaml")

    assert said.code == 1
    assert said.out.splitlines()[2:7] == [
        "  FAIL  it goes on",
        "        s.yaml:15:7: path",
        '          expected ["ask", "again"]',
        '          actual   ["ask"]',
        "        path: ask",
    ]
    assert said.out.endswith("2 tests, 1 failed\n")


def test_a_folder_is_tested_with_everything_in_it_that_is_a_spec(specloom, folder):
    (folder / "deep").mkdir()
    (folder / "a.yaml").write_text(SPEC + FINE)
    (folder / "deep" / "b.yml").write_text(SPEC.replace("name: s", "name: t") + FINE)
    (folder / "other.yaml").write_text("services: [web]\n")

    said = specloom("test", ".", "--json")

    assert said.code == 0
    assert [one["file"] for one in json.loads(said.out)] == ["a.yaml", "deep/b.yml"]


def test_machines_are_told_everything(specloom, folder):
    (folder / "s.yaml").write_text(SPEC + FINE + WRONG)

    (told,) = json.loads(specloom("test", "s.yaml", "--json").out)

    assert (told["name"], told["passed"], told["problems"]) == ("s", False, [])
    assert told["unreached"] == {"nodes": ["again"], "branches": ["ask -> again"]}
    fine, wrong = told["tests"]
    assert (fine["name"], fine["passed"], fine["status"], fine["path"]) == ("it goes", True, "succeeded", ["ask"])
    assert wrong["failures"] == [
        {"what": "path", "expected": '["ask", "again"]', "actual": '["ask"]', "line": 15, "column": 7}
    ]


def test_a_spec_that_is_refused_is_told_like_everywhere(specloom, folder):
    (folder / "s.yaml").write_text((SPEC + FINE).replace("to: again", "to: agan"))

    said = specloom("test", "s.yaml")

    assert said.code == 1
    assert "unknown-node" in said.out
    assert said.out.count("did you mean") == 1


def test_only_tests_of_a_name_run_and_one_must_have_it(specloom, folder):
    (folder / "s.yaml").write_text(SPEC + FINE + WRONG)

    assert specloom("test", "s.yaml", "-k", "goes on").code == 1
    none = specloom("test", "s.yaml", "-k", "nothing")

    assert none.code == 64
    assert "no test has nothing in its name" in none.err


@pytest.mark.usefixtures("folder")
def test_what_is_not_there_is_wrong_usage(specloom):
    assert specloom("test", "none.yaml").code == 64
    assert specloom("test", ".").code == 64
    assert specloom("test").code == 64


def test_without_a_catalog_nothing_is_called(specloom, folder):
    (folder / "s.yaml").write_text(SPEC + "  - {name: it calls, inputs: {n: 2}, mocks: {ask: {}}}\n")

    said = specloom("test", "s.yaml")

    assert said.code == 1
    assert "again has no mock" in said.out
