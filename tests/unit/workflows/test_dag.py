import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, human, plan_of, to, tool, until
from translator.planning.plan import Branch, Plan, Step, Transition
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.records import StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


async def echo(call: ToolCall) -> Json:
    return dict(call.arguments)


async def broken(_: ToolCall) -> Json:
    raise StepError("it is broken", error_name="tool-failed")


def dag(name: str, following: str | None = None, **fields: Any) -> Step:
    if following:
        fields["transition"] = to(following)
    return Step(id=name, verb="dag", path=f"/nodes/{name}", **fields)


async def statuses(bench: Bench) -> dict[str, str]:
    return {one.step: one.status.value for one in (await bench.history()).steps}


async def test_a_member_starts_the_moment_its_own_needs_are_done(bench: Bench) -> None:
    """`d` needs only the quick one; it must be done while the slow one of the layer before it still works."""
    done: list[str] = []
    released = asyncio.Event()

    async def work(call: ToolCall) -> Json:
        if call.step == "slow":
            await released.wait()
        done.append(call.step)
        if call.step == "d":
            released.set()
        return {}

    bench.tools = {f"t.{name}": work for name in ("quick", "slow", "d", "last")}
    plan = plan_of(
        tool("quick"), tool("slow"), tool("d", needs=("quick",)), tool("last", needs=("d", "slow")), is_dag=True
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert done == ["quick", "d", "slow", "last"]


async def test_what_members_save_lands_in_the_order_of_the_document(bench: Bench) -> None:
    async def late(call: ToolCall) -> Json:
        await asyncio.sleep(0.02 if call.step == "z" else 0)
        return dict(call.arguments)

    bench.tools = {"t.z": late, "t.a": late, "t.after": echo}
    plan = plan_of(
        dag("block", "after"),
        tool("z", block="block", save={"found": "z"}, arguments={"n": "${ size(state.found) }"}),
        tool("a", block="block", save={"found": "a"}, arguments={"n": "${ size(state.found) }"}),
        tool("after", "end", arguments={"found": "${ state.found }"}),
        state={"found": {"schema": {"type": "array"}, "reduce": "append", "default": []}},
        outputs={"found": "${ state.found }", "block": "${ nodes.block.result }"},
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    outputs = (await bench.history()).run.outputs
    assert outputs == {"found": ["z", "a"], "block": {"z": {"n": 0}, "a": {"n": 0}}}


async def test_independent_branches_go_on_after_a_failure_and_then_the_block_fails(bench: Bench) -> None:
    bench.tools = {"t.bad": broken, "t.child": echo, "t.grandchild": echo, "t.free": echo, "t.later": echo}
    plan = plan_of(
        tool("bad"),
        tool("child", needs=("bad",)),
        tool("grandchild", needs=("child",)),
        tool("free"),
        tool("later", needs=("free",)),
        is_dag=True,
    )
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("tool-failed", "bad")
    assert await statuses(bench) == {
        "bad": "failed",
        "child": "skipped",
        "grandchild": "skipped",
        "free": "succeeded",
        "later": "succeeded",
    }


async def test_fail_fast_stops_the_siblings(bench: Bench) -> None:
    has_begun = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        has_begun.set()
        await asyncio.sleep(60)

    async def bad(call: ToolCall) -> Json:
        await has_begun.wait()
        return await broken(call)

    bench.tools = {"t.bad": bad, "t.slow": slow, "t.later": echo}
    plan = plan_of(tool("bad"), tool("slow"), tool("later", needs=("slow",)), is_dag=True, fail_fast=True)
    assert await bench.run(plan) is RunStatus.FAILED
    assert await statuses(bench) == {"bad": "failed", "slow": "cancelled", "later": "skipped"}
    error = (await bench.history()).run.error
    assert error is not None
    assert error.node == "bad"


async def test_a_skipped_need_counts_as_done_with_a_null_result(bench: Bench) -> None:
    bench.tools = {"t.maybe": echo, "t.after": echo}
    plan = plan_of(
        tool("maybe", when="${ inputs.n > 1 }"),
        tool("after", needs=("maybe",), arguments={"got": "${ nodes.maybe.result }"}),
        is_dag=True,
        inputs={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        outputs={"got": "${ nodes.after.result.got }", "status": "${ nodes.maybe.status }"},
    )
    assert await bench.run(plan, n=1) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"got": None, "status": "skipped"}


def two_people() -> Plan:
    return plan_of(
        human("ann", save={"said": "${ result }"}, result={"type": "string"}),
        human("bob", save={"said": "${ result }"}, result={"type": "string"}),
        tool("side"),
        tool("after_ann", needs=("ann",), arguments={"ann": "${ nodes.ann.result }"}),
        tool("both", needs=("after_ann", "bob")),
        is_dag=True,
        state={"said": {"schema": {"type": "array"}, "reduce": "append", "default": []}},
        outputs={"said": "${ state.said }", "ann": "${ nodes.after_ann.result.ann }"},
    )


async def test_several_people_are_asked_at_once_and_may_answer_in_any_order(bench: Bench) -> None:
    bench.tools = dict.fromkeys(("t.side", "t.after_ann", "t.both"), echo)
    plan = two_people()
    assert await bench.run(plan) is RunStatus.WAITING
    assert len((await bench.history()).questions) == 2
    assert (await statuses(bench))["side"] == "succeeded"
    await bench.answer("bob says", node="bob")
    assert await bench.resume(plan) is RunStatus.WAITING
    await bench.answer("ann says", node="ann")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs == {"said": ["ann says", "bob says"], "ann": "ann says"}
    names = await bench.names()
    assert names.count("step.started side") == 1
    assert names.count("step.asked ann") == 1


async def test_an_answer_is_taken_while_siblings_still_run(bench: Bench) -> None:
    """The side waits until what depends on the answer is done: only a live answer lets this end."""
    released = asyncio.Event()

    async def side(_: ToolCall) -> Json:
        await released.wait()
        return {}

    async def after(call: ToolCall) -> Json:
        released.set()
        return dict(call.arguments)

    bench.tools = {"t.side": side, "t.after": after}
    plan = plan_of(human("ann"), tool("side"), tool("after", needs=("ann",)), is_dag=True)
    await bench.create(plan)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    engine = bench.engine
    assert engine is not None
    await until(lambda: any(live.attempt.parked for live in engine._live.values()))
    await bench.answer("yes", node="ann")
    assert await attempt is RunStatus.SUCCEEDED
    assert (await bench.history()).run.attempt == 1


async def test_a_killed_dag_repeats_only_what_was_not_recorded(bench: Bench) -> None:
    calls: list[str] = []
    hangs = asyncio.Event()

    async def count(call: ToolCall) -> Json:
        calls.append(call.step)
        if call.step == "c" and calls.count("c") == 1:
            hangs.set()
            await asyncio.sleep(60)
        return {}

    bench.tools = {f"t.{name}": count for name in "abcd"}
    plan = plan_of(
        tool("a"), tool("b", needs=("a",)), tool("c", needs=("a",)), tool("d", needs=("b", "c")), is_dag=True
    )
    await bench.create(plan)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await hangs.wait()
    await until(lambda: calls.count("b") == 1)
    await asyncio.sleep(0.05)
    bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert sorted(calls) == ["a", "b", "c", "c", "d"]


async def test_blocks_nest_and_a_condition_skips_a_whole_block(bench: Bench) -> None:
    bench.tools = dict.fromkeys(("t.first", "t.x", "t.y", "t.z", "t.last"), echo)
    plan = plan_of(
        tool("first"),
        dag("inner", needs=("first",)),
        tool("x", block="inner", arguments={"n": 1}),
        tool("y", block="inner", needs=("x",), arguments={"x": "${ nodes.x.result.n }"}),
        dag("never", needs=("first",), when="${ false }"),
        tool("z", block="never"),
        tool("last", needs=("inner", "never"), arguments={"inner": "${ nodes.inner.result }"}),
        is_dag=True,
        outputs={"inner": "${ nodes.last.result.inner }"},
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"inner": {"x": {"n": 1}, "y": {"x": 1}}}
    found = await statuses(bench)
    assert found["never"] == "skipped"
    assert "z" not in found


async def test_a_failure_inside_a_nested_block_blocks_what_needs_it(bench: Bench) -> None:
    bench.tools = {"t.bad": broken, "t.last": echo, "t.free": echo}
    plan = plan_of(dag("inner"), tool("bad", block="inner"), tool("last", needs=("inner",)), tool("free"), is_dag=True)
    assert await bench.run(plan) is RunStatus.FAILED
    assert await statuses(bench) == {"inner": "failed", "bad": "failed", "last": "skipped", "free": "succeeded"}


async def test_a_loop_around_a_block_runs_all_of_it_in_each_round(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.b": echo}
    again = Transition(branches=(Branch(when="${ state.round < 3 }", to="block"), Branch(to="end")))
    plan = plan_of(
        dag("block", transition=again, save={"round": 1}),
        tool("a", block="block", arguments={"round": "${ state.round }"}),
        tool("b", block="block", needs=("a",), save={"seen": "${ nodes.a.result.round }"}),
        state={
            "round": {"schema": {"type": "integer"}, "reduce": "sum", "default": 0},
            "seen": {"schema": {"type": "array"}, "reduce": "append", "default": []},
        },
        outputs={"seen": "${ state.seen }"},
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs == {"seen": [0, 1, 2]}
    assert sum(one.status is StepStatus.SUCCEEDED for one in history.steps) == 9


async def test_five_hundred_members(bench: Bench) -> None:
    bench.tools = {f"t.n{i}": echo for i in range(500)}
    steps = [tool(f"n{i}", needs=tuple(f"n{j}" for j in range(max(0, i - 5), i))) for i in range(500)]
    assert await bench.run(plan_of(*steps, is_dag=True)) is RunStatus.SUCCEEDED
