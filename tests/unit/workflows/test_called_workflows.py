"""Workflows that call workflows: what goes in and comes out, and what happens inside of them."""

import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
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
    raise StepError("broken", error_name="unavailable")


async def outputs(bench: Bench) -> Json:
    run = (await bench.history()).run
    assert run.status is RunStatus.SUCCEEDED, run.error
    return run.outputs


async def steps(bench: Bench) -> list[str]:
    return [one.step for one in (await bench.history()).steps if one.status is StepStatus.SUCCEEDED]


CALL = """
    inputs: {n: {type: integer, default: 1}}
    outputs: {got: "${ nodes.call.result }"}
    nodes: {call: {workflow: w1, with: {n: "${ inputs.n }"}}}
"""


async def test_outputs_come_back_and_the_steps_inside_are_steps_of_the_run(bench: Bench) -> None:
    bench.tools = {"t.add": echo}
    plan = written(
        CALL,
        """
        inputs: {n: {type: integer}, more: {type: integer, default: 10}}
        state: {sum: {type: integer, default: 0, reduce: sum}}
        outputs: {sum: "${ state.sum }", last: "${ nodes.a.result.n }"}
        start: a
        nodes:
          a: {tool: t.add, with: {n: "${ inputs.n + inputs.more }"}, save: {sum: "${ result.n }"}, next: b}
          b: {set: {sum: 100}, next: end}
        """,
    )
    assert await bench.run(plan, n=5) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"sum": 115, "last": 15}}
    assert await steps(bench) == ["call", "call/a", "call/b"]
    assert "step.started call/a" in await bench.names()


async def test_state_and_names_inside_are_apart_from_those_outside(bench: Bench) -> None:
    plan = written(
        """
        state: {n: {type: integer, default: 1}}
        outputs:
          mine: "${ state.n }"
          a: "${ nodes.a.result }"
          one: "${ nodes.one.result.n }"
          two: "${ nodes.two.result.n }"
        start: a
        nodes:
          a: {set: {n: 7}, next: one}
          one: {workflow: w1, with: {n: 3}, next: two}
          two: {workflow: w1, with: {n: 4}, next: end}
        """,
        """
        inputs: {n: {type: integer}}
        state: {n: {type: integer, default: 0, reduce: sum}}
        outputs: {n: "${ state.n }"}
        nodes: {a: {set: {n: "${ inputs.n }"}}}
        """,
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"mine": 7, "a": None, "one": 3, "two": 4}
    assert await steps(bench) == ["a", "one", "one/a", "two", "two/a"]


async def test_a_failure_inside_is_caught_outside(bench: Bench) -> None:
    bench.tools = {"t.bad": broken}
    child = "inputs: {n: {type: integer}}\nnodes: {a: {tool: t.bad}}\n"
    caught = """
        state: {why: {type: string, default: ""}}
        outputs: {why: "${ state.why }"}
        start: call
        nodes:
          call:
            workflow: w1
            with: {n: 1}
            catch: [{errors: [unavailable], save: {why: "${ error.node + ': ' + error.message }"}, to: end}]
            next: end
    """
    assert await bench.run(written(caught, child)) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"why": "call/a: broken"}
    assert "step.caught call" in await bench.names()


async def test_a_failure_that_nobody_catches_fails_the_run(bench: Bench) -> None:
    bench.tools = {"t.bad": broken}
    plan = written(CALL, "inputs: {n: {type: integer}}\nnodes: {a: {tool: t.bad}}\n")
    assert await bench.run(plan, n=1) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("unavailable", "call/a")


async def test_a_person_inside_is_asked_and_answered_like_any_other(bench: Bench) -> None:
    plan = written(
        CALL,
        """
        inputs: {n: {type: integer}}
        outputs: {said: "${ nodes.ask.result }"}
        nodes: {ask: {human: {title: "Is it ${ inputs.n }?"}}}
        """,
    )
    assert await bench.run(plan, n=3) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert (question.step, question.title) == ("call/ask", "Is it 3?")
    await bench.answer("yes", node="call/ask")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"said": "yes"}}


LOOP = """
    inputs: {n: {type: integer, maximum: 9}}
    state: {round: {type: integer, default: 0, reduce: sum}}
    outputs: {rounds: "${ state.round }"}
    start: turn
    nodes:
      turn:
        tool: t.turn
        with: {n: "${ state.round }"}
        save: {round: 1}
        next: [{when: "${ state.round < inputs.n }", to: turn}, {else: end}]
"""


async def test_a_loop_inside_goes_round(bench: Bench) -> None:
    bench.tools = {"t.turn": echo}
    assert await bench.run(written(CALL, LOOP), n=4) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"rounds": 4}}
    assert await steps(bench) == ["call", *["call/turn"] * 4]


