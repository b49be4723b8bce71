import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, human, plan_of, to, tool, until
from translator.planning.plan import RetryPolicy, Step
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.records import AttemptStarted, StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


class Broken:
    """A tool that fails until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False
        self.calls: list[str] = []

    async def __call__(self, call: ToolCall) -> Json:
        self.calls.append(call.step)
        if not self.is_mended:
            raise StepError("broken", error_name="tool-failed")
        return {"by": call.step}


class Counted:
    """A tool that works, and counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def __call__(self, call: ToolCall) -> Json:
        self.calls.append(call.step)
        return {"by": call.step}


async def test_a_flow_goes_on_at_the_step_that_failed_with_a_fresh_budget(bench: Bench) -> None:
    bad, good = Broken(), Counted()
    bench.tools = {"t.a": good, "t.b": bad, "t.c": good}
    policy = RetryPolicy(max=1, initial_seconds=0.001)
    plan = plan_of(tool("a", "b"), tool("b", "c", retry=policy), tool("c", "end"), outputs={"a": "${ nodes.a.result }"})
    assert await bench.run(plan) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.FAILED
    assert len(bad.calls) == 4
    bad.is_mended = True
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert good.calls == ["a", "c"]
    assert history.run.outputs == {"a": {"by": "a"}}
    assert (history.run.attempt, history.run.error) == (3, None)
    assert len({one.idempotency_key for one in history.steps if one.step == "b"}) == 1


async def test_a_dag_runs_only_what_failed_and_what_is_missing(bench: Bench) -> None:
    bad, good = Broken(), Counted()
    bench.tools = {"t.first": good, "t.bad": bad, "t.child": good, "t.free": good, "t.last": good}
    plan = plan_of(
        tool("first", save={"seen": "first"}),
        tool("bad", needs=("first",), save={"seen": "bad"}),
        tool("child", needs=("bad",), save={"seen": "child"}),
        tool("free", save={"seen": "free"}),
        tool("last", needs=("child", "free")),
        is_dag=True,
        state={"seen": {"schema": {"type": "array"}, "reduce": "append", "default": []}},
        outputs={"seen": "${ state.seen }"},
    )
    assert await bench.run(plan) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.FAILED
    bad.is_mended = True
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert sorted(good.calls) == ["child", "first", "free", "last"]
    assert (await bench.history()).run.outputs == {"seen": ["first", "bad", "child", "free"]}


async def test_a_block_in_a_flow_and_a_nested_one_are_retried(bench: Bench) -> None:
    bad, good = Broken(), Counted()
    bench.tools = {"t.before": good, "t.bad": bad, "t.side": good, "t.after": good}
    block = Step(id="block", verb="dag", path="/nodes/block", transition=to("after"))
    inner = Step(id="inner", verb="dag", path="/nodes/block/dag/inner", block="block")
    plan = plan_of(
        tool("before", "block"),
        block,
        inner,
        tool("bad", block="inner"),
        tool("side", block="block"),
        tool("after", "end"),
        outputs={"block": "${ nodes.block.result }"},
    )
    assert await bench.run(plan) is RunStatus.FAILED
    bad.is_mended = True
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert sorted(good.calls) == ["after", "before", "side"]
    outputs = (await bench.history()).run.outputs
    assert outputs == {"block": {"inner": {"bad": {"by": "bad"}}, "side": {"by": "side"}}}


async def test_a_retry_that_is_killed_is_recovered(bench: Bench) -> None:
    hangs = asyncio.Event()
    calls: list[str] = []

    async def bad(call: ToolCall) -> Json:
        calls.append(call.step)
        if len(calls) == 1:
            raise StepError("broken", error_name="tool-failed")
        if len(calls) == 2:
            hangs.set()
            await asyncio.sleep(60)
        return {}

    good = Counted()
    bench.tools = {"t.bad": bad, "t.free": good, "t.last": good}
    plan = plan_of(tool("bad"), tool("free"), tool("last", needs=("bad", "free")), is_dag=True)
    assert await bench.run(plan) is RunStatus.FAILED
    attempt = asyncio.ensure_future(bench.retry(plan))
    await hangs.wait()
    bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert good.calls == ["free", "last"]
    assert len(calls) == 3


async def test_a_question_that_nobody_answered_in_time_is_asked_anew(bench: Bench) -> None:
    plan = plan_of(human("gate", "end", timeout_seconds=60), outputs={"said": "${ nodes.gate.result }"})
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer(has_expired=True)
    assert await bench.resume(plan) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.WAITING
    await bench.answer("yes")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"said": "yes"}


async def test_a_cancelled_run_goes_on(bench: Bench) -> None:
    calls: list[str] = []

    async def slow(call: ToolCall) -> Json:
        calls.append(call.step)
        await asyncio.sleep(60 if len(calls) == 1 else 0)
        return {}

    bench.tools = {"t.a": slow}
    plan = plan_of(tool("a", "end"))
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await until(lambda: bool(calls))
    engine.cancel(bench.run_id)
    assert await attempt is RunStatus.CANCELLED
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    statuses = [one.status for one in (await bench.history()).steps]
    assert statuses == [StepStatus.CANCELLED, StepStatus.SUCCEEDED]


async def test_an_attempt_says_that_it_is_a_retry(bench: Bench) -> None:
    bad = Broken()
    bench.tools = {"t.a": bad}
    kinds: list[str] = []
    bench.journal.observe(lambda units: kinds.extend(one.kind for one in units if isinstance(one, AttemptStarted)))
    plan = plan_of(tool("a", "end"))
    await bench.run(plan)
    bad.is_mended = True
    await bench.retry(plan)
    assert kinds == ["start", "retry"]
