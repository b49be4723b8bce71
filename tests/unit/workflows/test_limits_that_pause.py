"""`on_exceed: pause`: at a limit the run waits for a person, who allows more or does not."""

import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from workflows.ports import ToolCall
from workflows.records import Question
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any

LOOP = """
    limits: {steps: 4, on_exceed: pause}
    state: {n: {type: integer, default: 0, reduce: sum}}
    outputs: {n: "${ state.n }"}
    start: a
    nodes:
      a: {set: {n: 1}, next: [{when: "${ state.n < 9 }", to: a}, {else: end}]}
"""


async def open_questions(bench: Bench) -> list[Question]:
    return [one for one in (await bench.history()).questions if one.is_open]


async def test_a_run_waits_at_its_limit_of_steps_until_more_are_allowed(bench: Bench) -> None:
    plan = written(LOOP)
    assert await bench.run(plan) is RunStatus.WAITING
    (question,) = await open_questions(bench)
    assert (question.kind, question.step, question.title) == (
        "limit",
        "a",
        "Limit reached: the run has taken 4 steps, which is its limit. Go on?",
    )
    await bench.answer({"go_on": True})  # as many again: 8
    assert await bench.resume(plan) is RunStatus.WAITING
    assert "has taken 8 steps" in (await open_questions(bench))[0].title
    await bench.answer({"go_on": True, "more": 1})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"n": 9}


async def test_who_says_no_lets_the_run_fail_with_the_limit(bench: Bench) -> None:
    plan = written(LOOP)
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer({"go_on": False})
    assert await bench.resume(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("step-limit", "a")
    assert await bench.retry(plan) is RunStatus.WAITING  # asked again
    await bench.answer({"go_on": True, "more": 100})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED


async def test_members_that_reach_the_limit_together_ask_once(bench: Bench) -> None:
    plan = written("""
        limits: {steps: 2, on_exceed: pause}
        nodes: {a: {set: {}, needs: []}, b: {set: {}}, c: {set: {}}, d: {set: {}, needs: [c]}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    assert len(await open_questions(bench)) == 1
    await bench.answer({"go_on": True, "more": 2})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED


async def test_visits_and_items_of_a_map_are_limits_too(bench: Bench) -> None:
    async def ok(_: ToolCall) -> Json:
        return 1

    bench.tools = {"t.ok": ok}
    plan = written("""
        limits: {fan_out: 2, on_exceed: pause}
        state: {n: {type: integer, default: 0, reduce: sum}}
        outputs: {n: "${ state.n }"}
        start: a
        nodes:
          a: {map: {each: x, in: "${ [1, 2, 3] }"}, tool: t.ok, next: b}
          b:
            set: {n: 1}
            limits: {visits: 1}
            next: [{when: "${ state.n < 2 }", to: b}, {else: end}]
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    assert "the map has 3 items, its limit is 2" in (await open_questions(bench))[0].title
    await bench.answer({"go_on": True})
    assert await bench.resume(plan) is RunStatus.WAITING
    assert "b was visited 1 times" in (await open_questions(bench))[0].title
    await bench.answer({"go_on": True})
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"n": 2}


async def test_a_run_that_takes_too_long_stops_what_it_does_and_asks_for_time(bench: Bench) -> None:
    calls: list[int] = []

    async def slow(_: ToolCall) -> Json:
        calls.append(1)
        await asyncio.sleep(30 if len(calls) == 1 else 0)
        return 1

    bench.tools = {"t.slow": slow}
    plan = written("""
        limits: {duration: 300ms, on_exceed: pause}
        start: a
        nodes: {a: {tool: t.slow, next: b}, b: {human: {title: "Fine?"}, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    (question,) = await open_questions(bench)
    assert (question.kind, question.step) == ("limit", "")
    await bench.answer({"go_on": True, "more": 60})
    assert await bench.resume(plan) is RunStatus.WAITING  # for the person, whom the run's time does not cut short
    assert [(one.kind, one.step, one.expires_at) for one in await open_questions(bench)] == [("person", "b", None)]
    await bench.answer("yes")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED


async def test_who_allows_no_more_time_lets_the_run_fail(bench: Bench) -> None:
    async def slow(_: ToolCall) -> Json:
        await asyncio.sleep(30)

    bench.tools = {"t.slow": slow}
    plan = written("""
        limits: {duration: 200ms, on_exceed: pause}
        start: a
        nodes: {a: {tool: t.slow, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer({"go_on": False})
    assert await bench.resume(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "time-limit"
