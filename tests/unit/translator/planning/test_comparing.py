import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from translator.planning.comparing import compare
from translator.planning.plan import Binding, Plan, Step
from translator.planning.resting import accepts

FLOW = """\
inputs: {topic: {type: string}, rounds: {type: integer, default: 3}}
state: {draft: {type: string}, seen: {type: array, reduce: append}}
outputs: {draft: "${ state.draft }"}
start: write
nodes:
  write:
    tool: cases.echo
    with: {text: "${ inputs.topic }"}
    save: {draft: "${ inputs.topic }"}
    next: ask
  ask:
    human: {title: "Fine?"}
    result: {type: object, required: [verdict], properties: {verdict: {enum: [yes, no]}}}
    save: {seen: "${ [inputs.rounds] }"}
    next: [{when: "${ result.verdict == 'yes' }", to: end}, {else: spare}]
  spare: {set: {draft: "none"}, next: end}
"""


def named(changes):
    return [(one.kind, one.name, [(field.field, field.before, field.after) for field in one.fields]) for one in changes]


def differ(desk, *edits):
    text = FLOW
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return compare(desk.planned(FLOW), desk.planned(text))


def resting(diff):
    return {one.node: (one.can_go_on, one.why) for one in diff.waiting}


def test_a_plan_is_no_different_from_itself(desk):
    plan = desk.planned(FLOW)
    diff = compare(plan, plan)

    assert diff.is_empty
    assert resting(diff) == {"ask": (True, ())}


def test_fields_of_a_step_are_told_with_both_values(desk):
    diff = differ(desk, ('with: {text: "$', 'timeout: 5s\n    with: {text: "new $'))

    assert named(diff.steps) == [
        (
            "changed",
            "write",
            [("arguments.text", "${ inputs.topic }", "new ${ inputs.topic }"), ("timeout_seconds", None, 5.0)],
        )
    ]
    assert diff.counts == {"added": 0, "changed": 1, "removed": 0}


def test_steps_come_and_go_with_their_ways(desk):
    diff = differ(desk, ("spare: {set: {draft: ", "other: {set: {draft: "), ("else: spare", "else: other"))

    assert named(diff.steps) == [("added", "other", []), ("removed", "spare", [])]
    assert [one.about for one in diff.steps] == ["set", "set"]
    assert named(diff.transitions) == [
        ("added", "ask → other", []),
        ("added", "other → end", []),
        ("removed", "ask → spare", []),
        ("removed", "spare → end", []),
    ]


def test_a_condition_of_a_way_is_told(desk):
    diff = differ(desk, ("== 'yes'", "!= 'no'"))

    assert named(diff.transitions) == [
        ("changed", "ask → end", [("when", "${ result.verdict == 'yes' }", "${ result.verdict != 'no' }")])
    ]
    assert not diff.steps


def test_inputs_outputs_state_limits_and_the_rest(desk):
    diff = differ(
        desk,
        ("rounds: {type: integer, default: 3}", "rounds: {type: integer, default: 4}, more: {type: string}"),
        (
            'outputs: {draft: "${ state.draft }"}',
            'outputs: {text: "${ state.draft + inputs.more }"}\nlimits: {steps: 9}',
        ),
        ("draft: {type: string}", "draft: {type: string, default: d}"),
        ("start: write", "start: ask"),
        ("else: spare", "else: write"),
        ("to: end}", "to: spare}"),
    )

    assert named(diff.inputs) == [("changed", "rounds", [("default", 3, 4)]), ("added", "more", [])]
    assert named(diff.outputs) == [("added", "text", []), ("removed", "draft", [])]
    assert named(diff.state) == [("changed", "draft", [("default", None, "d")])]
    assert next((one.field, one.before, one.after) for one in diff.limits) == ("steps", None, 9)
    assert [one.field for one in diff.plan] == ["start"]


def test_a_new_version_of_a_tool_is_told_down_to_its_source(desk):
    old = desk.planned("nodes:\n  a: {tool: text.count@1, with: {text: x}}\n")
    new = desk.planned("nodes:\n  a: {tool: text.count@2, with: {text: x}}\n")
    fields = {one.field: (one.before, one.after) for one in compare(old, new).steps[0].fields}

    assert fields["call.version"] == ("1.2.0", "2.0.0")
    assert fields["call.source_digest"] == ("bb", "cc")
    assert fields["call.parameters.properties.least"][1] is None


def test_another_order_of_saves_in_a_dag_is_another_plan(desk):
    head = "state: {x: {type: array, reduce: append}}\nnodes:\n"
    first, second = "  a: {set: {x: [1]}}\n", "  b: {set: {x: [2]}}\n"
    diff = compare(desk.planned(head + first + second), desk.planned(head + second + first))

    assert [(one.field, one.before, one.after) for one in diff.plan] == [("order", ["a", "b"], ["b", "a"])]


