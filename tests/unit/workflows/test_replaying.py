"""A replay takes the way that was taken, whatever the nodes are, and says at which step a record does not fit."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, until
from tests.unit.workflows.written import written
from translator.language.cel import CelEngine
from translator.planning.plan import Plan
from workflows.differing import differences, disagreements
from workflows.errors import StepError
from workflows.memory import MemoryArtifacts
from workflows.ports import ToolCall
from workflows.recalling import Recording
from workflows.records import History, StepStatus
from workflows.replaying import ReplayTools, replay
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


async def replayed(bench: Bench, plan: Plan, history: History | None = None, other: Plan | None = None):
    recording = Recording(plan, history or await bench.history())
    artifacts = bench.artifacts or MemoryArtifacts(bench.folder)
    tools = ReplayTools(artifacts, bench.evaluator, CelEngine())
    found = await replay(recording, other or plan, tools)
    return found, [*differences(recording, found), *await disagreements(recording, artifacts)]


async def same_again(bench: Bench, plan: Plan) -> None:
    found, wrong = await replayed(bench, plan)
    assert wrong == []
    run = (await bench.history()).run
    assert found.status is run.status
    assert found.outputs == run.outputs


def tampered(history: History, name: str, visit: int = 1, **changes: Json) -> History:
    """Return a history in which somebody has changed a record."""
    rows = {one.visit: one for one in history.steps if one.step == name and not one.task}
    target = list(rows.values())[visit - 1]
    return replace(history, steps=tuple(replace(one, **changes) if one is target else one for one in history.steps))


class Counting:
    """Tools that never return the same twice, and may fail or take a while."""

    def __init__(self, bench: Bench) -> None:
        self.calls = 0
        self.failing: dict[str, int] = {}
        self.slow: dict[str, float] = {}
        bench.tools = {"t.ok": self.ok, "t.pick": self.pick}

    async def ok(self, call: ToolCall) -> Json:
        self.calls += 1
        await asyncio.sleep(self.slow.get(call.step, 0))
        if self.failing.get(call.step, 0) > 0:
            self.failing[call.step] -= 1
            raise StepError("down", error_name="unavailable")
        return call.arguments.get("x", self.calls)

    async def pick(self, call: ToolCall) -> Json:
        return call.arguments["pick"]


LOOP = """
    inputs: {rounds: {type: integer, default: 3}}
    state: {log: {type: array, reduce: append}, n: {type: integer, reduce: sum, default: 0}}
    outputs: {log: "${ state.log }", n: "${ state.n }"}
    start: a
    nodes:
      a: {tool: t.ok, save: {log: [a]}, next: b}
      b: {tool: t.ok, save: {log: ["${ result }"], n: 1}, next: [{when: "${ state.n < 3 }", to: b}, {else: c}]}
      c: {set: {log: ["${ run.id }"]}, next: end}
    limits: {steps: 50}
"""


async def test_a_flow_with_a_loop_takes_the_same_way_and_calls_nothing(bench: Bench) -> None:
    tools, plan = Counting(bench), written(LOOP)
    assert await bench.run(plan, rounds=3) is RunStatus.SUCCEEDED
    before = tools.calls, await bench.history(), await bench.events()
    await same_again(bench, plan)
    assert (tools.calls, await bench.history(), await bench.events()) == before


@pytest.mark.parametrize(
    ("name", "visit", "changes", "expected"),
    [
        ("b", 2, {"goto": "c"}, [("b", 2, "goto")]),
        ("b", 2, {"saves": {"log": [99], "n": 1}}, [("b", 2, "saves")]),
        ("b", 1, {"result": {"value": 77}}, [("b", 1, "saves"), ("", 1, "outputs")]),
        ("c", 1, {"status": StepStatus.SKIPPED}, [("c", 1, "status")]),
    ],
)
async def test_a_changed_record_is_found(bench: Bench, name: str, visit: int, changes: Json, expected: Json) -> None:
    Counting(bench)
    plan = written(LOOP)
    await bench.run(plan, rounds=3)
    _, wrong = await replayed(bench, plan, tampered(await bench.history(), name, visit, **changes))
    assert [(one.step, one.visit, one.what) for one in wrong] == expected


async def test_a_record_that_is_gone_or_added_is_found(bench: Bench) -> None:
    Counting(bench)
    plan = written(LOOP)
    await bench.run(plan, rounds=3)
    history = await bench.history()
    last = next(one for one in reversed(history.steps) if one.step == "b")
    _, wrong = await replayed(bench, plan, replace(history, steps=tuple(x for x in history.steps if x is not last)))
    assert ("b", "unrecorded") in {(one.step, one.what) for one in wrong}
    added = replace(last, visit="another")
    _, wrong = await replayed(bench, plan, replace(history, steps=(*history.steps, added)))
    assert [(one.step, one.visit, one.what) for one in wrong] == [("b", 4, "unreached")]


DAG = """
    outputs: {d: "${ nodes.d.result }"}
    nodes:
      a: {tool: t.ok}
      pick: {decide: {tool: t.pick, among: [b, c]}, with: {pick: [b]}, needs: [a]}
      b: {tool: t.ok, needs: [pick]}
      c: {tool: t.ok, needs: [pick]}
      d: {set: {}, needs: [b, c], when: "${ nodes.b.result > 0 }"}
