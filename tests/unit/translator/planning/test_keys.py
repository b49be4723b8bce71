import pytest

ECHO = "tool: cases.echo, with: {text: x}"
COUNT = "tool: text.count@^1, with: {text: x}"
STATE = "state:\n  one: {type: string}\n  many: {type: array, reduce: append, default: []}\n"


def flow(*nodes):
    return "start: a\nnodes:\n" + "".join(f"  {node}\n" for node in nodes)


def dag(*nodes):
    return "nodes:\n" + "".join(f"  {node}\n" for node in nodes)


def at_end(*nodes):
    return dag(f"a: {{{ECHO}}}") + "finally:\n" + "".join(f"  {node}\n" for node in nodes)


def mapped(inner, more=""):
    return f"nodes:\n  b:\n    map: {{each: i, in: [1, 2]}}\n    dag: {{x: {{{inner}}}}}\n{more}"


REFUSED = {
    "a next beside a decision": (
        flow("a: {decide: {among: [b, end], tool: free.form}, next: b}", f"b: {{{ECHO}, next: end}}"),
        ("unknown-field", "/nodes/a/next"),
    ),
    "a choice that is no node": (
        flow("a: {decide: {among: [bb, end], tool: free.form}}"),
        ("unknown-node", "/nodes/a/decide/among/0"),
    ),
    "a choice of a dag that is no node": (
        dag("a: {decide: {among: [bb], tool: free.form}}"),
        ("unknown-node", "/nodes/a/decide/among/0"),
    ),
    "the end of a dag": (
        dag("a: {decide: {among: [b, end], tool: free.form}}", f"b: {{{ECHO}, needs: [a]}}"),
        ("unknown-node", "/nodes/a/decide/among/1"),
    ),
    "a choice from another map": (
        dag("a: {decide: {among: [x], tool: free.form}}", f"b: {{dag: {{x: {{{ECHO}}}}}}}"),
        ("not-a-sibling", "/nodes/a/decide/among/0"),
    ),
    "a choice that does not wait": (
        dag("a: {decide: {among: [b, c], tool: free.form}}", f"b: {{{ECHO}, needs: [a]}}", f"c: {{{ECHO}}}"),
        ("choice-without-need", "/nodes/a/decide/among/1"),
    ),
    "a catch of a dag that leads on": (
        dag(f"a: {{{ECHO}, catch: [{{errors: [any], to: b}}]}}", f"b: {{{ECHO}}}"),
        ("unknown-field", "/nodes/a/catch/0/to"),
    ),
    "a catch that leads nowhere": (
        flow("a: {fail: {error: no-luck}, catch: [{errors: [no-luck]}]}"),
        ("missing-field", "/nodes/a/catch/0"),
    ),
    "more to join than there is": (
        f"nodes:\n  a: {{join: {{count: 2}}, dag: {{x: {{{ECHO}}}}}}}\n",
        ("out-of-range", "/nodes/a/join/count"),
    ),
    "more to join at the top": ("join: {count: 2}\n" + dag(f"a: {{{ECHO}}}"), ("out-of-range", "/join/count")),
    "a join of a flow": (
        f"nodes:\n  a: {{join: any, flow: {{start: x, nodes: {{x: {{{ECHO}, next: end}}}}}}}}\n",
        ("unknown-field", "/nodes/a/join"),
    ),
    "a fast failure of a flow": (
        "fail_fast: true\n" + flow(f"a: {{{ECHO}, next: end}}"),
        ("unknown-field", "/fail_fast"),
    ),
    "a cache of a question": (dag("a: {human: {title: x}, cache: true}"), ("unknown-field", "/nodes/a/cache")),
    "a key of no effect": (
        dag("a: {emit: {event: hi}, idempotency_key: k}"),
        ("unknown-field", "/nodes/a/idempotency_key"),
    ),
    "a mask of nothing": (dag("a: {wait: {for: 5m}, mask: [x]}"), ("unknown-field", "/nodes/a/mask")),
    "a poll of a workflow": (
        dag("a: {wait: {poll: {workflow: other}, every: 1m, until: true}}"),
        ("unknown-field", "/nodes/a/wait/poll/workflow"),
    ),
    "a poll without an end": (
        dag(f"a: {{wait: {{poll: {{{COUNT}}}, every: 1m}}}}"),
        ("missing-field", "/nodes/a/wait"),
    ),
    "a poll whose end is no condition": (
        dag(f'a: {{wait: {{poll: {{{COUNT}}}, every: 1m, until: "${{ result.words }}"}}}}'),
        ("type-mismatch", "/nodes/a/wait/until"),
    ),
    "a time that is none": (dag("a: {wait: {until: tomorrow}}"), ("type-mismatch", "/nodes/a/wait/until")),
    "a time without an offset": (
        dag('a: {wait: {until: "2030-01-31T09:00:00"}}'),
        ("type-mismatch", "/nodes/a/wait/until"),
    ),
    "a time that is a number": (
        "inputs: {q: {type: integer}}\n" + dag('a: {wait: {until: "${ inputs.q }"}}'),
        ("type-mismatch", "/nodes/a/wait/until"),
    ),
    "a signal's key that is a number": (
        "inputs: {q: {type: integer}}\n" + dag('a: {wait: {signal: s, key: "${ inputs.q }"}}'),
        ("type-mismatch", "/nodes/a/wait/key"),
    ),
    "an effect's key that is a number": (
        "inputs: {q: {type: integer}}\n" + dag(f'a: {{{ECHO}, idempotency_key: "${{ inputs.q }}"}}'),
        ("type-mismatch", "/nodes/a/idempotency_key"),
    ),
    "a map over a text": (
        "inputs: {q: {type: string}}\n" + dag(f'a: {{{ECHO}, map: {{each: i, in: "${{ inputs.q }}"}}}}'),
        ("type-mismatch", "/nodes/a/map/in"),
    ),
    "a share of more than all": (
        dag(f"a: {{{ECHO}, map: {{each: i, in: [1], tolerate: 101%}}}}"),
        ("out-of-range", "/nodes/a/map/tolerate"),
    ),
    "a question at the end": (at_end("f: {human: {title: x}}"), ("wait-in-finally", "/finally/f/human")),
    "a wait deep in the end": (
        at_end("f: {flow: {start: g, nodes: {g: {wait: {for: 5m}, next: end}}}}"),
        ("wait-in-finally", "/finally/f/flow/nodes/g/wait"),
    ),
    "a need of the end": (at_end(f"f: {{{ECHO}, needs: [a]}}"), ("not-a-sibling", "/finally/f/needs/0")),
    "an output of the end": (
        'outputs: {o: "${ nodes.f.result }"}\n' + at_end(f"f: {{{ECHO}}}"),
        ("not-yet-run", "/outputs/o"),
    ),
    "one item read by what follows": (
        mapped(COUNT, '  z: {needs: [b], emit: {event: hi, data: "${ nodes.x.result.words }"}}\n'),
        ("inside-of-map", "/nodes/z/emit/data"),
    ),
    "one item read by the map itself": (
        STATE + mapped(COUNT, '    save: {many: "${ nodes.x.result }"}\n'),
        ("inside-of-map", "/nodes/b/save/many"),
    ),
    "the status of one item": (
        'outputs: {o: "${ nodes.x.status }"}\n' + mapped(COUNT),
        ("inside-of-map", "/outputs/o"),
    ),
    "items that race": (
        STATE + mapped(f"{ECHO}, save: {{one: x}}"),
        ("missing-reducer", "/nodes/b/dag/x/save/one"),
    ),
    "items of a set that race": (
        STATE + dag("a: {map: {each: i, in: [1]}, set: {one: x}}"),
        ("missing-reducer", "/nodes/a/set/one"),
    ),
    "what is saved after an error races": (
        STATE + dag(f"a: {{{ECHO}, catch: [{{errors: [any], save: {{one: x}}}}]}}", f"b: {{{ECHO}, save: {{one: y}}}}"),
        ("missing-reducer", "/nodes/b/save/one"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_mistake_is_one_problem_at_its_place(desk, name):
    body, expected = REFUSED[name]
    [problem] = desk.problems(body)
    assert (problem.name, problem.path) == expected
    assert problem.line is not None
    assert problem.message


PLANNED = {
    "a decision is a transition": flow("a: {decide: {among: [b, end], tool: free.form}}", f"b: {{{ECHO}, next: end}}"),
    "a decision among siblings": dag("a: {decide: {among: [b], tool: free.form}}", f"b: {{{ECHO}, needs: [a]}}"),
    "a catch goes on with next": flow(f"a: {{{ECHO}, next: end, catch: [{{errors: [any]}}]}}"),
    "as many as there are": "join: {count: 1}\n" + dag(f"a: {{{ECHO}}}"),
    "a poll of a stage": dag("a: {wait: {poll: {luigi: cases.Copy@1, with: {text: x}}, every: 1m}}"),
    "a time": dag('a: {wait: {until: "2030-01-31T09:00:00Z"}}'),
    "how it went": at_end('f: {tool: cases.echo, with: {text: "${ run.status }"}}'),
    "what has run": at_end('f: {emit: {event: hi, data: "${ nodes.a.result }"}}'),
    "own items": mapped(COUNT, "").replace(
        "dag: {", 'dag: {y: {needs: [x], emit: {event: hi, data: "${ nodes.x.result.words }"}}, '
    ),
    "no cache of a question": dag("a: {human: {title: x}, cache: false}"),
    "a mask of an answer": dag("a: {human: {title: x}, mask: [pin]}"),
    "items that join": STATE + 'outputs: {o: "${ state.many }"}\n' + mapped(f"{ECHO}, save: {{many: x}}"),
}


@pytest.mark.parametrize("name", PLANNED)
def test_what_goes_together_is_planned(desk, name):
    names = [name for name, _ in desk.advised(PLANNED[name])]
    assert set(names) <= {"unused-channel"}


@pytest.mark.parametrize("later", ["[timeout]", "[any]", "[timeout, unavailable]"])
def test_a_catch_after_any_is_never_reached(desk, later):
    body = dag(f"a: {{{ECHO}, catch: [{{errors: [any]}}, {{errors: {later}}}]}}")
    assert desk.advised(body) == [("unreachable-catch", "/nodes/a/catch/1/errors")]


def test_a_catch_of_what_is_left_is_reached(desk):
    body = dag(f"a: {{{ECHO}, catch: [{{errors: [timeout]}}, {{errors: [timeout, unavailable]}}, {{errors: [any]}}]}}")
    assert desk.advised(body) == []


def test_lineage_knows_every_place(desk):
    body = (
        "inputs: {list: {type: array}, k: {type: string}, d: {}, c: {type: string}}\n"
        "state: {problem: {type: string}}\nnodes:\n"
        '  m: {map: {each: i, in: "${ inputs.list }"}, tool: cases.echo, with: {text: x}, '
        'cache: {key: "${ inputs.c }"}, idempotency_key: "${ inputs.k }", '
        'catch: [{errors: [any], save: {problem: "${ error.message }"}}]}\n'
        '  w: {wait: {signal: s, key: "${ inputs.k }"}}\n'
        '  e: {emit: {event: hi, data: "${ inputs.d }"}}\n'
    )
    found = desk.planned(body)
    assert found.step("m").reads == ("inputs.c", "inputs.k", "inputs.list")
    assert found.step("m").writes == ("state.problem",)
    assert found.step("w").reads == ("inputs.k",)
    assert found.step("e").reads == ("inputs.d",)
