"""Failures that lead on: `catch`, `finally`; choices of a tool; results of earlier runs."""

import asyncio
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.records import CancelRequested
from workflows.run import RunError, RunId, RunStatus

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


async def test_an_error_leads_where_its_catch_says(bench: Bench) -> None:
    bench.tools = {"t.bad": broken, "t.plan_b": echo}
    plan = written("""
        state: {why: {type: string, default: ""}}
        outputs: {why: "${ state.why }", b: "${ nodes.b.result.used }", status: "${ nodes.a.status }"}
        start: a
        nodes:
          a:
            tool: t.bad
            catch:
              - {errors: [timeout], to: end}
              - {errors: [unavailable], save: {why: "${ error.name + ': ' + error.message }"}, to: b}
            next: end
          b: {tool: t.plan_b, with: {used: "${ state.why }"}, next: end}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    why = "unavailable: broken"
    assert await outputs(bench) == {"why": why, "b": why, "status": "failed"}
    assert "step.caught a" in await bench.names()


async def test_in_a_dag_a_caught_failure_counts_as_done_with_the_result_it_is_given(bench: Bench) -> None:
    bench.tools = {"t.bad": broken, "t.after": echo}
    plan = written("""
        outputs: {got: "${ nodes.after.result.got }"}
        nodes:
          a: {tool: t.bad, catch: [{errors: [any], result: {n: 0}}]}
          after: {tool: t.after, needs: [a], with: {got: "${ nodes.a.result.n }"}}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"got": 0}


