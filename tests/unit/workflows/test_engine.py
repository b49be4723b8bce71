import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from langgraph.types import Command

from tests.unit.workflows.bench import Bench, human, plan_of, to, tool, until
from translator.planning.plan import Branch, Failure, Limits, RetryPolicy, Step, Transition
from workflows.errors import JournalError, StepError
from workflows.ports import ToolCall
from workflows.records import CancelRequested, QuestionAnswered, RunMoved, StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


async def echo(call: ToolCall) -> Json:
    return dict(call.arguments)


async def test_a_flow_passes_values_through_state_and_results(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.b": echo}
    plan = plan_of(
        tool("a", "b", arguments={"text": "${ inputs.topic }"}, save={"text": "${ result.text + '!' }"}),
        tool("b", "end", arguments={"both": "${ state.text } ${ nodes.a.result.text }"}),
        state={"text": {"schema": {"type": "string"}, "default": ""}},
        inputs={"type": "object", "properties": {"topic": {"type": "string"}}},
        outputs={"text": "${ nodes.b.result.both }"},
    )
    assert await bench.run(plan, topic="tin") is RunStatus.SUCCEEDED
    run = (await bench.history()).run
    assert run.outputs == {"text": "tin! tin"}
    assert run.attempt == 1
    assert await bench.names() == [
        "run.queued",
        "run.started",
        "source.changed a",
        "source.changed b",
        "step.started a",
        "step.succeeded a",
        "step.started b",
        "step.succeeded b",
        "run.succeeded",
    ]


async def test_a_loop_visits_a_step_once_a_round_and_every_visit_is_recorded(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    again = Transition(branches=(Branch(when="${ state.round < 3 }", to="a"), Branch(to="end")))
    plan = plan_of(
        tool("a", transition=again, save={"round": 1}, arguments={"n": "${ state.round }"}),
        state={"round": {"schema": {"type": "integer"}, "reduce": "sum", "default": 0}},
        outputs={"round": "${ state.round }"},
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs == {"round": 3}
    assert len({execution.visit for execution in history.steps}) == 3
    assert [execution.result["value"]["n"] for execution in history.steps] == [0, 1, 2]


async def test_a_switch_picks_the_case(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.b": echo}
    way = Transition(switch="${ result.verdict }", cases={"yes": "b"}, default="end")
    plan = plan_of(tool("a", transition=way, arguments={"verdict": "yes"}), tool("b", "end"))
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert "step.succeeded b" in await bench.names()


async def test_a_reset_empties_a_channel_before_the_save(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.b": echo}
    plan = plan_of(
        tool("a", "b", save={"found": [1, 2]}),
        tool("b", "end", save={"found": 3}, reset=("found",)),
        state={"found": {"schema": {"type": "array"}, "reduce": "append", "default": []}},
        outputs={"found": "${ state.found }"},
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"found": [3]}


async def test_set_and_fail(bench: Bench) -> None:
    fail = Step(id="no", verb="fail", path="", fail=Failure(error="too-bad", message="${ state.text } is bad"))
    plan = plan_of(
        Step(id="a", verb="set", path="", set={"text": "tin"}, transition=to("no")),
        fail,
        state={"text": {"schema": {"type": "string"}, "default": ""}},
    )
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.message, error.node) == ("too-bad", "tin is bad", "no")


async def test_a_person_is_asked_and_the_answer_resumes_the_run_on_another_engine(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    plan = plan_of(
        human("gate", "a", save={"verdict": "${ result.verdict }"}, result={"type": "object"}),
        tool("a", "end"),
        state={"verdict": {"schema": {"type": "string"}, "default": ""}},
        outputs={"verdict": "${ state.verdict }"},
    )
    assert await bench.run(plan) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert (question.step, question.title, question.is_open) == ("gate", "Go on?", True)
    snapshot = await bench.engine_graph(plan).aget_state({"configurable": {"thread_id": bench.run_id}})
    assert [one.id for one in snapshot.interrupts] == [question.interrupt_id]
    await bench.answer({"verdict": "yes"})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs == {"verdict": "yes"}
    assert history.run.attempt == 2
    assert [question.is_taken for question in history.questions] == [True]
    assert [execution.try_number for execution in history.steps if execution.step == "gate"] == [1]


async def test_an_answer_that_comes_while_the_run_is_on_its_way_to_wait_is_taken_at_once(bench: Bench) -> None:
    """The journal refuses to let the run wait, so the same attempt goes on, from its checkpoint."""
    bench.tools = {"t.a": echo, "t.b": echo}
    plan = plan_of(tool("a", "gate"), human("gate", "b"), tool("b", "end"), outputs={"said": "${ nodes.gate.result }"})
    await bench.create(plan)
    engine = bench.start(plan)
    commit, answered = bench.journal.commit, []

    async def commit_after_an_answer(*records: Any) -> bool:
        if not answered and any(isinstance(one, RunMoved) and one.to is RunStatus.WAITING for one in records):
            answered.append(True)
            question = (await bench.history()).questions[0]
            await commit(QuestionAnswered(bench.run_id, question.interrupt_id, datetime.now(UTC), "quick"))
        return await commit(*records)

    bench.journal.commit = commit_after_an_answer
    assert await engine.run_attempt(bench.run_id) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs == {"said": "quick"}
    assert history.run.attempt == 1
    assert (await bench.names()).count("step.started a") == 1


async def test_nobody_answers_in_time(bench: Bench) -> None:
    plan = plan_of(human("gate", "end", timeout_seconds=60))
    assert await bench.run(plan) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert question.expires_at is not None
    await bench.answer(has_expired=True)
    assert await bench.resume(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("timeout", "gate")


async def test_a_resume_from_outside_without_a_recorded_answer_goes_on_waiting(bench: Bench) -> None:
    plan = plan_of(human("gate", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    assert await engine.run_attempt(bench.run_id) is RunStatus.WAITING
    interrupt_id = (await bench.history()).questions[0].interrupt_id
    await bench.journal.commit(*bench.queued())
    graph = bench.engine_graph(plan)
    with pytest.raises(KeyError):  # the graph is nobody's but a live attempt's
        await graph.ainvoke(Command(resume={interrupt_id: "x"}), {"configurable": {"thread_id": bench.run_id}})
    assert await bench.resume(plan) is RunStatus.WAITING


async def test_a_failed_try_is_repeated_with_the_same_key(bench: Bench) -> None:
    keys: list[str] = []

    async def flaky(call: ToolCall) -> Json:
        keys.append(call.idempotency_key)
        if len(keys) < 3:
            raise StepError("not now", error_name="unavailable", tail="what it printed")
        return {}

    bench.tools = {"t.a": flaky}
    policy = RetryPolicy(max=3, initial_seconds=0.001, errors=("unavailable",))
    assert await bench.run(plan_of(tool("a", "end", retry=policy))) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert [(one.try_number, one.status) for one in history.steps] == [
        (1, StepStatus.FAILED),
        (2, StepStatus.FAILED),
        (3, StepStatus.SUCCEEDED),
    ]
    assert len(set(keys)) == 1
    assert (await bench.names()).count("step.retrying a") == 2


@pytest.mark.parametrize(("errors", "tries"), [(("any",), 3), (("timeout",), 1)])
async def test_tries_are_used_up(bench: Bench, errors: tuple[str, ...], tries: int) -> None:
    async def broken(call: ToolCall) -> Json:
        raise StepError(f"{call.step} is broken", error_name="tool-failed")

    bench.tools = {"t.a": broken}
    policy = RetryPolicy(max=2, initial_seconds=0.001, errors=errors)
    assert await bench.run(plan_of(tool("a", "end", retry=policy))) is RunStatus.FAILED
    history = await bench.history()
    assert len(history.steps) == tries
    assert history.run.error is not None
    assert history.run.error.name == "tool-failed"


async def test_a_result_that_breaks_its_schema_fails_the_step(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert await bench.run(plan_of(tool("a", "end", arguments={"n": "many"}, result=schema))) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "invalid-result"
    assert "/n" in error.message
    assert "many" not in error.message


async def test_limits_of_steps_and_visits(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    assert await bench.run(plan_of(tool("a", "a"), limits=Limits(steps=5))) is RunStatus.FAILED
    history = await bench.history()
    assert history.run.error is not None
    assert history.run.error.name == "step-limit"
    assert sum(one.status is StepStatus.SUCCEEDED for one in history.steps) == 5


async def test_a_visit_limit(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    assert await bench.run(plan_of(tool("a", "a", max_visits=2))) is RunStatus.FAILED
    assert sum(one.status is StepStatus.SUCCEEDED for one in (await bench.history()).steps) == 2


async def test_the_duration_of_a_run_ends_it(bench: Bench) -> None:
    async def slow(_: ToolCall) -> Json:
        await asyncio.sleep(60)

    bench.tools = {"t.a": slow}
    assert await bench.run(plan_of(tool("a", "end"), limits=Limits(duration_seconds=0.05))) is RunStatus.FAILED
    history = await bench.history()
    assert history.run.error is not None
    assert history.run.error.name == "time-limit"
    assert history.steps[-1].status is StepStatus.CANCELLED


async def test_a_big_result_becomes_an_artifact_and_expressions_do_not_notice(bench: Bench) -> None:
    async def big(_: ToolCall) -> Json:
        return {"text": "x" * 40_000}

    bench.tools = {"t.a": big, "t.b": echo}
    plan = plan_of(tool("a", "b"), tool("b", "end"), outputs={"size": "${ size(nodes.a.result.text) }"})
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert set(history.steps[0].result) == {"artifact", "bytes", "sha256"}
    assert history.run.outputs == {"size": 40_000}


async def test_cancel_stops_what_runs(bench: Bench) -> None:
    started = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        started.set()
        await asyncio.sleep(60)

    bench.tools = {"t.a": slow}
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await started.wait()
    assert engine.cancel(bench.run_id)
    assert await attempt is RunStatus.CANCELLED
    history = await bench.history()
    assert history.run.status is RunStatus.CANCELLED
    assert history.steps[0].status is StepStatus.CANCELLED
    assert not engine.cancel(bench.run_id)


async def test_a_drained_run_goes_on_where_it_stopped(bench: Bench) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        started.set()
        await go_on.wait()
        return {}

    bench.tools = {"t.a": slow, "t.b": echo}
    plan = plan_of(tool("a", "b"), tool("b", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await started.wait()
    draining = asyncio.ensure_future(engine.drain(30))
    await asyncio.sleep(0)
    go_on.set()
    await draining
    assert await attempt is RunStatus.QUEUED
    assert "step.started b" not in await bench.names()
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.names()).count("step.started a") == 1


async def test_a_drain_that_runs_out_of_patience_stops_the_step_and_repeats_it_later(bench: Bench) -> None:
    calls: list[str] = []

    async def slow(call: ToolCall) -> Json:
        calls.append(call.idempotency_key)
        await asyncio.sleep(60 if len(calls) == 1 else 0)
        return {}

    bench.tools = {"t.a": slow}
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await until(lambda: bool(calls))
    await engine.drain(0)
    assert await attempt is RunStatus.QUEUED
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert len(calls) == 2
    assert len(set(calls)) == 1


async def test_a_run_whose_worker_died_goes_on_and_repeats_only_the_open_step(bench: Bench) -> None:
    calls: list[str] = []
    hangs = asyncio.Event()

    async def count(call: ToolCall) -> Json:
        calls.append(call.step)
        if calls.count("b") == 1 and call.step == "b":
            hangs.set()
            await asyncio.sleep(60)
        return {"n": len(calls)}

    bench.tools = {"t.a": count, "t.b": count}
    plan = plan_of(tool("a", "b"), tool("b", "end"), outputs={"n": "${ nodes.a.result.n }"})
    await bench.create(plan)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await hangs.wait()
    bench.forget(attempt)  # as a kill does: nothing more is recorded
    assert (await bench.history()).run.status is RunStatus.RUNNING
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert calls == ["a", "b", "b"]
    history = await bench.history()
    assert history.run.outputs == {"n": 1}
    ends = [(one.step, one.status, one.error.name if one.error else None) for one in history.steps]
    assert ends == [
        ("a", StepStatus.SUCCEEDED, None),
        ("b", StepStatus.CRASHED, "crashed"),
        ("b", StepStatus.SUCCEEDED, None),
    ]


async def test_a_step_that_takes_the_server_with_it_three_times_is_left_alone(bench: Bench) -> None:
    calls: list[str] = []

    async def deadly(call: ToolCall) -> Json:
        calls.append(call.step)
        await asyncio.sleep(60)

    bench.tools = {"t.a": deadly}
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    for death in range(1, 4):
        attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
        await until(lambda expected=death: len(calls) == expected)
        bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.FAILED
    assert len(calls) == 3
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("crashed", "a")


async def test_a_server_that_lives_but_cannot_record_the_end_of_a_step_is_not_taken_for_dead(bench: Bench) -> None:
    calls: list[str] = []

    async def full(call: ToolCall) -> Json:
        calls.append(call.idempotency_key)
        if len(calls) <= 4:
            raise JournalError("the disk is full")  # as any wait for the journal tells it

    bench.tools = {"t.a": full}
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    for _ in range(4):
        with pytest.raises(JournalError, match="the disk is full"):
            await engine.run_attempt(bench.run_id)
    assert await engine.run_attempt(bench.run_id) is RunStatus.SUCCEEDED
    assert len(set(calls)) == 1
    assert [one.status for one in (await bench.history()).steps] == [StepStatus.CANCELLED] * 4 + [StepStatus.SUCCEEDED]


async def test_a_host_that_crashes_is_an_error_like_others(bench: Bench) -> None:
    calls: list[int] = []

    async def crashing(_: ToolCall) -> Json:
        calls.append(1)
        raise StepError("its process ended with signal 9", error_name="crashed")

    bench.tools = {"t.a": crashing}
    assert await bench.run(plan_of(tool("a", "end"))) is RunStatus.FAILED
    assert len(calls) == 1


async def test_a_cancel_that_the_server_did_not_live_to_carry_out(bench: Bench) -> None:
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    await bench.journal.commit(CancelRequested(bench.run_id, datetime.now(UTC)))
    assert await bench.resume(plan) is RunStatus.CANCELLED


async def test_an_output_that_cannot_be_evaluated_fails_the_run(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    plan = plan_of(
        tool("a", "end"),
        inputs={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        outputs={"x": "${ 1 / inputs.n }"},
    )
    assert await bench.run(plan, n=0) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "expression-failed"
