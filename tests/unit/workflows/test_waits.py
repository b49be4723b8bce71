"""Waits: for a time, a signal, a poll; and events of the workflow's own."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, plan_of
from tests.unit.workflows.written import written
from translator.planning.plan import Binding, Step, Wait
from workflows.attempt import Attempt
from workflows.luigi.registry import LuigiGroup
from workflows.ports import ToolCall
from workflows.records import SignalKept
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


async def outputs(bench: Bench) -> Json:
    run = (await bench.history()).run
    assert run.status is RunStatus.SUCCEEDED, run.error
    return run.outputs


def attempts() -> int:
    """Return how many attempts are in memory."""
    return sum(type(one) is Attempt for one in gc.get_objects())


async def expire(bench: Bench) -> None:
    """Do what the server does when the time of a question is up."""
    question = next(one for one in (await bench.history()).questions if one.is_open)
    assert question.expires_at is not None
    await asyncio.sleep(max(0, (question.expires_at - datetime.now(UTC)).total_seconds()))
    await bench.answer(has_expired=True)


async def test_a_short_wait_is_waited_for_at_once(bench: Bench) -> None:
    plan = written("start: a\nnodes: {a: {wait: {for: 20ms}, next: end}}")
    assert await bench.run(plan) is RunStatus.SUCCEEDED


async def test_a_long_wait_holds_nothing_and_goes_on_when_its_time_has_come(bench: Bench) -> None:
    plan = written("start: a\nnodes: {a: {wait: {for: 1200ms}, next: end}}")
    assert await bench.run(plan) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert (question.kind, question.step) == ("time", "a")
    await expire(bench)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED


@pytest.mark.parametrize(("wait", "status"), [("signal: go", RunStatus.WAITING), ("for: 1ms", RunStatus.SUCCEEDED)])
async def test_a_run_that_stops_leaves_nothing_for_the_collector(bench: Bench, wait: str, status: RunStatus) -> None:
    plan = written(f"start: a\nnodes: {{a: {{wait: {{{wait}}}, next: end}}}}")
    gc.collect()
    gc.disable()
    try:
        before = attempts()
        assert await bench.run(plan) is status
        assert attempts() <= before
    finally:
        gc.enable()


async def test_two_waits_after_each_other_are_two_waits(bench: Bench) -> None:
    plan = written("""
        start: a
        nodes: {a: {wait: {for: 1200ms}, next: b}, b: {wait: {signal: go}, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    await expire(bench)
    assert await bench.resume(plan) is RunStatus.WAITING
    await bench.answer("now")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert [one.is_taken for one in (await bench.history()).questions] == [True, True]


async def test_a_time_that_has_passed_is_not_waited_for(bench: Bench) -> None:
    plan = written('start: a\nnodes: {a: {wait: {until: "2020-01-31T09:00:00Z"}, next: end}}')
    assert await bench.run(plan) is RunStatus.SUCCEEDED


async def test_a_time_may_be_computed(bench: Bench) -> None:
    plan = written("""
        inputs: {at: {type: string}}
        start: a
        nodes: {a: {wait: {until: "${ inputs.at }"}, next: end}}
    """)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert await bench.run(plan, at=later) is RunStatus.WAITING


SIGNAL = """
    inputs: {order: {type: string, default: o1}}
    outputs: {data: "${ nodes.a.result }"}
    start: a
    nodes: {a: {wait: {signal: paid, key: "${ inputs.order }"}, timeout: 1h, next: end}}
"""


async def test_a_signal_is_waited_for(bench: Bench) -> None:
    plan = written(SIGNAL)
    assert await bench.run(plan, order="o7") is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert (question.kind, question.signal, question.key) == ("signal", "paid", "o7")
    await bench.answer({"sum": 7})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"data": {"sum": 7}}


async def test_a_signal_that_came_early_is_kept(bench: Bench) -> None:
    plan = written(SIGNAL)
    await bench.create(plan, order="o7")
    for number, key in enumerate(("o8", "o7")):
        early = SignalKept(bench.run_id, f"s{number}", "paid", key, {"key": key}, datetime.now(UTC))
        assert await bench.journal.commit(early)
    assert await bench.start(plan).run_attempt(bench.run_id) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"data": {"key": "o7"}}


async def test_a_signal_that_does_not_come_is_a_timeout(bench: Bench) -> None:
    plan = written(SIGNAL.replace("timeout: 1h", "timeout: 1500ms"))
    assert await bench.run(plan, order="o7") is RunStatus.WAITING
    await expire(bench)
    assert await bench.resume(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("timeout", "a")


async def test_a_poll_calls_until_its_condition_holds(bench: Bench) -> None:
    calls: list[int] = []

    async def ready(_: ToolCall) -> Json:
        calls.append(1)
        return {"ready": len(calls) == 3}

    bench.tools = {"t.ready": ready}
    plan = written("""
        outputs: {last: "${ nodes.a.result }"}
        start: a
        nodes: {a: {wait: {poll: {tool: t.ready}, every: 50ms, until: "${ result.ready }"}, next: end}}
    """)
    status = await bench.run(plan)
    while status is RunStatus.WAITING:
        await expire(bench)
        status = await bench.resume(plan)
    assert status is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"last": {"ready": True}}
    assert len(calls) == 3


async def test_a_polled_stage_is_done_when_it_is_complete_and_never_run(bench: Bench) -> None:
    group = LuigiGroup("shop", ("shop",), (Path(__file__).parent / "luigi/pipelines",))
    bench.groups = {"shop.Bottom": group}
    binding = Binding(kind="stage", name="shop.Bottom", version="1.0.0", source_digest="", parameters={}, result={})
    step = Step(id="a", verb="wait", path="/nodes/a", call=binding, wait=Wait(every_seconds=0.05), read="text")
    plan = plan_of(step, outputs={"text": "${ nodes.a.result.data }"})
    assert await bench.run(plan) is RunStatus.WAITING
    assert [one.kind for one in (await bench.history()).questions] == ["poll"]
    await expire(bench)
    assert await bench.resume(plan) is RunStatus.WAITING
    target = next(path for path in bench.folder.rglob("*") if path.is_dir() and path.name == "work") / "out/Bottom.txt"
    target.parent.mkdir()
    target.write_text("made by others")
    await expire(bench)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"text": "made by others"}
    assert not (await bench.history()).expansions


async def test_an_event_of_the_workflows_own_hides_what_is_masked(bench: Bench) -> None:
    plan = written("""
        start: a
        nodes: {a: {emit: {event: report-ready, data: {n: 1, who: [{mail: "a@b"}]}}, mask: [mail], next: end}}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    emitted = [event for event in await bench.events() if event.type == "emitted"]
    assert [(one.node, one.data) for one in emitted] == [
        ("a", {"event": "report-ready", "data": {"n": 1, "who": [{"mail": "***"}]}})
    ]