async def test_a_flow_block_with_a_catch_is_a_try_and_keeps_what_was_saved_before(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.bad": broken}
    plan = written("""
        state: {done: {type: array, reduce: append, default: []}}
        outputs: {done: "${ state.done }", node: "${ nodes.attempt.error.node }"}
        start: attempt
        nodes:
          attempt:
            flow:
              start: a
              nodes:
                a: {tool: t.a, save: {done: a}, next: bad}
                bad: {tool: t.bad, save: {done: bad}, next: end}
            catch: [{errors: [unavailable], save: {done: caught}, to: end}]
            next: end
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"done": ["a", "caught"], "node": "bad"}


async def test_what_nothing_catches_fails_the_run(bench: Bench) -> None:
    bench.tools = {"t.bad": broken}
    plan = written("start: a\nnodes: {a: {tool: t.bad, catch: [{errors: [timeout], to: end}], next: end}}")
    assert await bench.run(plan) is RunStatus.FAILED


FINALLY = """
    outputs: {}
    start: a
    nodes: {a: {tool: t.a, next: end}}
    finally:
      tell: {tool: t.tell, with: {status: "${ run.status }", error: "${ run.error }"}}
      then: {tool: t.tell, needs: [tell], when: "${ run.status == 'failed' }", with: {then: "${ nodes.a.status }"}}
"""


async def test_finally_runs_after_a_success_and_after_a_failure(bench: Bench) -> None:
    told: list[Json] = []

    async def tell(call: ToolCall) -> Json:
        told.append(dict(call.arguments))

    bench.tools = {"t.a": echo, "t.tell": tell}
    plan = written(FINALLY)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert told == [{"status": "succeeded", "error": None}]
    told.clear()
    bench.tools["t.a"], bench.run_id = broken, RunId("r2")
    assert await bench.run(plan) is RunStatus.FAILED
    assert [one.get("status") for one in told] == ["failed", None]
    assert told[0]["error"]["name"] == "unavailable"
    assert told[1] == {"then": "failed"}
    names = await bench.names()
    assert names.index("step.failed a") < names.index("step.started tell") < names.index("run.failed")


async def test_finally_runs_once_more_after_a_retry(bench: Bench) -> None:
    told: list[Json] = []

    async def tell(call: ToolCall) -> Json:
        told.append(call.arguments.get("status"))

    bench.tools = {"t.a": broken, "t.tell": tell}
    plan = written(FINALLY)
    assert await bench.run(plan) is RunStatus.FAILED
    bench.tools["t.a"] = echo
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert [one for one in told if one] == ["failed", "succeeded"]


async def test_a_failure_in_finally_fails_the_run(bench: Bench) -> None:
    bench.tools = {"t.a": echo, "t.tell": broken}
    assert await bench.run(written(FINALLY)) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.node == "tell"


async def test_finally_runs_when_a_run_is_cancelled(bench: Bench) -> None:
    told: list[Json] = []
    started = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        started.set()
        await asyncio.sleep(60)

    async def tell(call: ToolCall) -> Json:
        told.append(call.arguments.get("status"))

    bench.tools = {"t.a": slow, "t.tell": tell}
    plan = written(FINALLY)
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await started.wait()
    assert engine.cancel(bench.run_id)
    assert await attempt is RunStatus.CANCELLED
    assert told == ["cancelled"]


async def test_a_tool_decides_where_a_flow_goes(bench: Bench) -> None:
    async def choose(_: ToolCall) -> Json:
        return {"next": "b", "reason": "it is better"}

    bench.tools = {"t.choose": choose, "t.a": echo, "t.b": echo}
    plan = written("""
        outputs: {why: "${ nodes.which.result.reason }", b: "${ nodes.b.status }", a: "${ nodes.a.status }"}
        start: which
        nodes:
          which: {decide: {among: [a, b], tool: t.choose}}
          a: {tool: t.a, next: end}
          b: {tool: t.b, next: end}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert await outputs(bench) == {"why": "it is better", "b": "succeeded", "a": "pending"}


async def test_a_tool_decides_which_members_of_a_dag_run(bench: Bench) -> None:
    async def choose(_: ToolCall) -> Json:
        return ["a", "c"]

    bench.tools = {"t.choose": choose, "t.x": echo}
    plan = written("""
        nodes:
          which: {decide: {among: [a, b, c], tool: t.choose}}
          a: {tool: t.x, needs: [which]}
          b: {tool: t.x, needs: [which]}
          c: {tool: t.x, needs: [which]}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    ends = {one.step: one.status.value for one in (await bench.history()).steps}
    assert ends == {"which": "succeeded", "a": "succeeded", "b": "skipped", "c": "succeeded"}


async def test_a_choice_that_was_not_offered_is_an_invalid_result(bench: Bench) -> None:
    async def choose(_: ToolCall) -> Json:
        return "elsewhere"

    bench.tools = {"t.choose": choose}
    plan = written("start: w\nnodes: {w: {decide: {among: [end], tool: t.choose}}}")
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "invalid-result"


async def test_a_cached_result_is_used_by_the_next_run(bench: Bench) -> None:
    calls: list[Json] = []

    async def costly(call: ToolCall) -> Json:
        calls.append(call.arguments["n"])
        return call.arguments["n"] * 2

    bench.tools = {"t.costly": costly}
    plan = written("""
        inputs: {n: {type: integer}}
        outputs: {n: "${ nodes.a.result }"}
        start: a
        nodes: {a: {tool: t.costly, with: {n: "${ inputs.n }"}, cache: {ttl: 1d}, next: end}}
    """)
    for number, n in enumerate((1, 1, 2)):
        bench.run_id = RunId(f"r{number}")
        assert await bench.run(plan, n=n) is RunStatus.SUCCEEDED
        assert await outputs(bench) == {"n": n * 2}
    assert calls == [1, 2]


async def test_an_idempotency_key_of_the_authors_own_is_handed_over(bench: Bench) -> None:
    bench.tools = {"t.a": echo}
    keys: list[str] = []

    async def note(call: ToolCall) -> Json:
        keys.append(call.idempotency_key)

    bench.tools = {"t.a": note}
    plan = written("""
        inputs: {order: {type: string}}
        start: a
        nodes: {a: {tool: t.a, idempotency_key: "order-${ inputs.order }", next: end}}
    """)
    assert await bench.run(plan, order="7") is RunStatus.SUCCEEDED
    assert keys == ["order-7"]


async def test_a_run_that_waits_runs_its_finally_when_it_is_cancelled(bench: Bench) -> None:
    told: list[Json] = []

    async def tell(call: ToolCall) -> Json:
        told.append(call.arguments["status"])

    bench.tools = {"t.tell": tell}
    plan = written("""
        start: a
        nodes: {a: {human: {title: Well?}, next: end}}
        finally: {tell: {tool: t.tell, with: {status: "${ run.status }"}}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    now = (await bench.history()).run.created_at
    assert await bench.journal.commit(CancelRequested(bench.run_id, now), *bench.queued())
    assert await bench.resume(plan) is RunStatus.CANCELLED
    assert told == ["cancelled"]


async def test_an_error_says_in_which_attempt_and_what_failed_before_it(bench: Bench) -> None:
    async def fails(_: ToolCall) -> Json:
        raise StepError("down", error_name="unavailable")

    bench.tools = {"t.fails": fails}
    plan = written("""
        inputs: {n: {type: integer, default: 0}}
        start: a
        nodes: {a: {tool: t.fails, catch: [{errors: [unavailable], result: "${ 1 / inputs.n }"}], next: end}}
    """)
    assert await bench.run(plan, n=0) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.cause is not None
    assert (error.name, error.node, error.attempt) == ("expression-failed", "a", 2)
    assert (error.cause.name, error.cause.message, error.cause.node, error.cause.attempt) == (
        "unavailable",
        "down",
        "a",
        2,
    )
    assert RunError.from_json(error.as_json()) == error


async def test_the_failure_of_a_map_names_that_of_its_first_item(bench: Bench) -> None:
    async def fails(_: ToolCall) -> Json:
        raise StepError("down", error_name="unavailable")

    bench.tools = {"t.fails": fails}
    plan = written("""
        start: a
        nodes: {a: {map: {each: x, in: "${ [1, 2] }"}, tool: t.fails, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.cause is not None
    assert (error.name, error.cause.name) == ("items-failed", "unavailable")