"""


async def test_a_dag_takes_the_recorded_choice(bench: Bench) -> None:
    Counting(bench)
    plan = written(DAG)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)
    other = {"value": {"next": ["c"], "reason": None}}
    _, wrong = await replayed(bench, plan, tampered(await bench.history(), "pick", result=other))
    assert {(one.step, one.what) for one in wrong} >= {("b", "status"), ("c", "status")}


NESTED = (
    """
    state: {log: {type: array, reduce: append}}
    outputs: {last: "${ nodes.last.result }", each: "${ nodes.each.result }", log: "${ state.log }"}
    start: first
    nodes:
      first: {tool: t.ok, next: both}
      both:
        dag:
          left:
            flow:
              start: one
              nodes: {one: {tool: t.ok, save: {log: [1]}, next: two}, two: {tool: t.ok, next: end}}
          right: {workflow: w1@*}
          after: {tool: t.ok, needs: [left]}
        retry: {max: 1, initial: 0s}
        next: each
      each:
        map: {each: x, in: "${ [1, 2, 3] }", concurrency: 2, tolerate: 1}
        dag: {in: {tool: t.ok, with: {x: "${ x }"}}, on: {tool: t.ok, needs: [in]}}
        next: items
      items:
        map: {each: x, in: "${ [1, 2, 3] }", tolerate: 3}
        tool: t.ok
        next: last
      last: {tool: t.ok, catch: [{errors: [any], result: caught, save: {log: [9]}, to: end}], next: end}
    finally: {clean: {tool: t.ok}}
    """,
    """
    outputs: {x: "${ nodes.in2.result }"}
    start: in1
    nodes: {in1: {tool: t.ok, next: in2}, in2: {tool: t.ok, next: end}}
    finally: {bye: {tool: t.ok}}
    """,
)


@pytest.mark.parametrize("failing", [{}, {"right/in2": 1, "items": 2}, {"last": 1, "on": 1}, {"right/in2": 2}])
async def test_blocks_maps_calls_and_what_was_caught(bench: Bench, failing: dict[str, int]) -> None:
    tools, plan = Counting(bench), written(*NESTED)
    tools.failing = dict(failing)
    status = await bench.run(plan)
    assert status is (RunStatus.FAILED if failing == {"right/in2": 2} else RunStatus.SUCCEEDED)
    await same_again(bench, plan)
    _, wrong = await replayed(bench, plan, tampered(await bench.history(), "both", result={"value": {"left": {}}}))
    assert ("both", "result") in {(one.step, one.what) for one in wrong} or status is RunStatus.FAILED


async def test_a_run_that_was_retried_counts_as_it_ended(bench: Bench) -> None:
    tools, plan = Counting(bench), written(*NESTED)
    tools.failing = {"right/in2": 2}
    assert await bench.run(plan) is RunStatus.FAILED
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)


@pytest.mark.parametrize("text", ["join: any", "fail_fast: true"])
async def test_a_race_ends_as_it_did(bench: Bench, text: str) -> None:
    tools = Counting(bench)
    tools.slow = {"slow": 5.0, "second": 0.02, "first": 0.01}
    tools.failing = {"second": 1} if "fast" in text else {}
    plan = written(f"""
        outputs: {{race: "${{ nodes.race.result }}"}}
        start: race
        nodes:
          race:
            dag:
              slow: {{tool: t.ok}}
              second: {{tool: t.ok}}
              first: {{tool: t.ok}}
              more: {{tool: t.ok, needs: [first]}}
            {text}
            catch: [{{errors: [any], result: {{}}, to: end}}]
            next: end
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)


