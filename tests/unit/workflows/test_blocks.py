"""Blocks in blocks: flows in DAGs, loops around them, joins, people inside."""

import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, until
from tests.unit.workflows.written import written
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.records import StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


async def echo(call: ToolCall) -> Json:
    return dict(call.arguments)


async def broken(_: ToolCall) -> Json:
    raise StepError("broken", error_name="tool-failed")


async def outputs(bench: Bench) -> Json:
    run = (await bench.history()).run
    assert run.status is RunStatus.SUCCEEDED, run.error
    return run.outputs


LOOP_IN_A_DAG = """
    inputs: {rounds: {type: integer, maximum: 9}}
    state: {n: {type: integer, default: 0, reduce: sum}, other: {type: integer, default: 0, reduce: sum}}
    outputs: {n: "${ state.n }", other: "${ state.other }", last: "${ nodes.after.result.seen }"}
    start: work
    nodes:
      work:
        dag:
          turns:
            flow:
              start: one
              nodes:
                one: {tool: t.one, with: {n: "${ state.n }"}, save: {n: 1}, next: check}
                check:
                  set: {other: 10}
                  next: [{when: "${ state.n < inputs.rounds }", to: one}, {else: end}]
          aside: {tool: t.aside, save: {other: 1}}
          after: {tool: t.after, needs: [turns, aside], with: {seen: "${ nodes.one.result.n }"}}
        next: end
"""


async def test_a_flow_in_a_dag_loops_and_sees_its_own_saves(bench: Bench) -> None:
    bench.tools = {"t.one": echo, "t.aside": echo, "t.after": echo}
    assert await bench.run(written(LOOP_IN_A_DAG), rounds=3) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"n": 3, "other": 31, "last": 2}
    visits = [one.visit for one in (await bench.history()).steps if one.step == "one"]
    assert [visit.rpartition(".")[2] for visit in visits] == ["1", "3", "5"]


async def test_a_block_that_was_cut_off_walks_over_what_is_recorded(bench: Bench) -> None:
    """Nothing inside that has succeeded is executed again, and the loop comes to the same place."""
    hangs, calls = asyncio.Event(), []

    async def third_hangs(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if call.arguments["n"] == 2 and not hangs.is_set():
            hangs.set()
            await asyncio.sleep(60)
        return dict(call.arguments)

    bench.tools = {"t.one": third_hangs, "t.aside": echo, "t.after": echo}
    plan = written(LOOP_IN_A_DAG)
    await bench.create(plan, rounds=4)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await hangs.wait()
    bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"n": 4, "other": 41, "last": 3}
    assert calls == [0, 1, 2, 2, 3]
    crashed = [one.step for one in (await bench.history()).steps if one.status is StepStatus.CRASHED]
    assert crashed == ["one"]


