"""A plan as tests run it: no pauses, maps whose whole result is mocked as one step, a copy of each called workflow."""

import pytest

from tests.unit.workflows.bench import plan_of, to, tool
from translator.planning.plan import Binding, MapOver, RetryPolicy, Step
from workflows.hurrying import completed, hurried, is_whole


def mapped(name, verb="tool", **fields):
    over = MapOver(each="one", items="${ inputs.list }")
    return tool(name, **fields).model_copy(update={"verb": verb, "map": over, "arguments": {"x": "${ one }"}})


def calls(name, digest, following="end"):
    bound = Binding(kind="workflow", name=name, version="1.0.0", source_digest=digest, parameters={}, result={})
    return Step(id=name, verb="workflow", path=f"/nodes/{name}", call=bound, transition=to(following))


@pytest.mark.parametrize(
    ("mock", "whole"),
    [({"ok": []}, True), ([{"ok": [1]}, {"ok": []}], True), ([], False), ([{"ok": 1}, 2], False), (None, False)],
)
def test_a_whole_result_is_told_by_its_shape(mock, whole):
    assert is_whole(mock) is whole


def test_a_whole_result_may_leave_out_its_failures():
    assert completed([{"ok": [1]}, {"ok": [], "failed": [2]}]) == [{"ok": [1], "failed": []}, {"ok": [], "failed": [2]}]


def test_pauses_are_left_out_and_tries_are_not():
    plan = plan_of(tool("a", "end", retry=RetryPolicy(max=3, initial_seconds=60, cap_seconds=600)))

    (step,) = hurried(plan, {}).steps

    assert (step.retry.max, step.retry.initial_seconds, step.retry.cap_seconds) == (3, 0.0, 0.0)


def test_a_map_is_flat_only_where_its_whole_result_is_mocked():
    plan = plan_of(mapped("a", following="b", save={"s": "${ result.ok }"}), mapped("b", following="end"))

    a, b = hurried(plan, {"a": {"ok": [1]}, "b": [1, 2]}).steps

    assert (a.map, a.arguments, a.save) == (None, {}, {"s": "${ result.ok }"})
    assert (b.map is not None, b.arguments) == (True, {"x": "${ one }"})


def test_what_is_inside_a_flat_map_is_left_out_however_deep():
    block = mapped("d", "dag", following="end")
    inner = Step(id="e", verb="dag", path="/e", block="d")
    plan = plan_of(block, inner, tool("x", block="e"), tool("y", block="d"))

    assert [step.id for step in hurried(plan, {"d": {"ok": []}}).steps] == ["d"]
    assert len(hurried(plan, {"d": {"x": 1}}).steps) == 4


def test_each_call_of_a_workflow_has_a_copy_with_the_mocks_of_its_own():
    child = plan_of(mapped("m", following="end")).model_copy(update={"digest": "c"})
    plan = plan_of(calls("one", "c", "two"), calls("two", "c"), workflows={"c": child})

    made = hurried(plan, {"one/m": {"ok": []}})

    one, two = (made.workflows[step.call.source_digest] for step in made.steps if step.call)
    assert (one.step("m").map, two.step("m").map is None) == (None, False)
