"""What the tests of a spec left out: nodes, ways, catches."""

from datetime import UTC, datetime

from tests.unit.workflows.bench import plan_of, to, tool
from tests.unit.workflows.written import written
from translator.planning.plan import Branch, Catcher, Step, Transition
from workflows.covering import unreached
from workflows.expecting import Outcome
from workflows.records import StepExecution, StepStatus
from workflows.run import RunError, RunStatus

WAYS = Transition(branches=(Branch(when="${ true }", to="b"), Branch(to="end")))


def begun(step, status=StepStatus.SUCCEEDED, **fields):
    return StepExecution("r", step, "v", 1, status, 1, datetime.now(UTC), **fields)


def left_out(plan, *runs):
    found = unreached(plan, [Outcome(plan, RunStatus.SUCCEEDED, executions=tuple(run)) for run in runs])
    return found.nodes, found.branches


def test_ways_that_several_runs_took_are_put_together():
    plan = plan_of(tool("a", transition=WAYS), tool("b", "end"))

    assert left_out(plan, [begun("a", goto="end")]) == (("b",), ("a -> b",))
    assert left_out(plan, [begun("a", goto="end")], [begun("a", goto="b"), begun("b", goto="end")]) == ((), ())


def test_the_ways_of_a_node_that_was_not_reached_are_not_told_apart_from_it():
    assert left_out(plan_of(tool("a", transition=WAYS), tool("b", "end")), []) == (("a", "b"), ())


def test_what_was_skipped_was_not_reached():
    plan = plan_of(tool("a"), tool("b"), is_dag=True)

    assert left_out(plan, [begun("a"), begun("b", StepStatus.SKIPPED)]) == (("b",), ())


def test_a_catch_is_taken_when_it_was_the_first_to_name_the_error():
    caught = (Catcher(errors=("timeout",), to="end"), Catcher(errors=("any",)))
    plan = plan_of(tool("a", "end", catch=caught))
    failed = begun("a", StepStatus.FAILED, error=RunError("timeout", ""), goto="end")

    assert left_out(plan, [begun("a", goto="end")]) == ((), ("a catch timeout", "a catch any"))
    assert left_out(plan, [failed]) == ((), ("a catch any",))


def test_a_decision_has_ways_in_a_flow_and_none_in_a_dag():
    decision = Step(id="d", verb="decide", path="/d", among=("b", "end"))

    assert left_out(plan_of(decision, tool("b", "end")), [begun("d", goto="end")]) == (("b",), ("d -> b",))
    members = (decision.model_copy(update={"among": ("b",)}), tool("b", needs=("d",)))
    assert left_out(plan_of(*members, is_dag=True), [begun("d"), begun("b")]) == ((), ())


def test_items_of_a_map_are_no_visits():
    assert left_out(plan_of(tool("a", transition=to("end"))), [begun("a", task="#0")]) == (("a",), ())


def test_what_is_injected_into_a_mocked_stage_is_not_missed():
    spec = """
    nodes:
      build:
        luigi: shop.Top
        inject:
          - after: shop.Left
            id: look
            node:
              flow:
                start: a
                nodes:
                  a: {tool: t.a, next: [{when: "${ task.name == '' }", to: b}, {else: end}]}
                  b: {tool: t.a, next: end}
    """
    assert left_out(written(spec), [begun("build")]) == ((), ())
