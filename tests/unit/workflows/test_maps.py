"""Maps: over tools, blocks and people; tolerated failures, items recorded one by one."""

import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any

OVER_TOOLS = """
    inputs: {n: {type: array}, tolerated: {type: integer, default: 0}}
    state: {found: {type: array, reduce: append, default: []}}
    outputs: {ok: "${ nodes.all.result.ok }", failed: "${ nodes.all.result.failed }", found: "${ state.found }"}
    start: all
    nodes:
      all:
        map: {each: number, in: "${ inputs.n }", concurrency: 2, tolerate: 25%}
        tool: t.square
        with: {n: "${ number }"}
        save: {found: "${ result.ok }"}
        next: end
"""


async def square(call: ToolCall) -> Json:
    if call.arguments["n"] < 0:
        raise StepError("no negative numbers", error_name="tool-failed")
    return call.arguments["n"] ** 2


async def outputs(bench: Bench) -> Json:
    run = (await bench.history()).run
    assert run.status is RunStatus.SUCCEEDED, run.error
    return run.outputs


async def test_results_stand_in_the_order_of_the_items(bench: Bench) -> None:
    async def later_ones_are_quicker(call: ToolCall) -> Json:
        await asyncio.sleep(0.01 * (5 - call.arguments["n"]))
        return call.arguments["n"] ** 2

    bench.tools = {"t.square": later_ones_are_quicker}
    assert await bench.run(written(OVER_TOOLS), n=[1, 2, 3, 4]) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"ok": [1, 4, 9, 16], "failed": [], "found": [1, 4, 9, 16]}
    keys = {one.task: one.idempotency_key for one in (await bench.history()).steps if one.task}
    assert sorted(keys) == ["#0", "#1", "#2", "#3"]
    assert len(set(keys.values())) == 4


async def test_some_failures_are_tolerated_and_told(bench: Bench) -> None:
    bench.tools = {"t.square": square}
    assert await bench.run(written(OVER_TOOLS), n=[1, -2, 3, 4]) is RunStatus.SUCCEEDED
    found = await outputs(bench)
    assert found["ok"] == [1, 9, 16]
    error = {"name": "tool-failed", "message": "no negative numbers", "node": "all"}
    assert found["failed"] == [{"index": 1, "item": -2, "error": error}]


async def test_more_failures_than_tolerated_fail_the_node_and_what_was_done_is_kept(bench: Bench) -> None:
    calls: list[int] = []

    async def counted(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if call.arguments["n"] < 0 and calls.count(call.arguments["n"]) == 1:
            raise StepError("not at once", error_name="tool-failed")
        return call.arguments["n"]

    bench.tools = {"t.square": counted}
    plan = written(OVER_TOOLS)
    assert await bench.run(plan, n=[1, -2, -3, 4]) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("items-failed", "all")
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert (await outputs(bench))["ok"] == [1, -2, -3, 4]
    assert sorted(calls) == [-3, -3, -2, -2, 1, 4]


async def test_after_a_crash_only_the_items_without_an_end_are_worked_on(bench: Bench) -> None:
    calls: list[int] = []
    reached = asyncio.Event()

    async def third_hangs(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if call.arguments["n"] == 3 and not reached.is_set():
            reached.set()
            await asyncio.sleep(60)
        return call.arguments["n"]

    bench.tools = {"t.square": third_hangs}
    plan = written(OVER_TOOLS.replace("concurrency: 2", "concurrency: 1"))
    await bench.create(plan, n=[1, 2, 3, 4])
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await reached.wait()
    bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await outputs(bench))["ok"] == [1, 2, 3, 4]
    assert calls == [1, 2, 3, 3, 4]


async def test_never_more_items_at_a_time_than_allowed(bench: Bench) -> None:
    now, most = 0, 0

    async def counting(_: ToolCall) -> Json:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    bench.tools = {"t.square": counting}
    assert await bench.run(written(OVER_TOOLS), n=list(range(9))) is RunStatus.SUCCEEDED
    assert most == 2


async def test_no_items_are_no_work(bench: Bench) -> None:
    assert await bench.run(written(OVER_TOOLS), n=[]) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"ok": [], "failed": [], "found": []}


