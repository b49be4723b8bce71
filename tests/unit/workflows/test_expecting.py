"""What a test expects is compared with what a run came to."""

from datetime import UTC, datetime

import pytest

from tests.unit.workflows.bench import plan_of, tool
from translator.planning.plan import FINALLY, Binding, MapOver, Step
from workflows.expecting import Outcome, mismatches, path_of, same
from workflows.records import StepExecution, StepStatus
from workflows.run import RunError, RunStatus


def begun(step, visit="v", *, status=StepStatus.SUCCEEDED, task="", try_number=1):
    return StepExecution("r", step, visit, try_number, status, 1, datetime.now(UTC), task=task)


def block(name, verb="dag", **fields):
    return Step(id=name, verb=verb, path=f"/nodes/{name}", **fields)


def ended(plan=None, **fields):
    return Outcome(plan or plan_of(tool("a", "end")), fields.pop("status", RunStatus.SUCCEEDED), **fields)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (2, 2.0, True),
        (True, 1, False),
        (0, False, False),
        (None, None, True),
        ([1, {"a": 2}], [1.0, {"a": 2}], True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
        ("1", 1, False),
    ],
)
def test_values_are_the_same_as_json_has_it(one, other, is_same):
    assert same(one, other) is is_same


def test_what_holds_is_no_mismatch():
    outcome = ended(
        outputs={"n": 1},
        state={"s": [1, 2]},
        nodes={"a": {"result": {"x": [5]}, "status": "succeeded", "error": None}},
        executions=(begun("a"),),
        events=("told",),
    )
    expect = {
        "path": ["a"],
        "status": "succeeded",
        "error": None,
        "outputs": {"n": 1},
        "outputs.n": 1,
        "state.s.1": 2,
        "nodes.a.result.x.0": 5,
        "nodes.a.status": "succeeded",
        "events": ["told"],
    }

    assert mismatches(expect, outcome) == []


def test_what_does_not_hold_says_what_was_expected_and_what_is():
    found = mismatches({"outputs.n": 2, "state.gone": 1, "events": []}, ended(outputs={"n": 1}, events=("told",)))

    assert [(one.key, one.expected, one.actual) for one in found] == [
        ("outputs.n", "2", "1"),
        ("state.gone", "1", "nothing of this name"),
        ("events", "[]", '["told"]'),
    ]


def test_a_test_that_names_no_status_expects_success_or_the_failure_that_it_names():
    failed = ended(status=RunStatus.FAILED, error=RunError("not-paid", "nobody paid", node="pay"))

    assert [one.actual for one in mismatches({}, failed)] == ['"failed" (not-paid: nobody paid)']
    assert mismatches({"error": "not-paid", "error.node": "pay"}, failed) == []
    assert [one.key for one in mismatches({"error": "timeout"}, failed)] == ["error"]
    assert [one.key for one in mismatches({"error": "timeout"}, ended())] == ["error", "status"]


def test_the_path_of_a_flow_is_in_the_order_of_starts_and_counts_each_visit_once():
    plan = plan_of(tool("a", "b"), tool("b", "a"))
    tries = (
        begun("b", "2"),
        begun("a", "1"),
        begun("a", "1", try_number=2),
        begun("a", "3"),
        begun("a", "3", task="#0"),
    )

    assert path_of(ended(plan, executions=tries)) == ["b", "a", "a"]


def test_the_path_of_a_dag_is_in_the_order_of_the_document_without_what_was_skipped():
    plan = plan_of(tool("a"), tool("b"), tool("c"), is_dag=True)
    executions = (begun("c"), begun("b", status=StepStatus.SKIPPED), begun("a"))

    assert path_of(ended(plan, executions=executions)) == ["a", "c"]


def test_what_is_inside_is_told_only_where_it_is_asked_for():
    plan = plan_of(block("d"), tool("x", block="d"), tool("y", block="d"), tool("z", block=FINALLY), start="d")
    executions = (begun("d", "1"), begun("y", "1"), begun("x", "1"), begun("d", "2"), begun("x", "2"), begun("z", ".f"))
    outcome = ended(plan, executions=executions)

    assert path_of(outcome) == ["d", "d"]
    assert path_of(outcome, ["y"]) == ["d", "x", "y", "d"]
    assert path_of(outcome, ["x"]) == ["d", "x", "y", "d", "x"]
    assert path_of(outcome, ["z"]) == ["d", "d", "z"]


def test_a_visit_is_not_taken_for_another_that_begins_like_it():
    plan = plan_of(block("f", "flow", start="x"), tool("x", "end", block="f"), start="f")
    executions = (begun("f", "1"), begun("x", "1.1"), begun("f", "11"), begun("x", "11.1"), begun("x", "11.2"))

    assert path_of(ended(plan, executions=executions), ["x"]) == ["f", "x", "f", "x", "x"]


def test_items_of_a_mapped_block_come_one_after_the_other():
    mapped = block("d", map=MapOver(each="n", items=[1, 2]))
    plan = plan_of(mapped, tool("x", block="d"), tool("y", block="d"), start="d")
    order = (("d", "1"), ("x", "1#1"), ("x", "1#0"), ("y", "1#1"), ("y", "1#0"))

    assert path_of(ended(plan, executions=tuple(begun(*one) for one in order)), ["x"]) == ["d", "x", "y", "x", "y"]


def test_what_a_called_workflow_did_is_told_under_the_name_of_its_call():
    bound = Binding(kind="workflow", name="w", version="1.0.0", source_digest="c", parameters={}, result={})
    child = plan_of(tool("x", "y"), tool("y", "end"))
    plan = plan_of(Step(id="call", verb="workflow", path="/call", call=bound), workflows={"c": child})
    executions = (begun("call", "1"), begun("call/x", "1.1"), begun("call/y", "1.2"))
    outcome = ended(plan, executions=executions)

    assert path_of(outcome) == ["call"]
    assert path_of(outcome, ["call/y"]) == ["call", "call/x", "call/y"]
