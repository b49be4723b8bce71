"""A fork takes over what was done before a step, calls nothing of it again, and goes its own way from there."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from translator.language.cel import CelEngine
from translator.planning.plan import Plan
from workflows.differing import differences
from workflows.errors import StepError
from workflows.forking import Taken, in_the_way, moved, read_before, take_over, targets
from workflows.ports import ToolCall
from workflows.recalling import Recording
from workflows.records import EventRecorded, RunCreated
from workflows.replaying import ReplayTools, replay
from workflows.run import RunId, RunStatus

pytestmark = pytest.mark.anyio
Json = Any
FORK = RunId("fork")


class Called:
    """Notes the steps whose tool was called, and with which keys and arguments."""

    def __init__(self, bench: Bench) -> None:
        self.steps: list[str] = []
        self.keys: list[str] = []
        self.arguments: list[Json] = []
        self.failing: set[str] = set()
        bench.tools = {"t.ok": self.ok}

    async def ok(self, call: ToolCall) -> Json:
        self.steps.append(call.step)
        self.keys.append(call.idempotency_key)
        self.arguments.append(dict(call.arguments))
        if call.step in self.failing:
            raise StepError("down", error_name="unavailable")
        return call.arguments.get("x", len(self.steps))

    def since(self) -> list[str]:
        found, self.steps = self.steps, []
        assert len(set(self.keys)) == len(self.keys)
        return found


async def taken(bench: Bench, plan: Plan, name: str, visit: int | None = None) -> Taken:
    recording = Recording(plan, await bench.history())
    found = targets(recording, name)
    number = visit or len(found)
    return take_over(recording, found[number - 1], number)


async def fork(
    bench: Bench, plan: Plan, name: str, visit: int | None = None, *, other: Plan | None = None, **changes: Json
) -> RunStatus:
    """Record a fork as the operation does, and execute it."""
    work = await taken(bench, plan, name, visit)
    old, now = (await bench.history()).run, datetime.now(UTC)
    made = replace(work.fork, sets=changes.pop("sets", {}))
    run = replace(
        old, id=FORK, status=RunStatus.QUEUED, attempt=0, outputs=None, error=None, finished_at=None, started_at=None,
        cancel_requested=False, retried_after=0, retried_at=None, created_at=now, forked_from=made,
        plan_digest=(other or plan).digest, **changes,
    )  # fmt: skip
    assert await bench.journal.commit(
        RunCreated(run), *moved(work, FORK), EventRecorded(FORK, "run.queued", now, data={})
    )
    bench.run_id = FORK
    return await bench.resume(other or plan)


async def replays(bench: Bench, plan: Plan) -> None:
    recording = Recording(plan, await bench.history())
    assert bench.artifacts is not None
    found = await replay(recording, plan, ReplayTools(bench.artifacts, bench.evaluator, CelEngine()))
    assert differences(recording, found) == []


FLOW = """
    inputs: {topic: {type: string, default: tin}}
    state: {log: {type: array, reduce: append}, n: {type: integer, reduce: sum, default: 0}}
    outputs: {log: "${ state.log }", n: "${ state.n }", first: "${ nodes.a.result }"}
    start: a
    nodes:
      a: {tool: t.ok, with: {x: "${ inputs.topic }"}, save: {log: [a]}, next: b}
      b: {tool: t.ok, save: {log: [b], n: 1}, next: c}
      c: {tool: t.ok, with: {x: "${ [inputs.topic, string(state.n)] }"}, save: {log: [c]}, next: [
        {when: "${ state.n < 3 }", to: b}, {else: end}]}
    limits: {steps: 50}
