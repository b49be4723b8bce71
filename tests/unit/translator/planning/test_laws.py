"""Laws that hold for any spec that has the shape of one, sensible or not."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from translator.language.digest import spec_digest
from translator.language.expressions import ExpressionError, Scope
from translator.language.templates import Template, compile_template
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
tools = st.sampled_from(["cases.echo", "text.count@^1", "text.count@9", "no.tool"])
verbs = st.one_of(
    st.fixed_dictionaries({"tool": tools}),
    st.fixed_dictionaries({"luigi": st.sampled_from(["cases.Copy@^1", "cases.Kopy"]), "read": st.just("json")}),
    st.fixed_dictionaries({"human": st.fixed_dictionaries({"title": texts})}),
    st.fixed_dictionaries({"set": st.dictionaries(st.sampled_from(["n", "list", "gone"]), values, max_size=2)}),
    st.just({"fail": {"error": "no-luck"}}),
    st.just({"wait": {"for": "5m"}}),
    st.just({"workflow": "tried"}),
    st.fixed_dictionaries({"emit": st.fixed_dictionaries({"event": st.just("hi")}, optional={"data": values})}),
    st.fixed_dictionaries(
        {"decide": st.fixed_dictionaries({"among": st.lists(targets, min_size=1, max_size=3), "tool": tools})}
    ),
    st.fixed_dictionaries({"wait": st.fixed_dictionaries({"until": texts})}),
    st.fixed_dictionaries({"wait": st.fixed_dictionaries({"signal": st.just("go")}, optional={"key": texts})}),
    st.fixed_dictionaries(
        {
            "wait": st.fixed_dictionaries(
                {"poll": st.fixed_dictionaries({"tool": tools}), "every": st.just("1m")}, optional={"until": conditions}
            )
        }
    ),
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
saves = st.dictionaries(st.sampled_from(["n", "list", "gone"]), values, max_size=2)
shared = {
    "with": st.dictionaries(st.sampled_from(["text", "txet", "least"]), values, max_size=2),
    "save": saves,
    "reset": st.lists(st.sampled_from(["n", "gone"]), max_size=1),
    "limits": st.just({"visits": 2}),
    "auth": st.just({"token": "KEY"}),
    "catch": st.lists(
        st.fixed_dictionaries(
            {"errors": st.sampled_from([["any"], ["timeout"], ["no-luck", "timeout"]])},
            optional={"to": targets, "result": values, "save": saves},
        ),
        max_size=2,
    ),
    "map": st.fixed_dictionaries(
        {"each": st.just("i"), "in": st.one_of(texts, st.just([1, 2]))},
        optional={"tolerate": st.sampled_from([1, "9%"])},
    ),
    "cache": st.one_of(st.booleans(), st.fixed_dictionaries({"key": texts})),
    "idempotency_key": texts,
    "mask": st.just(["text"]),
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
around = st.fixed_dictionaries(
    {"next": targets},
    optional={
        "map": shared["map"],
        "join": st.sampled_from(["all", "any", {"count": 2}]),
        "fail_fast": st.booleans(),
        "catch": shared["catch"],
    },
)
blocks = st.one_of(
    st.builds(lambda inner, keys: {"block": {"dag": inner, **keys}}, dag_nodes, around),
    st.builds(lambda inner, keys: {"block": {"flow": {"start": "a", "nodes": inner}, **keys}}, flow_nodes, around),
)
endings = st.dictionaries(st.sampled_from(["f", "g"]), node({}), max_size=2)


def document(nodes, start, limits, ending):
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
        **({"finally": ending} if ending else {}),
    }


specs = st.one_of(
    st.builds(document, flow_nodes, st.sampled_from(IDS), st.booleans(), endings),
    st.builds(document, dag_nodes, st.none(), st.booleans(), endings),
    st.builds(document, blocks, st.just("block"), st.booleans(), endings),
    st.builds(document, st.one_of(flow_nodes, dag_nodes), st.sampled_from(["a", None]), st.booleans(), endings),
)


echo = {"tool": "cases.echo", "with": {"text": "${ inputs.t }"}}
count = {"tool": "text.count@^1", "with": {"text": "x"}, "save": {"n": 2}}
sound_nodes = st.sampled_from(
    [
        echo,
        count,
        {"set": {"n": 1}},
        {"emit": {"event": "hi", "data": "${ state.n }"}},
        {"wait": {"signal": "go", "key": "${ inputs.t }"}},
        {"human": {"title": "${ inputs.t }?"}, "mask": ["pin"]},
        {**echo, "map": {"each": "i", "in": [1, 2]}, "cache": True, "catch": [{"errors": ["any"], "result": None}]},
    ]
)


def in_line(nodes, as_flow):
    """Make a flow, or a DAG, in which each node comes after the one before; the flow is counted."""
    ids = [f"n{number}" for number in range(len(nodes))]
    if not as_flow:
        needs = [{}, *({"needs": [name]} for name in ids[:-1])]
        return {name: {**one, **more} for name, one, more in zip(ids, nodes, needs, strict=True)}
    again = [{"when": "${ state.n < 3 }", "to": "n0"}, {"else": "last"}]
    flow = {name: {**one, "next": after} for name, one, after in zip(ids, nodes, [*ids[1:], "turn"], strict=True)}
    return {**flow, "turn": {"set": {"n": 1}, "next": again}, "last": {**echo, "next": END}}


def sound_document(nodes, as_flow, in_block, ending):
    inner, start = in_line(nodes, as_flow), "n0" if as_flow else None
    if in_block:
        inner = {"block": {"flow": {"start": "n0", "nodes": inner}} if as_flow else {"dag": inner, "join": "any"}}
        start = None
    made = document(inner, start, limits=False, ending={"f": echo} if ending else {})
    return {**made, "outputs": {"n": "${ state.n }"}}


sound = st.builds(
    sound_document, st.lists(sound_nodes, min_size=1, max_size=4), st.booleans(), st.booleans(), st.booleans()
)
lawful = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@given(specs)
@lawful
def test_any_spec_gets_a_plan_or_problems_with_a_place(desk, spec):
    text = json.dumps(spec, indent=1)
    read, document, problems = desk.read(text, "json")
    if problems:
        return
    found = desk.plan(text)
    refusals = [one for one in desk.check(text) if not one.is_advice]
    if isinstance(found, Plan):
        assert refusals == []
        known = {step.id for step in found.steps} | {END}
        assert {target for step in found.steps if step.transition for target in step.transition.targets} <= known
        assert found.most_steps is None or found.most_steps >= 1
        assert digest_is_stable(found)
        return
    assert read is not None
    assert found
    for problem in found:
        assert problem.code.startswith("E")
        assert problem.message
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.path == "" or document.at(problem.path) is not None


@given(sound)
@lawful
def test_what_is_sound_is_planned(desk, spec):
    found = desk.plan(json.dumps(spec))
    assert isinstance(found, Plan), found
    assert digest_is_stable(found)
    assert found.most_steps is None or found.most_steps >= len(found.steps)


def digest_is_stable(plan):
    return Plan.model_validate_json(plan.model_dump_json(by_alias=True)).digest == plan.digest


@given(specs)
@lawful
def test_what_is_written_is_read_again(desk, spec):
    read, _, problems = desk.read(json.dumps(spec), "json")
    assume(not problems)
    for media in ("json", "yaml"):
        written = read.model_dump_json(by_alias=True, exclude_unset=True)
        again, _, problems = desk.read(written, media)
        assert problems == []
        assert again == read


@given(specs, st.randoms(use_true_random=False))
@lawful
def test_order_comments_labels_and_dress_do_not_change_the_digest(desk, spec, random):
    _, document, problems = desk.read(json.dumps(spec), "json")
    assume(not problems)
    other = shuffled(spec, random)
    other["metadata"] = {"labels": {"tier": "gold"}, "description": "another", **other["metadata"]}
    commented = json.dumps(other, indent=1).replace("\n", "\n# said beside it\n")
    _, dressed, problems = desk.read(commented, "yaml")
    assert problems == []
    assert spec_digest(dressed.value) == spec_digest(document.value)


def shuffled(value, random):
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(one, random) for one in value] if isinstance(value, list) else value


@given(st.one_of(sound, specs))
@lawful
def test_the_same_spec_gives_the_same_bytes(desk, spec):
    text = json.dumps(spec, indent=1)
    desk.plan(json.dumps(document({"a": {"tool": "cases.echo"}}, None, limits=False, ending={})))  # leaves no trace
    assert shown(desk.plan(text)) == shown(type(desk)().plan(text))


def shown(found):
    return found.model_dump_json(by_alias=True) if isinstance(found, Plan) else [one.as_dict() for one in found]


@given(st.one_of(sound, specs), st.data())
@lawful
def test_any_text_is_answered_within_the_text(desk, spec, data):
    text = json.dumps(spec, indent=1)
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, min(first + 20, len(text))))
    text = text[:first] + data.draw(st.text(max_size=8)) + text[last:]
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    found = desk.plan(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in found.warnings if isinstance(found, Plan) else found:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


atoms = st.sampled_from(
    [
        "inputs.t",
        "inputs.list",
        "state.n",
        "nodes.a.result",
        "1",
        "2.5",
        "'x'",
        "null",
        "true",
        "i",
        "secrets.KEY",
        "[]",
    ]
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "==", "<", "&&", "in"]), inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}({})".format, st.sampled_from(["size", "string", "int", "has", "timestamp", "no"]), inner),
        st.builds("{}.{}(i, {})".format, inner, st.sampled_from(["map", "filter", "all", "exists"]), inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}.x".format, inner),
        st.builds("{{'k': {}}}".format, inner),
    ),
    max_leaves=8,
)
SEEN = Scope(
    {
        "inputs": {"type": "object", "properties": {"t": {"type": "string"}, "list": {"type": "array"}}},
        "state": {"type": "object", "properties": {"n": {"type": "integer"}}},
        "nodes": {"type": "object", "properties": {"a": {"type": "object", "properties": {"result": {}}}}},
    },
    frozenset({"K"}),
)
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
    max_leaves=5,
)


@given(expressions, st.text(max_size=3), json_values)
@lawful
def test_no_expression_raises_past_the_port(desk, expression, noise, value):
    for text in (f"${{ {expression} }}", f"{noise}${{ {expression} }}", f"${{ {noise}{expression}"):
        made = compile_template(text, SEEN, desk.engine)
        if not isinstance(made, Template):
            assert all(0 <= problem.offset <= len(text) for problem in made)
            continue
        values_seen = {"inputs": {"t": "x", "list": value}, "state": {"n": 3}, "nodes": {"a": {"result": value}}}
        with suppress(ExpressionError):  # the only one that may come
            json.dumps(made.evaluate(values_seen), allow_nan=False)