async def test_a_block_whose_time_was_up(bench: Bench) -> None:
    tools = Counting(bench)
    tools.slow = {"slow": 30.0}
    plan = written("""
        outputs: {x: "${ nodes.both.status }"}
        start: both
        nodes:
          both:
            dag: {quick: {tool: t.ok}, slow: {tool: t.ok}}
            timeout: 200ms
            catch: [{errors: [timeout], to: after}]
            next: after
          after: {tool: t.ok, next: end}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)


PEOPLE = """
    outputs: {said: "${ nodes.ask.result }"}
    start: before
    nodes:
      before: {tool: t.ok, next: ask}
      ask: {human: {title: Go on?}, next: {switch: "${ result }", cases: {never: end}, default: after}}
      after: {wait: {for: 1ms}, next: end}
"""


async def test_a_run_that_waits_is_the_same_up_to_there(bench: Bench) -> None:
    Counting(bench)
    plan = written(PEOPLE)
    assert await bench.run(plan) is RunStatus.WAITING
    found, wrong = await replayed(bench, plan)
    assert (found.status, found.stopped_at, wrong) == (None, ("ask",), [])
    await bench.answer("yes")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)
    _, wrong = await replayed(bench, plan, tampered(await bench.history(), "ask", result={"value": "no"}))
    assert [(one.step, one.what) for one in wrong] == [("", "outputs"), ("ask", "records")]


async def test_a_run_that_was_cancelled_is_the_same_up_to_there(bench: Bench) -> None:
    tools = Counting(bench)
    tools.slow = {"slow": 30.0}
    plan = written("""
        nodes: {quick: {tool: t.ok}, slow: {tool: t.ok}, later: {tool: t.ok, needs: [slow]}}
        finally: {clean: {emit: {event: cleaned, data: {status: "${ run.status }"}}}}
    """)
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.ensure_future(engine.run_attempt(bench.run_id))
    await until(lambda: tools.calls == 2)
    assert engine.cancel(bench.run_id)
    assert await attempt is RunStatus.CANCELLED
    found, wrong = await replayed(bench, plan)
    assert (found.status, wrong) == (None, [])


async def test_another_plan_would_have_taken_another_way(bench: Bench) -> None:
    Counting(bench)
    plan = written(LOOP)
    await bench.run(plan, rounds=3)
    other = written(LOOP.replace("state.n < 3", "state.n < 2"))
    found, wrong = await replayed(bench, plan, other=other)
    assert found.status is RunStatus.SUCCEEDED
    assert found.outputs["n"] == 2
    assert [(one.step, one.visit, one.what) for one in wrong] == [
        ("b", 2, "goto"),
        ("b", 3, "unreached"),
        ("", 1, "outputs"),
    ]
    longer = written(
        LOOP.replace(
            "a: {tool: t.ok, save: {log: [a]}, next: b}",
            """
      a: {tool: t.ok, save: {log: [a]}, next: x}
      x: {set: {log: [x]}, next: y}
      y: {set: {log: [y]}, next: b}
    """,
        )
    )
    found, wrong = await replayed(bench, plan, other=longer)
    assert found.outputs["log"][:3] == ["a", "x", "y"]
    assert {(one.step, one.what) for one in wrong} == {
        ("a", "goto"), ("x", "unrecorded"), ("y", "unrecorded"), ("", "outputs")
    }  # fmt: skip
    farther = written(LOOP.replace("next: end", "next: z}\n      z: {tool: t.ok, next: end"))
    found, wrong = await replayed(bench, plan, other=farther)
    assert (found.status, found.stopped_at) == (None, ("z",))
    assert ("z", "unrecorded") in {(one.step, one.what) for one in wrong}


async def test_a_large_result_is_read_and_its_bytes_are_checked(bench: Bench) -> None:
    async def large(call: ToolCall) -> Json:
        del call
        return {"text": "x" * 100_000}

    bench.tools = {"t.ok": large}
    plan = written("""
        outputs: {size: "${ size(nodes.a.result.text) }"}
        start: a
        nodes: {a: {tool: t.ok, result: {type: object, properties: {text: {type: string}}}, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    await same_again(bench, plan)
    history = await bench.history()
    kept = dict(history.steps[-1].result) | {"sha256": "0" * 64}
    _, wrong = await replayed(bench, plan, tampered(history, "a", result=kept))
    assert {(one.step, one.what) for one in wrong} == {("a", "result"), ("a", "records")}
    gone = {**kept, "artifact": "specloom://runs/r1/artifacts/nothing"}
    found, wrong = await replayed(bench, plan, tampered(history, "a", result=gone))
    assert found.gone == ("a",)