"""


async def test_a_flow_goes_on_from_any_visit(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    assert await bench.run(plan, topic="tin") is RunStatus.SUCCEEDED
    assert called.since() == ["a", "b", "c", "b", "c", "b", "c"]
    original = await bench.history()
    assert await fork(bench, plan, "c", 2) is RunStatus.SUCCEEDED
    assert called.since() == ["c", "b", "c"]
    run = (await bench.history()).run
    assert run.outputs == {"log": ["a", "b", "c", "b", "c", "b", "c"], "n": 3, "first": "tin"}
    assert run.forked_from is not None
    assert (run.forked_from.run, run.forked_from.step, run.forked_from.visit, run.forked_from.taken) == (
        "r1",
        "c",
        2,
        4,
    )
    await replays(bench, plan)
    bench.run_id = RunId("r1")
    assert await bench.history() == original


@pytest.mark.parametrize(("name", "visit", "steps"), [("a", 1, 7), ("b", 1, 6), ("b", 3, 2)])
async def test_nothing_before_is_called_again(bench: Bench, name: str, visit: int, steps: int) -> None:
    called, plan = Called(bench), written(FLOW)
    await bench.run(plan, topic="tin")
    called.since()
    assert await fork(bench, plan, name, visit) is RunStatus.SUCCEEDED
    assert len(called.since()) == steps
    assert all(key.startswith("fork/") for key in called.keys[7:])


async def test_the_state_is_changed_where_the_fork_begins(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    await bench.run(plan, topic="tin")
    called.since()
    assert await fork(bench, plan, "c", 1, sets={"n": 7, "log": ["x"]}, inputs={"topic": "lead"}) is RunStatus.SUCCEEDED
    assert called.since() == ["c"]
    assert called.arguments[-1] == {"x": ["lead", "7"]}
    assert (await bench.history()).run.outputs == {"log": ["x", "c"], "n": 7, "first": "tin"}
    await replays(bench, plan)


async def test_the_state_is_changed_before_the_first_step(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    await bench.run(plan, topic="tin")
    called.since()
    assert await fork(bench, plan, "a", sets={"n": 2}) is RunStatus.SUCCEEDED
    assert called.since() == ["a", "b", "c"]
    assert (await bench.history()).run.outputs["n"] == 3
    await replays(bench, plan)


NESTED = (
    """
    state: {log: {type: array, reduce: append}}
    outputs: {log: "${ state.log }", last: "${ nodes.last.result }"}
    start: first
    nodes:
      first: {tool: t.ok, save: {log: [first]}, next: both}
      both:
        dag:
          left:
            flow:
              start: one
              nodes: {one: {tool: t.ok, save: {log: [1]}, next: two}, two: {tool: t.ok, next: end}}
          right: {workflow: w1@*}
          after: {tool: t.ok, needs: [left], save: {log: [after]}}
        next: each
      each: {map: {each: x, in: "${ [1, 2] }", concurrency: 1}, dag: {in: {tool: t.ok}}, next: last}
      last: {tool: t.ok, next: end}
    finally: {clean: {tool: t.ok}}
    """,
    """
    state: {y: {type: integer, default: 1}}
    outputs: {x: "${ state.y }"}
    start: in1
    nodes: {in1: {tool: t.ok, next: in2}, in2: {tool: t.ok, next: end}}
    finally: {bye: {tool: t.ok}}
    """,
)


@pytest.mark.parametrize(
    ("name", "visit", "steps"),
    [
        (
            "both",
            1,
            ["first-", "one", "two", "right/in1", "right/in2", "right/bye", "after", "in", "in", "last", "clean"],
        ),
        ("two", 1, ["two", "after", "in", "in", "last", "clean"]),
        ("right", 1, ["right/in1", "right/in2", "right/bye", "in", "in", "last", "clean"]),
        ("right/in2", 1, ["right/in2", "right/bye", "in", "in", "last", "clean"]),
        ("after", 1, ["after", "in", "in", "last", "clean"]),
        ("in", 1, ["in", "last", "clean"]),
        ("each", 1, ["in", "in", "last", "clean"]),
        ("last", 1, ["last", "clean"]),
    ],
)
async def test_blocks_maps_and_calls_go_on_where_they_are(
    bench: Bench, name: str, visit: int, steps: list[str]
) -> None:
    called, plan = Called(bench), written(*NESTED)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    called.since()
    assert await fork(bench, plan, name, visit) is RunStatus.SUCCEEDED
    assert sorted(called.since()) == sorted(one for one in steps if one != "first-")
    assert (await bench.history()).run.outputs["log"] == ["first", 1, "after"]
    await replays(bench, plan)


@pytest.mark.parametrize(
    ("name", "log"), [("two", ["x", "after"]), ("one", ["x", 1, "after"]), ("last", ["x"]), ("both", ["x", 1, "after"])]
)
async def test_the_state_is_changed_inside_of_blocks(bench: Bench, name: str, log: list[Json]) -> None:
    Called(bench)
    plan = written(*NESTED)
    await bench.run(plan)
    assert await fork(bench, plan, name, 1, sets={"log": ["x"]}) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs["log"] == log
    await replays(bench, plan)


async def test_a_failed_run_is_forked_and_what_failed_beside_is_tried_again(bench: Bench) -> None:
    called = Called(bench)
    plan = written("""
        outputs: {d: "${ nodes.d.result }"}
        nodes:
          a: {tool: t.ok}
          b: {tool: t.ok, needs: [a]}
          c: {tool: t.ok}
          d: {tool: t.ok, needs: [b, c]}
    """)
    called.failing = {"c", "b"}
    assert await bench.run(plan) is RunStatus.FAILED
    called.since()
    called.failing = set()
    assert await fork(bench, plan, "b") is RunStatus.SUCCEEDED
    assert sorted(called.since()) == ["b", "c", "d"]
    await replays(bench, plan)


async def test_a_fork_that_fails_is_retried_where_it_failed(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    await bench.run(plan, topic="tin")
    called.since()
    called.failing = {"c"}
    assert await fork(bench, plan, "b", 2) is RunStatus.FAILED
    assert called.since() == ["b", "c"]
    called.keys.clear()  # a retry has the keys of what it tries again
    called.failing = set()
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert called.since() == ["c", "b", "c"]
    assert (await bench.history()).run.outputs["n"] == 3


async def test_a_waiting_run_is_forked_with_its_answers(bench: Bench) -> None:
    called = Called(bench)
    plan = written("""
        outputs: {said: "${ nodes.first.result }", then: "${ nodes.second.result }"}
        start: first
        nodes:
          first: {human: {title: One?}, next: between}
          between: {tool: t.ok, next: second}
          second: {human: {title: Two?}, next: end}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer("yes")
    assert await bench.resume(plan) is RunStatus.WAITING
    assert called.since() == ["between"]
    assert await fork(bench, plan, "second") is RunStatus.WAITING
    assert called.since() == []
    await bench.answer("no")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"said": "yes", "then": "no"}
    bench.run_id = RunId("r1")
    await bench.answer("maybe")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs == {"said": "yes", "then": "maybe"}


