"""Problems: codes, order, suggestions."""

from translator.language.document import Position
from translator.language.problem_kinds import KINDS, explain
from translator.language.problems import MAX_PROBLEMS, Problem, did_you_mean, nearest, ordered, problem_at


def test_a_problem_knows_its_code_and_says_all_in_json() -> None:
    problem = problem_at(Position(3, 7), "unknown-node", "no such node", "/nodes/a/next", "did you mean b?")
    assert problem.as_dict() == {
        "code": "E304",
        "name": "unknown-node",
        "path": "/nodes/a/next",
        "line": 3,
        "column": 7,
        "message": "no such node",
        "suggestion": "did you mean b?",
    }


def test_problems_of_doors_and_of_nobody_have_no_code() -> None:
    assert Problem("unknown-run", "no such run").code is None
    assert Problem("something-else", "who knows").code is None


def test_advice_is_told_from_errors() -> None:
    assert Problem("unused-input", "").is_advice
    assert not Problem("unknown-node", "").is_advice
    assert not Problem("unknown-run", "").is_advice


def test_problems_come_in_the_order_of_the_text_each_once_and_capped() -> None:
    many = [problem_at(Position(line, 1), "wrong-type", "m") for line in range(200, 0, -1)]
    lost = Problem("body-too-large", "m")
    found = ordered([lost, *many, *many])
    assert [problem.line for problem in found] == list(range(1, MAX_PROBLEMS + 1))
    assert ordered([lost, many[0]]) == [many[0], lost]


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    assert nearest("toll", ["tool", "luigi"]) == "tool"
    assert nearest("METADATA", ["metadata"]) == "metadata"
    assert nearest("zzz", ["tool"]) is None
    assert nearest("x" * 100_000, ["tool"]) is None
    assert did_you_mean("toll", iter(["tool"])) == "did you mean tool?"
    assert did_you_mean("zzz", ["tool"]) is None


def test_kinds_are_explained_by_code_and_by_name() -> None:
    kind = explain("E304")
    assert kind is not None
    assert kind.name == "unknown-node"
    assert explain("e304") is explain("unknown-node") is kind
    assert "summarize" in kind.explanation
    assert explain("E999") is None
    assert explain("") is None


def test_every_kind_has_a_text_of_its_own_and_codes_are_unique() -> None:
    codes = [kind.code for kind in KINDS.values() if kind.code]
    assert len(codes) == len(set(codes))
    explanations = {kind.explanation for kind in KINDS.values()}
    assert len(explanations) == len(KINDS)
    for kind in KINDS.values():
        assert kind.title, kind.name
        assert "**Why.**" in kind.explanation
        assert "**What to do.**" in kind.explanation
        assert kind.bad != kind.good or not kind.bad
