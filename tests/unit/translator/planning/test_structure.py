ECHO = "tool: cases.echo, with: {text: x}"


def test_what_contradicts_first_is_shown(desk):
    body = f"nodes:\n  a: {{{ECHO}, needs: []}}\n  b: {{{ECHO}, next: end}}\nstart: a\n"
    assert ("mixed-flow-and-dag", "/nodes/b/next") in desk.refused(body)


def test_when_belongs_to_a_dag(desk):
    body = (
        f'inputs: {{on: {{type: boolean}}}}\nstart: a\nnodes:\n  a: {{{ECHO}, when: "${{ inputs.on }}", next: end}}\n'
    )
    assert desk.refused(body) == [("mixed-flow-and-dag", "/nodes/a/when")]


def test_next_in_a_dag_block_is_a_contradiction(desk):
    body = f"start: a\nnodes:\n  a:\n    dag: {{b: {{{ECHO}, next: end}}}}\n    next: end\n"
    assert desk.refused(body) == [("mixed-flow-and-dag", "/nodes/a/dag/b/next")]


def test_every_unreachable_node_is_named_but_not_beside_a_misspelt_target(desk):
    island = f"  c: {{{ECHO}, next: end}}\n"
    body = f"start: a\nnodes:\n  a: {{{ECHO}, next: end}}\n  b: {{{ECHO}, next: end}}\n{island}"
    assert desk.refused(body) == [("unreachable-node", "/nodes/b"), ("unreachable-node", "/nodes/c")]
    misspelt = f"start: a\nnodes:\n  a: {{{ECHO}, next: cc}}\n{island}"
    assert desk.refused(misspelt) == [("unknown-node", "/nodes/a/next")]


def test_only_the_first_node_that_never_ends_is_named(desk):
    body = (
        f"limits: {{steps: 9}}\nstart: z\nnodes:\n  z: {{{ECHO}, next: a}}\n"
        f"  a: {{{ECHO}, next: b}}\n  b: {{{ECHO}, next: a}}\n"
    )
    assert desk.refused(body) == [("never-ends", "/nodes/z")]


def test_a_failure_is_an_end(desk):
    assert desk.planned("start: a\nnodes:\n  a: {fail: {error: no-luck}}\n").step("a").transition is None


def test_the_need_that_closes_the_circle_is_shown(desk):
    body = (
        f"nodes:\n  a: {{{ECHO}, needs: [c]}}\n  b: {{{ECHO}, needs: [a]}}\n  c: {{{ECHO}, needs: [b]}}\n"
        f"  d: {{{ECHO}, needs: [c, d]}}\n"
    )
    assert desk.refused(body) == [("needs-cycle", "/nodes/c/needs/0"), ("needs-cycle", "/nodes/d/needs/1")]


def test_a_map_without_telling_keys_is_a_dag(desk):
    plan = desk.planned(f"nodes:\n  a: {{{ECHO}}}\n  b: {{{ECHO}}}\n")
    assert plan.is_dag
    assert plan.start is None