async def test_with_another_plan_what_was_done_must_be_the_same(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    await bench.run(plan, topic="tin")
    called.since()
    work, recording = await taken(bench, plan, "c", 1), Recording(plan, await bench.history())
    better = written(FLOW.replace("[c]}", "[better]}"))
    assert in_the_way(work, recording, better) == {}
    assert set(in_the_way(work, recording, written(FLOW.replace("log: [a]", "log: [A]")))) == {"a"}
    elsewhere = FLOW.replace("n: 1}, next: c", "n: 1}, next: d").replace(
        "nodes:", "nodes:\n      d: {set: {}, next: c}"
    )
    assert set(in_the_way(work, recording, written(elsewhere))) == {"b"}
    counted = FLOW.replace("reduce: sum, default: 0", "reduce: sum, default: 1")
    assert set(in_the_way(work, recording, written(counted))) == {"b"}
    assert await fork(bench, plan, "c", 1, other=better) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.outputs["log"] == ["a", "b", "better", "b", "better", "b", "better"]
    assert called.since() == ["c", "b", "c", "b", "c"]


async def test_what_had_read_an_input_before_is_told(bench: Bench) -> None:
    Called(bench)
    plan = written(FLOW)
    await bench.run(plan, topic="tin")
    work, recording = await taken(bench, plan, "c", 2), Recording(plan, await bench.history())
    assert read_before(work, recording, ["topic"]) == ("a", "c")
    assert read_before(work, recording, ["other"]) == ()
