import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator.planning.dot import draw_dot, quoted
from translator.planning.mermaid import draw
from translator.planning.picture import picture
from translator.planning.plan import (
    FINALLY,
    Binding,
    Branch,
    Catcher,
    Emission,
    Failure,
    MapOver,
    Plan,
    Step,
    Transition,
    Wait,
)


def call(kind, name):
    return Binding(kind=kind, name=name, version="1.0.0", source_digest="", parameters={}, result={})


def to(*targets):
    return Transition(branches=tuple(Branch(to=one) for one in targets))


def step(name, verb, **fields):
    return Step(id=name, verb=verb, path="", **fields)


EVERYTHING = Plan(
    spec_name="everything",
    spec_digest="",
    inputs={},
    start="fetch",
    steps=(
        step(
            "fetch",
            "tool",
            call=call("tool", "web.fetch"),
            map=MapOver(each="url", items=[], concurrency=8),
            transition=to("study"),
        ),
        step("study", "dag", join=1, transition=to("pick")),
        step("facts", "workflow", block="study", call=call("workflow", "fact-check")),
        step("choose", "decide", block="study", call=call("tool", "text.pick"), among=("left",)),
        step("left", "set", block="study", needs=("choose", "facts")),
        step("pick", "decide", call=call("tool", "text.pick"), among=("write", "end")),
        step("write", "flow", start="ask", transition=to("nap"), catch=(Catcher(errors=("any", "x"), to="no"),)),
        step("ask", "wait", block="write", wait=Wait(signal="paid"), transition=to("end")),
        step("nap", "wait", wait=Wait(seconds=300), transition=to("poll")),
        step("poll", "wait", call=call("tool", "ci.state"), wait=Wait(every_seconds=30), transition=to("tell")),
        step("tell", "emit", emit=Emission(event="done"), transition=to("end")),
        step("no", "fail", fail=Failure(error="no-luck")),
        step("each", "dag", map=MapOver(each="row", items=[]), transition=to("end")),
        step("clean", "tool", block=FINALLY, call=call("tool", "chat.post")),
    ),
)


def test_everything_is_drawn_in_mermaid():
    lines = draw(EVERYTHING).splitlines()

    assert lines[1:36] == [
        '  start_(["start"])',
        '  n_fetch["fetch<br/><i>web.fetch 1.0.0</i><br/>for each url, 8 at a time"]:::repeated',
        '  subgraph n_study["study<br/><i>dag, any of them</i>"]',
        '    n_facts[("facts<br/><i>fact-check 1.0.0</i>")]',
        '    n_choose{"choose<br/><i>choose by text.pick 1.0.0</i>"}',
        '    n_left[/"left<br/><i>set</i>"/]',
        "  end",
        '  n_pick{"pick<br/><i>choose by text.pick 1.0.0</i>"}',
        '  subgraph n_write["write<br/><i>flow</i>"]',
        '    s_write(["start"])',
        '    n_ask(("ask<br/><i>wait for paid</i>"))',
        '    e_write(["end"])',
        "  end",
        '  n_nap(("nap<br/><i>wait 5 min</i>"))',
        '  n_poll(("poll<br/><i>ci.state 1.0.0 every 30 s</i>"))',
        '  n_tell>"tell<br/><i>emit done</i>"]',
        '  n_no[\\"no<br/><i>fail no-luck</i>"/]',
        '  subgraph n_each["each<br/><i>dag</i><br/>for each row"]',
        "  end",
        "  class n_each repeated",
        '  end_(["end"])',
        '  subgraph finally_["finally"]',
        '    n_clean["clean<br/><i>chat.post 1.0.0</i>"]',
        "  end",
        "  start_ --> n_fetch",
        "  s_write --> n_ask",
        "  n_fetch --> n_study",
        "  n_study --> n_pick",
        '  n_choose -->|"if chosen"| n_left',
        "  n_facts --> n_left",
        "  n_pick --> n_write",
        "  n_pick --> end_",
        "  n_write --> n_nap",
        '  n_write -.->|"on any, x"| n_no',
        "  n_ask --> e_write",
    ]
    assert lines[-2:] == ["  end_ -.-> finally_", "  classDef repeated stroke-width:4px"]


def test_everything_is_drawn_for_graphviz():
    text = draw_dot(EVERYTHING)

    assert "  n_fetch [shape=box, label=" in text
    assert 'for each url, 8 at a time", peripheries=2]' in text
    assert "  subgraph cluster_n_study {" in text
    assert "  n_facts -> n_pick [ltail=cluster_n_study]" in text  # from the block, not from its first member
    assert '  s_write -> n_no [label="on any, x", style=dashed, ltail=cluster_n_write]' in text
    assert "  in_n_each [shape=point, style=invis]" in text
    assert text.count("{") == text.count("}")


def test_both_ends_of_every_line_are_drawn_and_stand_in_the_same_block():
    drawn = picture(EVERYTHING)
    home = {}

    def walk(shapes, block):
        for shape in shapes:
            assert shape.id not in home
            home[shape.id] = block
            walk(shape.members, shape.id)

    walk(drawn.shapes, None)
    assert all(home[line.source] == home[line.target] for line in drawn.lines)


@given(st.lists(st.text(max_size=60), max_size=3))
def test_no_text_of_an_author_leaves_its_string_in_dot(lines):
    text = quoted(*lines)
    assert text[0] == text[-1] == '"'
    inner = text[1:-1]
    assert not re.search(r'(?<!\\)(?:\\\\)*"', inner)  # no quote that is not escaped
    assert re.fullmatch(r'(?:[^\\"\x00-\x1f]|\\[\\"n])*', inner)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_can_read_it():
    done = subprocess.run(["dot", "-Tsvg"], input=draw_dot(EVERYTHING).encode(), capture_output=True, check=True)
    assert b"</svg>" in done.stdout


def test_of_very_many_members_those_that_are_alike_are_one_shape(desk):
    copies = "".join(f'  c{n}: {{luigi: cases.Copy, with: {{text: "{n}"}}, needs: [d{n}]}}\n' for n in range(60))
    below = "".join(f'  d{n}: {{luigi: cases.Copy, with: {{text: "{n}"}}}}\n' for n in range(60))
    gate = '  gate: {human: {title: "Fine?"}, needs: [c3]}\n'
    many = picture(desk.planned(f"nodes:\n{copies}{below}{gate}"))
    assert [(shape.id, shape.lines[-1]) for shape in many.shapes[1:-1]] == [
        ("n_c0", "and 59 more like it"),
        ("n_d0", "and 59 more like it"),
        ("n_gate", "human"),
    ]
    assert [(line.source, line.target) for line in many.lines] == [
        ("start_", "n_d0"),
        ("n_c0", "end_"),
        ("n_gate", "end_"),
        ("n_d0", "n_c0"),
        ("n_c0", "n_gate"),
    ]
    few = picture(desk.planned(f"nodes:\n{copies.splitlines()[0]}\n{below}"))
    assert len(few.shapes) == 63
