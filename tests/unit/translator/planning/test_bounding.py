import pytest

PLAIN = "tool: cases.echo, with: {text: x}"
STATE = "state: {n: {type: integer, reduce: sum, default: 0}, m: {type: integer, reduce: sum}, t: {type: integer}}\n"


def loop(condition, save="n: 1", more="", head=""):
    """Make a loop of two nodes: a adds, b goes back on a condition."""
    return (
        f"{head}inputs: {{most: {{type: integer}}}}\n{STATE}start: a\nnodes:\n"
        f"  a: {{{PLAIN}, save: {{{save}}}, next: b{more}}}\n"
        f'  b: {{{PLAIN}, next: [{{when: "${{ {condition} }}", to: a}}, {{else: end}}]}}\n'
    )


@pytest.mark.parametrize(
    ("condition", "save", "rounds"),
    [
        ("state.n < 3", "n: 1", 3),
        ("state.n <= 3", "n: 1", 4),
        ("state.n < 10", "n: 3", 4),
        ("3 > state.n && true", "n: 1", 3),
        ("state.n < 0", "n: 1", 1),
    ],
)
def test_a_counter_below_a_constant_bounds_its_rounds(desk, condition, save, rounds):
    [bound] = desk.planned(loop(condition, save)).bounds
    assert (bound.by, bound.nodes, bound.at_most) == ("counter", ("a", "b"), rounds)
    assert f"{rounds} rounds" in bound.text


def test_an_input_bounds_without_telling_how_often(desk):
    [bound] = desk.planned(loop("state.n < inputs.most")).bounds
    assert (bound.by, bound.at_most) == ("counter", None)
    assert "state.n < inputs.most" in bound.text


def test_the_maximum_of_an_input_is_a_number(desk):
    [bound] = desk.planned(
        loop("state.n < inputs.most").replace("type: integer}}", "type: integer, maximum: 5}}", 1)
    ).bounds
    assert bound.at_most == 5
    assert "where inputs.most is at most 5" in bound.text


@pytest.mark.parametrize(
    ("condition", "save", "more"),
    [
        ("state.n > 3", "n: 1", ""),  # the wrong way round
        ("state.n < 3", "m: 1", ""),  # another counter
        ("state.n < 3", "n: 0", ""),  # stands still
        ("state.n < 3", "n: -1", ""),  # goes down
        ("state.t < 3", "t: 1", ""),  # no sum: it is written anew each time
        ("state.n < 3", 'n: "${ inputs.most }"', ""),  # not known to be positive
        ("state.n < 3", "n: 1", ", reset: [n]"),
    ],
)
def test_what_is_no_counter(desk, condition, save, more):
    assert desk.refused(loop(condition, save, more)) == [("unbounded-cycle", "/nodes/b/next/0/to")]


def test_written_limits_bound_every_cycle(desk):
    [steps] = desk.planned(loop("state.n > 3", head="limits: {steps: 40}\n")).bounds
    assert (steps.by, "40" in steps.text) == ("limits.steps", True)
    [visits] = desk.planned(loop("state.n > 3", more=", limits: {visits: 5}")).bounds
    assert (visits.by, visits.at_most) == ("limits.visits", 5)


def test_visits_of_every_node_on_the_cycle(desk):
    body = (
        f"{STATE}start: a\nnodes:\n  a: {{{PLAIN}, limits: {{visits: 7}}, "
        'next: [{when: "${ state.n > 1 }", to: a}, {else: end}]}\n'
    )
    assert [bound.by for bound in desk.planned(body).bounds] == ["limits.visits"]


def test_a_way_around_the_counter_is_not_bounded(desk):
    body = (
        f"{STATE}start: a\nnodes:\n"
        f'  a: {{{PLAIN}, next: [{{when: "${{ state.n > 1 }}", to: b}}, {{else: c}}]}}\n'
        f"  b: {{{PLAIN}, save: {{n: 1}}, next: c}}\n"
        f'  c: {{{PLAIN}, next: [{{when: "${{ state.n < 3 }}", to: a}}, {{else: end}}]}}\n'
    )
    assert desk.refused(body) == [("unbounded-cycle", "/nodes/c/next/0/to")]


def test_the_second_way_back_needs_a_bound_of_its_own(desk):
    body = (
        f"{STATE}start: a\nnodes:\n"
        f"  a: {{{PLAIN}, save: {{n: 1}}, next: b}}\n"
        f'  b: {{{PLAIN}, next: [{{when: "${{ state.n < 3 }}", to: a}}, {{when: "${{ state.t == 1 }}", to: a}}, '
        "{else: end}]}\n"
    )
    assert desk.refused(body) == [("unbounded-cycle", "/nodes/b/next/0/to")]


def test_a_loop_in_a_loop_whose_counter_begins_anew(desk):
    body = (
        f"{STATE}start: a\nnodes:\n"
        f"  a: {{{PLAIN}, reset: [m], save: {{n: 1}}, next: b}}\n"
        f'  b: {{{PLAIN}, save: {{m: 1}}, next: [{{when: "${{ state.m < 2 }}", to: b}}, '
        '{when: "${ state.n < 3 }", to: a}, {else: end}]}\n'
    )
    bounds = desk.planned(body).bounds
    assert [(bound.nodes, bound.by) for bound in bounds] == [(("a", "b"), "counter"), (("b",), "counter")]


def test_what_an_earlier_branch_catches_bounds_the_else(desk):
    body = (
        f"{STATE}start: a\nnodes:\n"
        f'  a: {{{PLAIN}, save: {{n: 1}}, next: [{{when: "${{ state.n >= 3 }}", to: end}}, {{else: a}}]}}\n'
    )
    [bound] = desk.planned(body).bounds
    assert bound.at_most == 3


def test_a_member_that_may_be_skipped_does_not_count(desk):
    body = (
        f"{STATE}start: a\nnodes:\n  a:\n    dag: {{c: {{set: {{n: 1}}%s}}}}\n"
        '    next: [{when: "${ state.n < 3 }", to: a}, {else: end}]\n'
    )
    assert desk.planned(body % "").bounds[0].at_most == 3
    assert desk.refused(body % ", when: true") == [("unbounded-cycle", "/nodes/a/next/0/to")]


def test_many_entangled_counters_do_not_take_for_ever(desk):
    rows = [
        f"  n{i}: {{{PLAIN}, save: {{n: 1}}, "
        f'next: [{{when: "${{ state.n < {i} }}", to: n{i + 1}}}, {{else: n{i // 2}}}]}}\n'
        for i in range(400)
    ]
    body = f"limits: {{steps: 9}}\n{STATE}start: n0\nnodes:\n{''.join(rows)}  n400: {{{PLAIN}, next: end}}\n"
    plan = desk.planned(body)
    assert sum(len(bound.nodes) for bound in plan.bounds) < 30_000