def test_nothing_secret_is_shown():
    def plan(token, password):
        arguments = {"query": token, "login": {"pin": password}, "list": [{"pin": password}]}
        return Plan(
            spec_name="x", spec_digest="", inputs={}, start="a",
            steps=(Step(id="a", verb="tool", path="/nodes/a", arguments=arguments, mask=("pin",)),),
        )  # fmt: skip

    first = plan("ghp_0123456789abcdefghij0123", "first-password")
    second = plan("ghp_other56789abcdefghij0123", "second-password")
    open_ = second.model_copy(update={"steps": (second.steps[0].model_copy(update={"mask": ()}),)})

    shown = json.dumps([compare(first, open_).model_dump(), compare(plan("a", "b"), second).model_dump()])
    assert "password" not in shown
    assert "ghp_" not in shown
    assert '"***"' in shown


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([("ask:", "asked:"), ("next: ask", "next: asked")], "there is no `ask` any more"),
        ([("[yes, no]", "[yes, no, maybe]")], "`ask` asks for a result of another schema"),
        ([("type: array, reduce: append", "type: array, reduce: union")], "reduced by union, it was by append"),
        ([("draft: {type: string}", "draft: {type: string, maxLength: 9}")], "values of `state.draft` may not fit"),
        ([("inputs: {", "inputs: {fresh: {type: string}, ")], "`inputs.fresh` is new and required"),
        ([("topic: {type: string}", "topic: {type: string, minLength: 3}")], "values of `inputs.topic` may not fit"),
    ],
)
def test_what_keeps_a_waiting_run_from_going_on(desk, edits, reason):
    can_go_on, why = resting(differ(desk, *edits))["ask"]

    assert not can_go_on
    assert len(why) == 1
    assert reason in why[0]


@pytest.mark.parametrize(
    "edits",
    [
        [('title: "Fine?"', 'title: "Fine now?"')],
        [("seen: {type: array, reduce: append}", "seen: {type: array, reduce: append}, more: {type: string}")],
        [("inputs: {", "inputs: {fresh: {type: string, default: x}, ")],
        [("topic: {type: string}", "topic: {type: [string, 'null'], description: what}"), ("${ inputs.topic }", "x")],
    ],
)
def test_a_waiting_run_can_go_on_with_what_it_does_not_notice(desk, edits):
    assert resting(differ(desk, *edits)) == {"ask": (True, ())}


def test_a_node_that_moved_into_a_block_is_another_one():
    def plan(*steps):
        return Plan(spec_name="x", spec_digest="", inputs={}, is_dag=True, steps=steps)

    lone = plan(Step(id="ask", verb="human", path=""))
    inside = plan(Step(id="b", verb="dag", path=""), Step(id="ask", verb="human", path="", block="b"))

    assert resting(compare(lone, inside)) == {"ask": (False, ("`ask` stands in other blocks",))}


def calling(digest, *children):
    call = Binding(kind="workflow", name="child", version="r1", source_digest=digest, parameters={}, result={})
    return Plan(
        digest=f"parent-of-{digest}",
        spec_name="parent",
        spec_digest="",
        inputs={},
        start="go",
        steps=(Step(id="go", verb="workflow", path="", call=call),),
        workflows={
            digest: Plan(digest=digest, spec_name="child", spec_digest="", inputs={}, start="ask", steps=children)
        },
    )


def test_called_workflows_are_compared_too():
    ask = Step(id="ask", verb="human", path="", result={"type": "string"})
    diff = compare(calling("d1", ask), calling("d2", ask.model_copy(update={"result": {"type": "number"}})))

    assert [one.field for one in diff.steps[0].fields] == ["call.source_digest"]
    assert [(one.old, one.new, one.spec) for one in diff.workflows] == [("d1", "d2", "child")]
    assert resting(diff) == {"go/ask": (False, ("`ask` asks for a result of another schema",))}
    assert resting(compare(calling("d1", ask), calling("d2", ask))) == {"go/ask": (True, ())}


NUMBERS = st.integers(-5, 5)
SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "number", ["integer", "null"]]),
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "enum": st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=3, unique=True),
        "description": st.just("x"),
    },
)


@given(SCHEMAS, SCHEMAS, st.one_of(st.none(), NUMBERS, st.just(1.5)))
def test_what_accepts_an_old_schema_takes_all_its_values(new, old, value):
    if accepts(new, old) and Draft202012Validator(old).is_valid(value):
        assert Draft202012Validator(new).is_valid(value)
