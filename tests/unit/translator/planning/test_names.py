FLOW = "start: a\nnodes:\n"


def test_an_unknown_target_is_shown_with_the_nearest_name(desk):
    [problem] = desk.problems(
        FLOW + "  a: {tool: cases.echo, with: {text: x}, next: sumarize}\n"
        "  summarize: {tool: cases.echo, with: {text: x}, next: end}\n"
    )
    assert (problem.name, problem.path, problem.line, problem.column) == ("unknown-node", "/nodes/a/next", 6, 48)
    assert "summarize" in problem.suggestion
    assert "sumarize" not in problem.message


def test_start_must_be_a_node(desk):
    found = desk.problems("start: b\nnodes:\n  a: {tool: cases.echo, with: {text: x}, next: end}\n")
    assert ("unknown-node", "/start") in [(one.name, one.path) for one in found]


def test_a_target_inside_a_block_is_no_sibling(desk):
    body = (
        FLOW
        + "  a: {tool: cases.echo, with: {text: x}, next: inner}\n"
        + ("  block: {dag: {inner: {tool: cases.echo, with: {text: x}}}, next: end}\n")
    )
    assert ("not-a-sibling", "/nodes/a/next") in desk.refused(body)


def test_channels_that_are_not_declared(desk):
    body = (
        "state: {text: {type: string}}\n" + FLOW + "  a: {tool: cases.echo, with: {text: x}, save: {texd: x}, "
        "reset: [other], next: b}\n  b: {set: {more: 1}, next: end}\n"
    )
    assert desk.refused(body) == [
        ("unknown-channel", "/nodes/a/save/texd"),
        ("unknown-channel", "/nodes/a/reset/0"),
        ("unknown-channel", "/nodes/b/set/more"),
    ]


def test_a_secret_that_is_not_declared(desk):
    body = FLOW + "  a: {tool: web.search, with: {query: x}, auth: {token: SEARCH_KEY}, next: end}\n"
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == ("unknown-secret", "/nodes/a/auth/token")
    assert "secrets:" in problem.suggestion


def test_a_workflow_that_calls_itself(desk):
    body = FLOW + "  a: {workflow: tried@^1, next: end}\n"
    assert desk.refused(body) == [("workflow-cycle", "/nodes/a/workflow")]