async def test_a_loop_around_a_block_enters_it_anew(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.b": echo}
    plan = written("""
        state: {round: {type: integer, default: 0, reduce: sum}, seen: {type: array, reduce: append, default: []}}
        outputs: {seen: "${ state.seen }", b: "${ nodes.b.result.n }"}
        start: both
        nodes:
          both:
            dag:
              a: {tool: t.a, with: {n: "${ state.round }"}, save: {seen: "${ result.n }"}}
              b: {tool: t.b, needs: [a], with: {n: "${ nodes.a.result.n * 10 }"}}
            save: {round: 1}
            next: [{when: "${ state.round < 3 }", to: both}, {else: end}]
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"seen": [0, 1, 2], "b": 20}


async def test_people_deep_inside_are_asked_together_and_answered_in_any_order(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    plan = written("""
        outputs: {a: "${ nodes.after.result }"}
        start: work
        nodes:
          work:
            dag:
              ann: {human: {title: Ann?}}
              turns:
                flow:
                  start: bob
                  nodes:
                    bob: {human: {title: Bob?}, next: cid}
                    cid: {human: {title: Cid?}, next: end}
              after:
                tool: t.a
                needs: [ann, turns]
                with: {ann: "${ nodes.ann.result }", bob: "${ nodes.bob.result }", cid: "${ nodes.cid.result }"}
            next: end
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    assert {one.title for one in (await bench.history()).questions if one.is_open} == {"Ann?", "Bob?"}
    snapshot = await bench.engine_graph(plan).aget_state({"configurable": {"thread_id": bench.run_id}})
    asked = {one.interrupt_id for one in (await bench.history()).questions}
    assert {one.id for one in snapshot.interrupts} == asked
    await bench.answer("b", node="bob")
    assert await bench.resume(plan) is RunStatus.WAITING
    await bench.answer("c", node="cid")
    assert await bench.resume(plan) is RunStatus.WAITING
    await bench.answer("a", node="ann")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await outputs(bench))["a"] == {"ann": "a", "bob": "b", "cid": "c"}


async def test_an_answer_deep_inside_is_taken_live_while_others_work(bench: Bench) -> None:
    goes_on = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        await goes_on.wait()
        return None

    async def release(_: ToolCall) -> Json:
        goes_on.set()

    bench.tools = {"t.slow": slow, "t.release": release}
    plan = written("""
        nodes:
          slow: {tool: t.slow}
          inner: {dag: {ask: {human: {title: Go?}}, then: {tool: t.release, needs: [ask]}}}
          last: {set: {}, needs: [slow, inner]}
    """)
    await bench.create(plan)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await until(lambda: bool(bench.engine and bench.engine._live and bench.engine._live["r1"].attempt.parked))
    await bench.answer("yes", node="ask")
    assert await attempt is RunStatus.SUCCEEDED
    assert (await bench.history()).run.attempt == 1


async def test_the_first_of_several_is_enough_and_the_others_are_stopped(bench: Bench) -> None:
    stopped: list[str] = []

    async def slow(call: ToolCall) -> Json:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(call.step)
            raise

    async def quick(_: ToolCall) -> Json:
        await asyncio.sleep(0.05)
        return "here"

    bench.tools = {"t.slow": slow, "t.quick": quick, "t.bad": broken}
    plan = written("""
        outputs: {quick: "${ nodes.race.result.quick }", slow: "${ nodes.race.result.slow }"}
        start: race
        nodes:
          race:
            join: any
            dag: {slow: {tool: t.slow}, quick: {tool: t.quick}, bad: {tool: t.bad}, ask: {human: {title: Or you?}}}
            next: end
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"quick": "here", "slow": None}
    assert stopped == ["slow"]
    history = await bench.history()
    assert not [one for one in history.questions if one.is_open]
    ends = {one.step: one.status.value for one in history.steps}
    assert (ends["slow"], ends["bad"], ends["ask"]) == ("cancelled", "failed", "cancelled")


async def test_a_join_that_cannot_be_reached_fails(bench: Bench) -> None:
    bench.tools = {"t.bad": broken, "t.ok": echo}
    plan = written("""
        join: {count: 2}
        nodes: {bad: {tool: t.bad}, ok: {tool: t.ok}}
    """)
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("tool-failed", "bad")


async def test_a_block_has_a_time_and_what_is_inside_is_stopped(bench: Bench) -> None:
    async def slow(_: ToolCall) -> Json:
        await asyncio.sleep(60)

    bench.tools = {"t.slow": slow}
    plan = written("""
        outputs: {how: "${ nodes.work.status }", why: "${ nodes.work.error.name }"}
        start: work
        nodes:
          work:
            dag: {a: {tool: t.slow}, b: {human: {title: Well?}}}
            timeout: 100ms
            catch: [{errors: [timeout], to: end}]
            next: end
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"how": "failed", "why": "timeout"}


async def test_a_person_inside_a_block_whose_time_is_up_is_not_waited_for(bench: Bench) -> None:
    plan = written("""
        outputs: {why: "${ nodes.work.error.name }"}
        start: work
        nodes:
          work:
            flow: {start: b, nodes: {b: {human: {title: Well?}, next: end}}}
            timeout: 200ms
            catch: [{errors: [timeout], to: end}]
            next: end
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert question.expires_at is not None
    await asyncio.sleep(0.25)
    await bench.answer(has_expired=True)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"why": "timeout"}


async def test_a_retry_goes_on_inside_the_block_that_failed(bench: Bench) -> None:
    calls: list[str] = []

    async def counted(call: ToolCall) -> Json:
        calls.append(call.step)
        if call.step == "c" and calls.count("c") == 1:
            raise StepError("not yet", error_name="tool-failed")
        return call.step

    bench.tools = {"t.a": counted, "t.b": counted, "t.c": counted}
    plan = written("""
        outputs: {all: "${ nodes.work.result }"}
        start: work
        nodes:
          work:
            dag:
              a: {tool: t.a}
              f: {flow: {start: b, nodes: {b: {tool: t.b, next: c}, c: {tool: t.c, next: end}}}}
            next: end
    """)
    assert await bench.run(plan) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"all": {"a": "a", "f": {"b": "b", "c": "c"}}}
    assert sorted(calls) == ["a", "b", "c", "c"]
