import pytest

from translator.planning.channels import accepted


def test_items_and_lists_may_be_appended():
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 3, "default": []}
    assert accepted("append", schema) == ({"type": "array", "items": {"type": "string"}}, {"type": "string"})


def test_a_part_of_an_object_may_be_merged():
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    assert accepted("merge", schema) == ({"type": "object", "properties": {"a": {}}},)


def test_bounds_of_a_total_do_not_bind_what_is_added():
    assert accepted("sum", {"type": "integer", "minimum": 10}) == ({"type": "integer"},)
    assert accepted("max", {"type": "integer", "minimum": 10}) == ({"type": "integer", "minimum": 10},)


@pytest.mark.parametrize(("reduce", "type_"), [("append", "string"), ("sum", "string"), ("merge", "array")])
def test_a_reducer_needs_a_channel_of_its_shape(desk, reduce, type_):
    body = f"state: {{c: {{type: {type_}, reduce: {reduce}}}}}\nnodes:\n  a: {{set: {{}}}}\n"
    assert desk.refused(body) == [("type-mismatch", "/state/c/reduce")]


RACE = (
    "state: {c: {type: array%s}}\nstart: z\nnodes:\n  z:\n    dag:\n      a: {set: {c: [1]}}\n"
    "      b: {dag: {deep: {set: {c: [2]}}}, needs: [a]}\n    next: y\n  y: {set: {c: [3]}, next: end}\n"
)


def test_two_members_of_a_dag_race_for_a_channel_also_from_within(desk):
    [problem] = desk.problems(RACE % "")
    assert (problem.name, problem.path) == ("missing-reducer", "/nodes/z/dag/b/dag/deep/set/c")
    assert "reduce" in problem.suggestion


def test_a_reducer_ends_the_race(desk):
    assert desk.planned(RACE % ", reduce: append").step("deep").writes == ("state.c",)


def test_nodes_of_a_flow_do_not_race(desk):
    body = "state: {c: {type: integer}}\nstart: a\nnodes:\n  a: {set: {c: 1}, next: b}\n  b: {set: {c: 2}, next: end}\n"
    assert desk.planned(body).state["c"].reduce == "replace"
