import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from spec_service.drawing.svg import draw_svg
from translator.planning.plan import Branch, MapOver, Plan, Step, Transition

NS = "{http://www.w3.org/2000/svg}"


def step(name, verb="set", **fields):
    return Step(id=name, verb=verb, path="", **fields)


def flow(*steps, start="a"):
    return Plan(spec_name="drawn", spec_digest="", inputs={}, start=start, steps=steps)


def drawn(plan):
    return ET.fromstring(draw_svg(plan))  # noqa: S314 - our own


def texts(root):
    return [one.text for one in root.iter(f"{NS}text")]


def boxes(root):
    return {
        group.find(f"{NS}title").text: group.find(f"{NS}rect").attrib
        for group in root.iter(f"{NS}g")
        if group.find(f"{NS}rect") is not None
    }


def test_each_step_is_a_shape_with_its_name():
    root = drawn(flow(step("a", "tool", transition=Transition(branches=(Branch(to="b"),))), step("b", "fail")))

    assert texts(root) == ["a", "tool", "b", "fail"]
    assert root.attrib["aria-label"] == "drawn: 2 steps"
    assert len([one for one in root.iter(f"{NS}path") if "l" in one.attrib.get("class", "").split()]) == 2


def test_a_block_lies_around_its_members_and_a_map_is_a_stack():
    root = drawn(flow(step("a", "dag", map=MapOver(each="x", items=[])), step("b", "tool", block="a")))
    found = {name: {key: float(box[key]) for key in ("x", "y", "width", "height")} for name, box in boxes(root).items()}
    outer, inner = found["a"], found["b"]

    assert outer["x"] < inner["x"]
    assert inner["y"] + inner["height"] < outer["y"] + outer["height"]
    stack = next(group for group in root.iter(f"{NS}g") if group.find(f"{NS}title").text == "a")
    assert len(stack.findall(f"{NS}rect")) == 3


def test_a_condition_stands_on_its_line_and_a_catch_is_dashed():
    branches = (Branch(when="${ state.n < 3 }", to="a"), Branch(to="end"))
    root = drawn(flow(step("a", transition=Transition(branches=branches))))

    assert "state.n < 3" in texts(root)
    assert "else" in texts(root)


def test_it_holds_no_script_and_nothing_from_outside():
    text = draw_svg(flow(step("a")))
    assert "<script" not in text
    assert re.findall(r'(?:href|src|url\()["\']?([^"\')]*)', text) == ["#a"]
    assert "prefers-color-scheme:dark" in text


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_an_author_writes_is_text(when, case):
    transition = Transition(switch="${ result }", cases={case: "end"})
    root = drawn(flow(step("a", when=when, transition=transition)))
    assert {one.tag.removeprefix(NS) for one in root.iter()} <= {
        "svg", "style", "defs", "marker", "path", "rect", "circle", "g", "title", "text", "polygon",
    }  # fmt: skip


def test_two_thousand_steps_are_drawn():
    steps = [step(f"a{at}", transition=Transition(branches=(Branch(to=f"a{at + 1}"),))) for at in range(1999)]
    root = drawn(flow(*steps, step("a1999"), start="a0"))
    assert len(texts(root)) == 4000
