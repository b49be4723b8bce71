def echo(node):
    return f'tool: cases.echo, with: {{text: "${{ string(nodes.{node}.result) }}"}}'


PLAIN = "tool: cases.echo, with: {text: x}"


def test_what_comes_later_cannot_be_read(desk):
    body = f"start: a\nnodes:\n  a: {{{echo('b')}, next: b}}\n  b: {{{PLAIN}, next: end}}\n"
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == ("not-yet-run", "/nodes/a/with/text")
    assert problem.column == 49


def test_what_came_before_on_every_path_is_fine(desk):
    body = f"start: a\nnodes:\n  a: {{{PLAIN}, next: b}}\n  b: {{{echo('a')}, next: end}}\n"
    plan = desk.planned(body)
    assert plan.warnings == ()
    assert plan.step("b").reads == ("nodes.a.result",)


BRANCHES = (
    "inputs: {on: {type: boolean}}\nstart: a\n%snodes:\n"
    f'  a: {{{PLAIN}, next: [{{when: "${{ inputs.on }}", to: b}}, {{else: c}}]}}\n'
    f"  b: {{{PLAIN}, next: c}}\n  c: {{%s, next: end}}\n"
)


def test_what_may_have_been_left_out_is_advised_about(desk):
    assert desk.advised(BRANCHES % ("", echo("b"))) == [("may-not-have-run", "/nodes/c/with/text")]
    output = 'outputs: {b: "${ nodes.b.result }", a: "${ nodes.a.result }"}\n'
    assert desk.advised(BRANCHES % (output, PLAIN)) == [("may-not-have-run", "/outputs/b")]


def test_whoever_asks_for_null_is_not_advised(desk):
    careful = 'tool: cases.echo, with: {text: "${ nodes.b.result == null ? string(1) : string(nodes.b.status) }"}'
    assert desk.advised(BRANCHES % ("", careful)) == []


def test_its_own_result_of_the_round_before(desk):
    body = (
        f"limits: {{steps: 5}}\nstart: a\nnodes:\n  a: {{{echo('a')}, "
        'next: [{when: "${ nodes.a.result == 1 }", to: a}, {else: end}]}\n'
    )
    assert desk.advised(body) == [("may-not-have-run", "/nodes/a/with/text")]
    once = f"start: a\nnodes:\n  a: {{{echo('a')}, next: end}}\n"
    assert desk.refused(once) == [("not-yet-run", "/nodes/a/with/text")]


def test_a_sibling_must_be_needed_at_least_through_others(desk):
    reader = echo("a")
    body = f"nodes:\n  a: {{{PLAIN}}}\n  b: {{{PLAIN}, needs: [a]}}\n  c: {{{reader}, needs: [b]}}\n  d: {{{reader}}}\n"
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == ("not-yet-run", "/nodes/d/with/text")
    assert "needs: [a]" in problem.suggestion


def test_a_sibling_that_may_be_skipped(desk):
    body = f"nodes:\n  a: {{{PLAIN}, when: true}}\n  b: {{{echo('a')}, needs: [a]}}\n"
    assert desk.advised(body) == [("may-not-have-run", "/nodes/b/with/text")]
    outputs = f'outputs: {{x: "${{ nodes.a.result }}"}}\nnodes:\n  a: {{{PLAIN}, when: true}}\n'
    assert desk.advised(outputs) == [("may-not-have-run", "/outputs/x")]


BLOCK = (
    "start: a\nnodes:\n  a: {%s, next: block}\n"
    "  block:\n    dag:\n      one: {%s}\n      two: {dag: {deep: {%s}}, needs: [one]}\n"
    "    next: z\n  z: {%s, next: end}\n"
)


def test_reading_across_the_border_of_a_block(desk):
    assert desk.advised(BLOCK % (PLAIN, echo("a"), echo("one"), echo("deep"))) == []
    assert desk.refused(BLOCK % (echo("deep"), PLAIN, PLAIN, PLAIN)) == [("not-yet-run", "/nodes/a/with/text")]
    assert desk.refused(BLOCK % (PLAIN, echo("deep"), PLAIN, PLAIN)) == [
        ("not-yet-run", "/nodes/block/dag/one/with/text")
    ]
    assert desk.refused(BLOCK % (PLAIN, echo("block"), PLAIN, PLAIN)) == [
        ("not-yet-run", "/nodes/block/dag/one/with/text")
    ]
