import pytest

ECHO = "tool: cases.echo, with: {text: x}"
COUNTER = "state: {n: {type: integer, reduce: sum, default: 0}}\n"
AGAIN = '[{when: "${ state.n < 3 }", to: a}, {else: end}]'


def flow(*nodes):
    return "start: a\nnodes:\n" + "".join(f"  {node}\n" for node in nodes)


def block(inner, more=""):
    return f"{{dag: {{{inner}}}{more}}}"


LOOP = "next: [{when: true, to: a}, {else: end}]"
OF_LIST = ', map: {each: i, in: "${ inputs.l }"}'
LISTED = f"inputs: {{l: {{type: array}}}}\nnodes:\n  a: {block(f'x: {{{ECHO}}}', OF_LIST)}\n"

COUNTED = {
    "all members of a dag": (f"nodes:\n  a: {{{ECHO}}}\n  b: {{{ECHO}}}\n", 2),
    "a block, and what is in it": (f"nodes:\n  a: {block(f'x: {{{ECHO}}}, y: {{{ECHO}}}')}\n", 3),
    "the longest of several ways": (
        flow(
            'a: {set: {}, next: [{when: "${ run.attempt == 1 }", to: b}, {else: end}]}',
            f"b: {{{ECHO}, next: c}}",
            f"c: {{{ECHO}, next: end}}",
        ),
        3,
    ),
    "a way after an error": (
        flow(
            f"a: {{{ECHO}, next: end, catch: [{{errors: [any], to: b}}]}}",
            f"b: {{{ECHO}, next: end}}",
        ),
        2,
    ),
    "a counted loop": (COUNTER + flow(f"a: {{set: {{n: 1}}, next: {AGAIN}}}"), 3),
    "a counted loop of two": (
        COUNTER + flow(f"a: {{{ECHO}, next: b}}", f"b: {{set: {{n: 1}}, next: {AGAIN}}}"),
        6,
    ),
    "a loop that adds after it asked": (
        COUNTER
        + flow(
            'a: {set: {}, next: [{when: "${ state.n < 3 }", to: b}, {else: end}]}',
            "b: {set: {n: 1}, next: a}",
        ),
        8,  # the last round is cut in the middle, which is not looked at
    ),
    "a loop with a block in it": (
        COUNTER + flow("a: {set: {n: 1}, next: b}", f"b: {block(f'x: {{{ECHO}}}', f', next: {AGAIN}')}"),
        9,
    ),
    "visits": (
        flow(
            f"a: {{{ECHO}, limits: {{visits: 4}}, next: b}}",
            f"b: {{{ECHO}, {LOOP}}}",
        ),
        8,
    ),
    "visits of what is not entered first": (
        flow(
            f"a: {{{ECHO}, next: b}}",
            f"b: {{{ECHO}, limits: {{visits: 4}}, {LOOP}}}",
        ),
        9,
    ),
    "a loop in a loop": (
        COUNTER
        + flow(
            f"a: {{{ECHO}, limits: {{visits: 2}}, next: b}}",
            'b: {set: {n: 1}, next: [{when: "${ state.n < 3 }", to: b}, {when: true, to: a}, {else: end}]}',
        ),
        8,
    ),
    "a loop in a block that is in a loop": (
        COUNTER
        + flow(
            "a: {limits: {visits: 2}, flow: {start: x, nodes: {x: {set: {n: 1}, next: "
            '[{when: "${ state.n < 3 }", to: x}, {else: end}]}}}, next: [{when: true, to: a}, {else: end}]}'
        ),
        8,
    ),
    "a loop that only the limit of steps ends": (
        "limits: {steps: 7}\n" + flow(f"a: {{{ECHO}, {LOOP}}}"),
        7,
    ),
    "less than the limit of steps": (f"limits: {{steps: 7}}\nnodes:\n  a: {{{ECHO}}}\n", 1),
    "a loop whose bound is an input": (
        "inputs: {most: {type: integer}}\n"
        + COUNTER
        + flow('a: {set: {n: 1}, next: [{when: "${ state.n < inputs.most }", to: a}, {else: end}]}'),
        None,
    ),
    "a mapped tool is one step": (f"nodes:\n  a: {{{ECHO}, map: {{each: i, in: [1, 2, 3]}}}}\n", 1),
    "a mapped block, item by item": (
        f"nodes:\n  a: {block(f'x: {{{ECHO}}}, y: {{{ECHO}}}', ', map: {each: i, in: [1, 2, 3]}')}\n",
        7,
    ),
    "items that an input decides": (LISTED, None),
    "items that a limit bounds": ("limits: {fan_out: 5}\n" + LISTED, 6),
    "what runs at the end": (
        "limits: {steps: 3}\n" + flow(f"a: {{{ECHO}, {LOOP}}}") + f"finally:\n  f: {{{ECHO}}}\n  g: {{{ECHO}}}\n",
        5,
    ),
}


@pytest.mark.parametrize("name", COUNTED)
def test_the_most_steps_of_a_run(desk, name):
    body, expected = COUNTED[name]
    assert desk.planned(body).most_steps == expected


def test_a_number_that_tells_nobody_anything_is_none(desk):
    body = f"x: {{{ECHO}, limits: {{visits: 1000000}}, next: [{{when: true, to: x}}, {{else: end}}]}}"
    for name in ("c", "b", "a"):
        start = {"c": "x", "b": "c", "a": "b"}[name]
        again = f"next: [{{when: true, to: {name}}}, {{else: end}}]"
        body = f"{name}: {{flow: {{start: {start}, nodes: {{{body}}}}}, limits: {{visits: 1000000}}, {again}}}"
    assert desk.planned(f"start: a\nnodes: {{{body}}}\n").most_steps is None
