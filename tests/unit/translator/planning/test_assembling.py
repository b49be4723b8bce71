PLAIN = "tool: cases.echo, with: {text: x}"


def test_definitions_stand_beside_the_schemas_that_refer_to_them(desk):
    body = (
        "defs: {Report: {type: object, required: [text], properties: {text: {type: string}}}}\n"
        f'nodes:\n  a: {{{PLAIN}, result: {{$ref: "#/defs/Report"}}}}\n  b: {{{PLAIN}, result: false}}\n'
    )
    plan = desk.planned(body)
    assert plan.defs["Report"]["required"] == ["text"]
    assert plan.step("a").result == {"$ref": "#/defs/Report"}
    assert plan.step("b").result == {"not": {}}


def test_defaults_apply_to_what_can_be_tried_again(desk):
    body = (
        "defaults: {timeout: 5m, retry: {max: 2, errors: [timeout]}}\nstart: a\nnodes:\n"
        f"  a: {{{PLAIN}, timeout: 1s, next: b}}\n"
        f"  b: {{luigi: cases.Copy, with: {{text: x}}, retry: {{max: 0}}, next: c}}\n"
        "  c: {human: {title: Well?}, next: d}\n  d: {dag: {e: {set: {}}}, next: end}\n"
    )
    plan = desk.planned(body)
    assert {step.id: step.timeout_seconds for step in plan.steps} == {"a": 1, "b": 300, "c": None, "d": None, "e": None}
    assert {step.id: step.retry.max for step in plan.steps} == {"a": 2, "b": 0, "c": 0, "d": 0, "e": 0}
    assert plan.step("a").retry.errors == ("timeout",)


def test_a_block_stands_before_its_members_and_knows_their_results(desk):
    body = (
        "start: z\nnodes:\n  z:\n    fail_fast: true\n"
        "    dag: {a: {tool: text.count@^1, with: {text: x}}, b: {dag: {c: {set: {}}}, needs: [a, a]}}\n    next: end\n"
    )
    plan = desk.planned(body)
    assert [(step.id, step.block) for step in plan.steps] == [("z", None), ("a", "z"), ("b", "z"), ("c", "b")]
    assert plan.step("z").fail_fast
    assert plan.step("b").needs == ("a",)
    known = plan.step("z").result_known["properties"]
    assert known["a"]["properties"]["words"] == {"type": "integer"}
    assert known["b"] == {"type": "object"}
    assert plan.step("c").result_known == {"type": "null"}


def test_what_a_person_is_asked(desk):
    body = "nodes:\n  a: {human: {title: Well?, description: Think., assignees: [x]}, timeout: 1h}\n"
    step = desk.planned(body).step("a")
    assert (step.human.title, step.human.description, step.human.assignees) == ("Well?", "Think.", ("x",))
    assert step.result is None
    assert step.timeout_seconds == 3600


def test_a_failure_keeps_its_message_as_it_is(desk):
    step = desk.planned('nodes:\n  a: {fail: {error: no-luck, message: "in ${ run.id }"}}\n').step("a")
    assert (step.fail.error, step.fail.message) == ("no-luck", "in ${ run.id }")
    assert step.result_known == {"type": "null"}
