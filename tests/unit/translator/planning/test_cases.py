"""The bad inputs that everybody agreed on, as far as planning answers them."""

import json
from pathlib import Path

import pytest

CASES = Path(__file__).parents[5] / "shared" / "cases" / "cases.json"
IDS = ("N", "X", "G", "S10", "U10", "R11", "J")


def steps():
    if not CASES.exists():
        return []
    document = json.loads(CASES.read_text("utf-8"))
    return [
        pytest.param(step, document["names"], id=f"{case['id']}-{number}")
        for case in document["cases"]
        if case["id"].startswith(IDS)
        for number, step in enumerate(case["steps"], 1)
        if step["path"].startswith("/specs") and "body" in step
    ]


@pytest.mark.skipif(not CASES.exists(), reason="the agreed cases are not on this machine")
@pytest.mark.parametrize(("step", "names"), steps())
def test_a_case_gets_its_answer(desk, step, names):
    body = step["body"] if isinstance(step["body"], str) else "\n".join(step["body"])
    found = desk.plan(body)
    wanted = step["expect"]
    statuses = wanted["status"] if isinstance(wanted["status"], list) else [wanted["status"]]
    if not isinstance(found, list):
        assert set(statuses) & {200, 201}
        return
    assert 422 in statuses, found
    if "name" in wanted:
        assert any(matches(wanted, problem.as_dict(), names) for problem in found), found


def matches(wanted, problem, names):
    accepted = wanted["name"] if isinstance(wanted["name"], list) else [wanted["name"]]
    if problem["name"] not in accepted or not problem["message"]:
        return False
    if not problem["code"].startswith(names[problem["name"]]["family"]):
        return False
    return all(
        fits(key, wanted[key], problem)
        for key in ("line", "column", "path", "suggestion_contains", "message_contains")
        if key in wanted
    )


def fits(key, wanted, problem):
    if key.endswith("_contains"):
        return wanted in (problem[key.removesuffix("_contains")] or "")
    found = problem[key]
    return wanted[0] <= found <= wanted[1] if isinstance(wanted, list) else found == wanted