async def test_what_was_killed_inside_goes_on_there(bench: Bench) -> None:
    hangs, calls = asyncio.Event(), []

    async def third_hangs(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if call.arguments["n"] == 2 and not hangs.is_set():
            hangs.set()
            await asyncio.sleep(60)
        return None

    bench.tools = {"t.turn": third_hangs}
    plan = written(CALL, LOOP)
    await bench.create(plan, n=4)
    attempt = asyncio.ensure_future(bench.start(plan).run_attempt(bench.run_id))
    await hangs.wait()
    bench.forget(attempt)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"rounds": 4}}
    assert calls == [0, 1, 2, 2, 3]


async def test_a_retry_goes_on_inside(bench: Bench) -> None:
    calls: list[int] = []

    async def once_bad(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        if calls == [0, 1]:
            raise StepError("not yet", error_name="unavailable")

    bench.tools = {"t.turn": once_bad}
    plan = written(CALL, LOOP)
    assert await bench.run(plan, n=3) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"rounds": 3}}
    assert calls == [0, 1, 1, 2]


async def test_a_map_calls_it_for_every_item(bench: Bench) -> None:
    async def odd_ones_break(call: ToolCall) -> Json:
        if call.arguments["n"] % 2:
            raise StepError("odd", error_name="unavailable")
        return call.arguments["n"] * 10

    bench.tools = {"t.one": odd_ones_break}
    plan = written(
        """
        outputs: {ok: "${ nodes.call.result.ok }", failed: "${ nodes.call.result.failed }"}
        nodes:
          call: {map: {each: it, in: [2, 3, 4], tolerate: 1}, workflow: w1, with: {n: "${ it }"}}
        """,
        """
        inputs: {n: {type: integer}}
        outputs: {n: "${ nodes.a.result }"}
        nodes: {a: {tool: t.one, with: {n: "${ inputs.n }"}}}
        """,
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    found = await outputs(bench)
    assert found["ok"] == [{"n": 20}, {"n": 40}]
    assert [(one["index"], one["item"], one["error"]["name"]) for one in found["failed"]] == [(1, 3, "unavailable")]
    assert [one.step for one in (await bench.history()).steps].count("call/a") == 3


@pytest.mark.parametrize(("tool", "status"), [(echo, "succeeded"), (broken, "failed")])
async def test_its_own_finally_runs_when_it_ends(bench: Bench, tool: Any, status: str) -> None:
    told: list[Json] = []

    async def tell(call: ToolCall) -> Json:
        told.append((call.step, call.arguments["how"]))

    bench.tools = {"t.work": tool, "t.tell": tell}
    plan = written(
        """
        nodes:
          call: {workflow: w1, catch: [{errors: [any]}]}
          after: {tool: t.tell, needs: [call], with: {how: after}}
        """,
        """
        nodes: {a: {tool: t.work}}
        finally: {last: {tool: t.tell, with: {how: "${ run.status }"}}}
        """,
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert told == [("call/last", status), ("after", "after")]


async def test_two_levels_deep(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    inner = """
        inputs: {n: {type: integer}}
        outputs: {n: "${ nodes.a.result.n + 1 }"}
        nodes: {a: {tool: t.a, with: {n: "${ inputs.n }"}}, ask: {human: {title: Well?}, needs: [a]}}
    """
    middle = """
        inputs: {n: {type: integer}}
        outputs: {n: "${ nodes.deeper.result.n * 10 }"}
        start: deeper
        nodes: {deeper: {workflow: w2, with: {n: "${ inputs.n }"}, next: end}}
    """
    plan = written(CALL, middle, inner)
    assert len(plan.workflows) == 2
    assert await bench.run(plan, n=4) is RunStatus.WAITING
    await bench.answer("well", node="call/deeper/ask")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": {"n": 50}}
    assert {"call/deeper/a", "call/deeper/ask", "call/deeper", "call"} == set(await steps(bench))


async def test_its_limits_hold_for_its_own_steps(bench: Bench) -> None:
    bench.tools = {"t.turn": echo}
    plan = written(CALL, f"{LOOP}    limits: {{steps: 2}}\n")
    assert await bench.run(plan, n=4) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "step-limit"


async def test_inputs_that_do_not_fit_are_refused_before_anything_inside_runs(bench: Bench) -> None:
    plan = written(
        CALL,
        """
        inputs: {n: {type: integer, maximum: 3}}
        nodes: {a: {set: {}}}
        """,
    )
    assert await bench.run(plan, n=5) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.node) == ("invalid-inputs", "call")
    assert await steps(bench) == []
