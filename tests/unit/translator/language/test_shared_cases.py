"""The inputs with known answers that lie beside the repository, as far as the text alone decides."""

import json
from pathlib import Path
from typing import Any

import pytest

from translator.language.document import Document
from translator.language.problem_kinds import KINDS
from translator.language.problems import Problem
from translator.language.reading import read
from translator.language.shape import check_shape

CASES = Path(__file__).parents[5] / "shared" / "cases" / "cases.json"
ABSENT = "the shared cases are not beside this checkout"
DECIDED_ELSEWHERE = {"R19", "R20"}  # the size of a body is counted at the door


def loaded() -> dict[str, Any]:
    return json.loads(CASES.read_text()) if CASES.exists() else {"cases": [], "names": {}}


def body_of(step: dict[str, Any]) -> bytes:
    if "json" in step:
        return json.dumps(step["json"]).encode()
    encoding = step.get("encoding", "utf-8")
    if "body_parts" not in step:
        body = step.get("body", "")
        return ("\n".join(body) if isinstance(body, list) else body).encode(encoding)
    return b"".join(part_of(part, encoding) for part in step["body_parts"])


def part_of(part: Any, encoding: str) -> bytes:
    if isinstance(part, str):
        return part.encode(encoding)
    if "repeat" in part:
        return (part["repeat"] * part["times"]).encode(encoding)
    if "hex" in part:
        return bytes.fromhex(part["hex"])
    return part.get("join", "").join(part["format"].replace("{i}", str(i)) for i in range(part["count"])).encode()


def textual_steps() -> list[Any]:
    """Find the steps that send a spec and expect either a refusal of phase 1 or 2, or to be taken."""
    data = loaded()
    families = {name: kind["family"] for name, kind in data["names"].items()}
    found: list[Any] = []
    for case in data["cases"]:
        if case["id"][0] == "D" or case["id"] in DECIDED_ELSEWHERE:
            continue
        for number, step in enumerate(case["steps"]):
            if step.get("path") not in {"/specs", "/specs/validate"} or step.get("method", "POST") != "POST":
                continue
            wanted = step["expect"].get("problems", [step["expect"]])
            names = [item.get("name") for item in wanted]
            decided = all(isinstance(name, str) and families[name] in {"E1", "E2"} for name in names)
            mine = [item for item in wanted if decided] if case["id"] != "J03" else []
            found.append(pytest.param(step, mine, id=f"{case['id']}-{number}"))
    return found


def fits(problem: Problem, wanted: dict[str, Any]) -> bool:
    if problem.name != wanted["name"] or problem.path != wanted.get("path", problem.path):
        return False
    for key in ("line", "column"):
        bounds = wanted.get(key, getattr(problem, key))
        low, high = bounds if isinstance(bounds, list) else (bounds, bounds)
        if not low <= getattr(problem, key) <= high:
            return False
    said = {"suggestion_contains": problem.suggestion or "", "message_contains": problem.message}
    return all(wanted.get(key, "") in text for key, text in said.items())


@pytest.mark.skipif(not CASES.exists(), reason=ABSENT)
@pytest.mark.parametrize(("step", "wanted"), textual_steps())
def test_the_text_gets_the_known_answer(step: dict[str, Any], wanted: list[dict[str, Any]]) -> None:
    headers = step.get("headers") or {}
    is_json = "json" in step or headers.get("Content-Type") == "application/json"
    read_result = read(body_of(step), "json" if is_json else "yaml")
    problems = check_shape(read_result)[1] if isinstance(read_result, Document) else read_result
    for item in wanted:
        assert any(fits(problem, item) for problem in problems), problems
    if not wanted:  # later phases may refuse it, and a name that can lead nowhere may be refused already
        assert {problem.name for problem in problems} <= set(step["expect"].get("name", ()))
    answer = json.dumps([problem.as_dict() for problem in problems])
    assert not any(secret in answer for secret in step["expect"].get("not_contains", []))


@pytest.mark.skipif(not CASES.exists(), reason=ABSENT)
def test_every_known_name_has_a_kind_of_the_right_family() -> None:
    for name, known in loaded()["names"].items():
        assert name in KINDS, name
        code = KINDS[name].code
        assert (code[:2] if code else None) == known["family"], name
