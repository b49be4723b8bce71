import json
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translator.planning.assembling import digest_of
from translator.planning.plan import Plan

ROOT = Path(__file__).parents[4]

SPEC = {
    "apiVersion": "specloom/v1",
    "kind": "Workflow",
    "metadata": {"name": "tried", "version": "1.0.0"},
    "inputs": {"topic": {"type": "string"}, "rounds": {"type": "integer", "default": 3}},
    "state": {"text": {"type": "string", "default": ""}, "round": {"type": "integer", "default": 0, "reduce": "sum"}},
    "outputs": {"text": "${ state.text }"},
    "defaults": {"timeout": "5m", "retry": {"max": 2, "initial": "500ms"}},
    "limits": {"duration": "1h30m"},
    "start": "draft",
    "nodes": {
        "draft": {
            "tool": "cases.echo@1",
            "with": {"text": "${ inputs.topic } ${ state.round }"},
            "save": {"text": "${ result.text }", "round": 1},
            "result": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
            "next": "ask",
        },
        "ask": {
            "human": {"title": "Good?", "show": {"text": "${ state.text }"}, "assignees": ["editors"]},
            "result": {"type": "object", "required": ["v"], "properties": {"v": {"enum": ["yes", "no"]}}},
            "timeout": "2d",
            "next": [
                {"when": "${ result.v == 'no' && state.round < inputs.rounds }", "to": "draft"},
                {"else": "end"},
            ],
        },
    },
}


def test_a_plan_holds_all_that_is_needed_to_run(desk):
    plan = desk.plan(json.dumps(SPEC))
    draft, ask = plan.step("draft"), plan.step("ask")
    assert (plan.spec_name, plan.spec_version, plan.start, plan.is_dag) == ("tried", "1.0.0", "draft", False)
    assert plan.limits.duration_seconds == 5400
    assert (draft.timeout_seconds, draft.retry.max, draft.retry.initial_seconds) == (300, 2, 0.5)
    assert "invalid-result" not in draft.retry.errors
    assert (ask.timeout_seconds, ask.retry.max) == (172_800, 0)
    assert draft.reads == ("inputs.topic", "state.round")
    assert draft.writes == ("state.round", "state.text")
    assert ask.reads == ("inputs.rounds", "state.round", "state.text")
    assert ask.transition.targets == ("draft", "end")
    assert plan.inputs["required"] == ["topic"]
    assert plan.inputs["additionalProperties"] is False
    assert [bound.by for bound in plan.bounds] == ["counter"]


def test_a_stored_plan_has_the_digest_that_it_says(desk):
    plan = desk.plan(json.dumps(SPEC))
    again = Plan.model_validate_json(plan.model_dump_json(by_alias=True))
    assert again == plan
    assert digest_of(again) == plan.digest


def shuffled(value, random):
    """Put the keys of a mapping into another order, but for the nodes, whose order says what is drawn first."""
    if isinstance(value, dict):
        keys = list(value)
        if not keys or "draft" not in value or "ask" not in value:
            random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(one, random) for one in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False), st.sampled_from([None, 2]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_dress_of_a_spec_does_not_change_its_plan(desk, random, indent):
    plain = desk.plan(json.dumps(SPEC))
    dressed = desk.plan(json.dumps(shuffled(SPEC, random), indent=indent) + "  # said\n")
    assert dressed.spec_digest == plain.spec_digest
    assert dressed.digest == plain.digest


def test_planning_again_gives_the_same_bytes(desk):
    text = json.dumps(SPEC)
    assert desk.plan(text).model_dump_json() == desk.plan(text).model_dump_json()


def test_problems_come_in_the_order_of_the_text_and_are_at_most_fifty(desk):
    rows = "".join(f"  n{i}: {{tool: no.tool, save: {{gone: 1}}, next: nowhere}}\n" for i in range(40))
    found = desk.problems(f"start: n0\nnodes:\n{rows}")
    assert len(found) == 50
    places = [(one.line, one.column) for one in found]
    assert places == sorted(places)


def test_the_text_alone_asks_nothing_of_the_catalog(desk):
    spec = json.loads(json.dumps(SPEC))
    spec["nodes"]["draft"]["tool"] = "not.there@9"
    assert desk.check(json.dumps(spec)) == []
    spec["nodes"]["draft"]["next"] = "aks"
    assert [one.name for one in desk.check(json.dumps(spec))] == ["unknown-node"]


def test_the_text_alone_gives_advice_when_nothing_refuses_it(desk):
    spec = json.loads(json.dumps(SPEC))
    spec["inputs"]["spare"] = {"type": "string"}
    assert [one.name for one in desk.check(json.dumps(spec))] == ["unused-input"]


PURE = """
import json, os, sys
from translator.language.cel import CelEngine
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import plan
import translator.language.schemas

def seen():
    paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    handles = [os.readlink(path) for path in paths if os.path.lexists(path)]
    children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    threads = os.listdir("/proc/self/task")
    return set(sys.modules), [one for one in handles if one.startswith("socket:")], children, len(threads)

def planned(text, tools, stages):
    document = read(text.encode(), "json")
    spec, _ = check_shape(document)
    entries = [CatalogEntry(kind="tool", name=f"{tools}.this", version="1.0.0", source_digest="x"),
               CatalogEntry(kind="stage", name=f"{stages}.Clock", version="1.0.0", source_digest="x")]
    return plan(spec, document, FixedCatalog(entries), engine)

text, engine = sys.stdin.read(), CelEngine()
planned(text.replace("antigravity", "t").replace("turtledemo", "s"), "t", "s")  # what the engine itself loads late
before = seen()
made = planned(text, "antigravity", "turtledemo")
after = seen()
assert isinstance(made, Plan), made
print(json.dumps({"modules": sorted(after[0] - before[0]), "sockets": after[1], "children": after[2],
                  "threads": after[3] - before[3],
                  "heavy": sorted({"langgraph", "luigi", "sqlalchemy", "fastapi"} & after[0])}))
"""


def test_planning_imports_and_starts_nothing_that_the_spec_names():
    spec = {
        **{key: SPEC[key] for key in ("apiVersion", "kind", "metadata")},
        "start": "a",
        "nodes": {
            "a": {"tool": "antigravity.this", "with": {"x": "${ 1 + 1 }"}, "next": "b"},
            "b": {"luigi": "turtledemo.Clock", "with": {"x": [1]}, "next": "end"},
        },
    }
    done = subprocess.run(
        [sys.executable, "-c", PURE], input=json.dumps(spec), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"modules": [], "sockets": [], "children": [], "threads": 0, "heavy": []}
