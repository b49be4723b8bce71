def node(text):
    return f"nodes:\n  a: {{{text}}}\n"


def test_the_newest_version_that_fits_is_bound(desk):
    for wanted, version in (("text.count", "2.0.0"), ("text.count@^1", "1.2.0"), ("text.count@2", "2.0.0")):
        call = desk.planned(node(f"tool: {wanted}, with: {{text: x}}")).step("a").call
        assert (call.name, call.version, call.kind) == ("text.count", version, "tool")


def test_versions_that_there_are_are_listed(desk):
    [problem] = desk.problems(node("tool: text.count@^7, with: {text: x}"))
    assert (problem.name, problem.path) == ("unknown-version", "/nodes/a/tool")
    assert "2.0.0, 1.2.0" in problem.suggestion


def test_a_tool_is_no_stage(desk):
    assert desk.refused(node("luigi: cases.echo, with: {text: x}")) == [("unknown-stage", "/nodes/a/luigi")]


def test_missing_arguments_are_missed_where_arguments_stand(desk):
    assert desk.refused(node("tool: cases.echo, with: {}")) == [("missing-parameter", "/nodes/a/with")]
    assert desk.refused(node("tool: cases.echo")) == [("missing-parameter", "/nodes/a")]


def test_unknown_arguments_are_shown_at_their_key(desk):
    [problem] = desk.problems(node("tool: cases.echo, with: {text: x, txt: y}"))
    assert (problem.name, problem.path) == ("unknown-parameter", "/nodes/a/with/txt")
    assert "text" in problem.suggestion


def test_a_tool_that_declares_no_parameters_takes_any(desk):
    assert desk.planned(node("tool: free.form, with: {whatever: 1}")).step("a").arguments == {"whatever": 1}


def test_a_secret_stands_for_an_argument_where_the_catalog_allows_it(desk):
    head = "secrets: [SEARCH_KEY, OTHER]\n"
    allowed = head + node("tool: web.search, with: {query: x}, auth: {token: SEARCH_KEY}")
    assert desk.planned(allowed).step("a").auth == {"token": "SEARCH_KEY"}
    other = head + node("tool: web.search, with: {query: x}, auth: {token: OTHER}")
    assert desk.refused(other) == [("unknown-secret", "/nodes/a/auth/token")]
    elsewhere = head + node("tool: web.search, with: {query: x, token: y}, auth: {key: SEARCH_KEY}")
    assert desk.refused(elsewhere) == [("unknown-parameter", "/nodes/a/auth/key")]
