import pytest

from translator.language.model import Branch
from translator.planning.guards import ceilings


def read(*conditions):
    branches = [Branch(when=f"${{ {condition} }}", to="a") for condition in conditions]
    found = ceilings((*branches, Branch.model_validate({"else": "end"})))
    return {number: [str(one) for one in held] for number, held in found.items()}


@pytest.mark.parametrize(
    ("condition", "ceiling"),
    [
        ("state.n < 3", "state.n < 3"),
        ("state.n<=inputs.rounds", "state.n <= inputs.rounds"),
        ("5 > state.n", "state.n < 5"),
        ("inputs.most >= state.n", "state.n <= inputs.most"),
        ("(state.n < 3)", "state.n < 3"),
        ("state.text != '&& ||' && (state.n < 3 && true)", "state.n < 3"),
        ("state.x > 0.5 && state.n < 2.5", "state.n < 2.5"),
    ],
)
def test_ceilings_that_are_certain(condition, ceiling):
    assert read(condition)[0] == [ceiling]


@pytest.mark.parametrize(
    "condition",
    [
        "state.n > 3",
        "state.n < 3 || state.x",
        "state.n < 3 ? true : false",
        "!(state.n < 3)",
        "state.n < 3 + state.m",
        "state.n < state.m",
        "'state.n < 3' == state.t",
        "state.n < -3",
        "nodes.state.n < 3",
    ],
)
def test_what_is_not_certain_is_no_ceiling(condition):
    assert read(condition).get(0, []) == []


def test_what_an_earlier_branch_would_have_caught():
    assert read("state.n >= 3")[1] == ["state.n < 3"]
    assert read("state.n > inputs.most || state.done")[1] == ["state.n <= inputs.most"]
    assert 1 not in read("state.n >= 3 && state.done")


def test_targets_and_texts_guard_nothing():
    assert ceilings("end") == {}
    assert ceilings(None) == {}
    assert ceilings((Branch(when="state.n < 3", to="a"), Branch(when=True, to="a"))) == {}