async def test_a_map_has_a_limit_of_items(bench: Bench) -> None:
    plan = written(OVER_TOOLS + "    limits: {fan_out: 3}\n")
    assert await bench.run(plan, n=[1, 2, 3, 4]) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "fan-out-limit"


async def test_items_are_retried_by_themselves(bench: Bench) -> None:
    calls: list[int] = []

    async def second_time(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if calls.count(call.arguments["n"]) == 1:
            raise StepError("again", error_name="unavailable")
        return call.arguments["n"]

    bench.tools = {"t.square": second_time}
    text = OVER_TOOLS.replace("save:", "retry: {max: 1, initial: 1ms}\n        save:")
    assert await bench.run(written(text), n=[1, 2]) is RunStatus.SUCCEEDED
    assert sorted(calls) == [1, 1, 2, 2]


async def test_a_map_over_a_dag_gives_the_results_inside_and_lands_its_saves_in_order(bench: Bench) -> None:
    async def double(call: ToolCall) -> Json:
        await asyncio.sleep(0.01 * (3 - call.arguments["n"]))
        return call.arguments["n"] * 2

    bench.tools = {"t.double": double}
    plan = written("""
        inputs: {n: {type: array}}
        state: {seen: {type: array, reduce: append, default: []}}
        outputs: {ok: "${ nodes.each.result.ok }", seen: "${ state.seen }"}
        start: each
        nodes:
          each:
            map: {each: number, in: "${ inputs.n }"}
            dag:
              a: {tool: t.double, with: {n: "${ number }"}, save: {seen: "${ result }"}}
              b: {tool: t.double, needs: [a], with: {n: "${ nodes.a.result + number }"}}
            next: end
    """)
    assert await bench.run(plan, n=[1, 2, 3]) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"ok": [{"a": 2, "b": 6}, {"a": 4, "b": 12}, {"a": 6, "b": 18}], "seen": [2, 4, 6]}


async def test_a_map_in_a_dag_in_a_map_of_flows(bench: Bench) -> None:
    bench.tools = {"t.square": square}
    plan = written("""
        inputs: {rows: {type: array}}
        outputs: {ok: "${ nodes.rows.result.ok }"}
        start: rows
        nodes:
          rows:
            map: {each: row, in: "${ inputs.rows }", concurrency: 2}
            flow:
              start: cells
              nodes:
                cells:
                  dag: {cell: {map: {each: x, in: "${ row }"}, tool: t.square, with: {n: "${ x }"}}}
                  next: end
            next: end
    """)
    assert await bench.run(plan, rows=[[1, 2], [3]]) is RunStatus.SUCCEEDED
    cells = [one["cells"]["cell"]["ok"] for one in (await outputs(bench))["ok"]]
    assert cells == [[1, 4], [9]]


async def test_people_are_asked_for_every_item_and_the_run_waits_for_all(bench: Bench) -> None:
    plan = written("""
        outputs: {ok: "${ nodes.ask.result.ok }"}
        start: ask
        nodes:
          ask:
            map: {each: who, in: ["ann", "bob"]}
            human: {title: "${ who }?"}
            next: end
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    assert sorted(one.title for one in (await bench.history()).questions) == ["ann?", "bob?"]
    for _ in range(2):
        title = next(one.title for one in (await bench.history()).questions if one.is_open)
        await bench.answer(f"{title[:-1]} says yes")
        status = await bench.resume(plan)
    assert status is RunStatus.SUCCEEDED
    assert (await outputs(bench))["ok"] == ["ann says yes", "bob says yes"]


async def test_ten_thousand_items(bench: Bench) -> None:
    bench.tools = {"t.square": square}
    text = OVER_TOOLS.replace("concurrency: 2", "concurrency: 64").replace("tool: t.square", "tool: t.square", 1)
    assert await bench.run(written(text), n=list(range(10_000))) is RunStatus.SUCCEEDED
    assert len((await bench.history()).steps) == 10_001
    assert len(await bench.events()) < 100
