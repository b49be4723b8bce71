from translator.planning.plan import UsageLimits

ECHO = "tool: cases.echo, with: {text: x}"


def test_later_keys_are_refused_at_their_keys(desk):
    body = (
        "start: b\nnodes:\n"
        f"  b: {{{ECHO}, compensate: {{tool: cases.echo, with: {{text: x}}}}, next: c}}\n"
        f"  c: {{dag: {{d: {{{ECHO}}}}}, retry: {{max: 1}}, next: end}}\n"
    )
    assert desk.refused(body) == [("not-available-yet", "/nodes/b/compensate")]


def test_limits_of_usage_are_in_the_plan(desk):
    limits = "{tokens: 5, cost_usd: 0.5, tool_calls: 7, artifacts_bytes: 9, no_progress: 3}"
    planned = desk.planned(f"limits: {limits}\nstart: b\nnodes:\n  b: {{{ECHO}, limits: {limits}, next: end}}\n")
    expected = UsageLimits(tokens=5, cost_usd=0.5, tool_calls=7, artifacts_bytes=9, no_progress=3)
    assert planned.steps[0].limits == expected
    assert UsageLimits(**planned.limits.model_dump(include=set(UsageLimits.model_fields))) == expected


def test_the_text_alone_may_hold_what_comes_later(desk):
    text = (
        "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: tried}\nstart: a\nnodes:\n"
        "  a: {agent: {model: m, instructions: Write.}, result: {type: object}, next: b}\n"
        '  b: {map: {each: one, in: "${ nodes.a.result.list }"}, tool: x.y, with: {z: "${ one.name }"}, next: c}\n'
        '  c: {wait: {poll: {tool: x.y}, every: 1m, until: "${ result.ready }"}, next: end}\n'
    )
    assert desk.check(text) == []


def test_what_asks_for_nothing_is_no_later_key(desk):
    body = f"nodes:\n  a: {{{ECHO}, cache: false, mask: [], catch: []}}\n  b: {{dag: {{c: {{{ECHO}}}}}, join: all}}\n"
    assert [step.id for step in desk.planned(body).steps] == ["a", "b", "c"]
