"""Laws that hold for any spec that has the shape of one, sensible or not."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from translator.planning.plan import END, Plan

IDS = ["a", "b", "c", "d", "e"]
names = st.sampled_from([*IDS, "nowhere"])
targets = st.sampled_from([*IDS, END, "nowhere"])
texts = st.sampled_from(
    [
        "x",
        "${ inputs.t }",
        "${ state.n }",
        "${ state.n < 3 }",
        "${ state.n >= inputs.most }",
        "${ result.words }",
        "${ nodes.a.result }",
        "${ nodes.b.result.words + 1 }",
        "${ nodes.c.status == 'x' }",
        "${ has(nodes.d.result.x) }",
        "${ 1 +",
        "$${ y }",
        "a ${ run.id } b",
    ]
)
values = st.one_of(st.integers(-2, 5), st.booleans(), texts, st.lists(texts, max_size=2))
conditions = st.one_of(st.booleans(), texts)
verbs = st.one_of(
    st.fixed_dictionaries({"tool": st.sampled_from(["cases.echo", "text.count@^1", "text.count@9", "no.tool"])}),
    st.fixed_dictionaries({"luigi": st.sampled_from(["cases.Copy@^1", "cases.Kopy"]), "read": st.just("json")}),
    st.fixed_dictionaries({"human": st.fixed_dictionaries({"title": texts})}),
    st.fixed_dictionaries({"set": st.dictionaries(st.sampled_from(["n", "list", "gone"]), values, max_size=2)}),
    st.just({"fail": {"error": "no-luck"}}),
    st.just({"wait": {"for": "5m"}}),
    st.just({"workflow": "tried"}),
)
following = st.one_of(
    targets,
    st.lists(st.fixed_dictionaries({"when": conditions, "to": targets}), max_size=2).flatmap(
        lambda rows: targets.map(lambda last: [*rows, {"else": last}])
    ),
    st.fixed_dictionaries(
        {"switch": texts, "cases": st.dictionaries(st.sampled_from(["x", "true"]), targets, min_size=1)},
        optional={"default": targets},
    ),
)
shared = {
    "with": st.dictionaries(st.sampled_from(["text", "txet", "least"]), values, max_size=2),
    "save": st.dictionaries(st.sampled_from(["n", "list", "gone"]), values, max_size=2),
    "reset": st.lists(st.sampled_from(["n", "gone"]), max_size=1),
    "limits": st.just({"visits": 2}),
    "auth": st.just({"token": "KEY"}),
    "catch": st.just([{"errors": ["any"], "to": "a"}]),
}


def node(extra):
    return st.builds(lambda verb, keys: {**verb, **keys}, verbs, st.fixed_dictionaries(extra, optional=shared))


flow_nodes = st.dictionaries(st.sampled_from(IDS), node({"next": following}), min_size=1, max_size=5)
dag_nodes = st.dictionaries(
    st.sampled_from(IDS),
    st.builds(
        lambda one, more: {**one, **more},
        node({}),
        st.fixed_dictionaries({}, optional={"needs": st.lists(names, max_size=3), "when": conditions}),
    ),
    min_size=1,
    max_size=5,
)
blocks = st.builds(lambda inner, to: {"block": {"dag": inner, "next": to}}, dag_nodes, targets)


def document(nodes, start, limits):
    return {
        "apiVersion": "specloom/v1",
        "kind": "Workflow",
        "metadata": {"name": "tried"},
        "inputs": {"t": {"type": "string"}, "most": {"type": "integer"}},
        "state": {"n": {"type": "integer", "reduce": "sum", "default": 0}, "list": {"type": "array"}},
        "outputs": {"n": "${ state.n }", "a": "${ nodes.a.result }"},
        "secrets": ["KEY"],
        **({"start": start} if start else {}),
        **({"limits": {"steps": 9}} if limits else {}),
        "nodes": nodes,
    }


specs = st.one_of(
    st.builds(document, flow_nodes, st.sampled_from(IDS), st.booleans()),
    st.builds(document, dag_nodes, st.none(), st.booleans()),
    st.builds(document, blocks, st.just("block"), st.booleans()),
    st.builds(document, st.one_of(flow_nodes, dag_nodes), st.sampled_from(["a", None]), st.booleans()),
)


@given(specs)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_spec_gets_a_plan_or_problems_with_a_place(desk, spec):
    text = json.dumps(spec, indent=1)
    read, document, problems = desk.read(text, "json")
    if problems:
        return
    found = desk.plan(text)
    refusals = [one for one in desk.check(text) if not one.is_advice]
    if isinstance(found, Plan):
        assert refusals == []
        assert {target for step in found.steps if step.transition for target in step.transition.targets} <= {
            *read.nodes,
            END,
        }
        assert digest_is_stable(found)
        return
    assert found
    for problem in found:
        assert problem.code.startswith("E")
        assert problem.message
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.path == "" or document.at(problem.path) is not None


def digest_is_stable(plan):
    return Plan.model_validate_json(plan.model_dump_json(by_alias=True)).digest == plan.digest
