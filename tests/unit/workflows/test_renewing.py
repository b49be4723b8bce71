"""A part of a run that is over is run again: exactly that, under new keys, and all the rest is walked over."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, plan_of, to, tool
from tests.unit.workflows.written import written
from translator.planning.plan import Binding, Plan, Step
from workflows.errors import StepError
from workflows.luigi.registry import LuigiGroup
from workflows.ports import ToolCall
from workflows.records import RunRetried
from workflows.renewing import taken_back
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


class Called:
    """Notes the steps whose tool was called, and with which keys."""

    def __init__(self, bench: Bench) -> None:
        self.steps: list[str] = []
        self.keys: list[str] = []
        self.failing: set[str] = set()
        bench.tools = {"t.ok": self.ok}

    async def ok(self, call: ToolCall) -> Json:
        self.steps.append(call.step)
        self.keys.append(call.idempotency_key)
        if call.step in self.failing:
            self.failing.discard(call.step)
            raise StepError("down", error_name="unavailable")
        return len(self.steps)

    def since(self) -> list[str]:
        found, self.steps = self.steps, []
        assert len(set(self.keys)) == len(self.keys)
        return found


async def rerun(bench: Bench, plan: Plan, name: str) -> RunStatus:
    steps = taken_back(plan, await bench.history(), name)
    assert steps
    assert await bench.journal.commit(RunRetried(bench.run_id, datetime.now(UTC), is_rerun=True), *steps)
    return await bench.resume(plan)


FLOW = """
    state: {log: {type: array, reduce: append}}
    outputs: {log: "${ state.log }", b: "${ nodes.b.result }"}
    start: a
    nodes:
      a: {tool: t.ok, save: {log: [a]}, next: b}
      b: {tool: t.ok, save: {log: ["${ result }"]}, next: c}
      c: {tool: t.ok, save: {log: [c]}, next: [{when: "${ state.log.size() < 6 }", to: b}, {else: end}]}
    limits: {steps: 50}
"""


async def test_a_flow_goes_on_from_a_node_with_the_state_that_it_had_there(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert called.since() == ["a", "b", "c", "b", "c", "b", "c"]
    assert (await bench.history()).run.outputs == {"log": ["a", 2, "c", 4, "c", 6, "c"], "b": 6}
    assert await rerun(bench, plan, "c") is RunStatus.SUCCEEDED  # of its visits, the last
    assert called.since() == ["c"]
    assert await rerun(bench, plan, "a") is RunStatus.SUCCEEDED
    assert called.since() == ["a", "b", "c", "b", "c", "b", "c"]
    assert (await bench.history()).run.outputs["log"][::2] == ["a", "c", "c", "c"]


async def test_of_a_dag_what_needs_the_node_is_done_again(bench: Bench) -> None:
    called = Called(bench)
    plan = written("""
        outputs: {d: "${ nodes.d.result }"}
        nodes:
          a: {tool: t.ok}
          b: {tool: t.ok, needs: [a]}
          c: {tool: t.ok}
          d: {tool: t.ok, needs: [b, c]}
    """)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert sorted(called.since()) == ["a", "b", "c", "d"]
    assert await rerun(bench, plan, "b") is RunStatus.SUCCEEDED
    assert called.since() == ["b", "d"]
    called.failing = {"d"}
    assert await rerun(bench, plan, "b") is RunStatus.FAILED
    assert called.since() == ["b", "d"]
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert called.steps == ["d"]


NESTED = (
    """
    outputs: {last: "${ nodes.last.result }"}
    start: first
    nodes:
      first: {tool: t.ok, next: both}
      both:
        dag:
          left: {flow: {start: one, nodes: {one: {tool: t.ok, next: two}, two: {tool: t.ok, next: end}}}}
          right: {workflow: w1@*}
          after: {tool: t.ok, needs: [left]}
        next: each
      each: {map: {each: x, in: "${ [1, 2] }", concurrency: 1}, dag: {in: {tool: t.ok}}, next: last}
      last: {tool: t.ok, next: end}
    """,
    "outputs: {x: 1}\nstart: in1\nnodes: {in1: {tool: t.ok, next: in2}, in2: {tool: t.ok, next: end}}",
)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("two", ["two", "after", "in", "in", "last"]),
        ("left", ["one", "two", "after", "in", "in", "last"]),
        ("right/in2", ["right/in2", "in", "in", "last"]),
        ("both", ["one", "right/in1", "right/in2", "two", "after", "in", "in", "last"]),
        ("in", ["in", "last"]),
        ("each", ["in", "in", "last"]),
        ("last", ["last"]),
    ],
)
async def test_inside_of_blocks_maps_and_calls_only_what_follows_is_done_again(
    bench: Bench, name: str, steps: list[str]
) -> None:
    called, plan = Called(bench), written(*NESTED)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    called.since()
    assert await rerun(bench, plan, name) is RunStatus.SUCCEEDED
    assert sorted(called.since()) == sorted(steps)


async def test_people_are_asked_again(bench: Bench) -> None:
    called = Called(bench)
    plan = written("""
        outputs: {said: "${ nodes.ask.result }"}
        start: a
        nodes: {a: {tool: t.ok, next: ask}, ask: {human: {title: "Go?"}, next: b}, b: {tool: t.ok, next: end}}
    """)
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer("yes")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert called.since() == ["a", "b"]
    assert await rerun(bench, plan, "ask") is RunStatus.WAITING
    await bench.answer("no")
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert called.since() == ["b"]
    assert (await bench.history()).run.outputs == {"said": "no"}


async def test_a_rerun_that_the_server_does_not_outlive_goes_on(bench: Bench) -> None:
    called, plan = Called(bench), written(FLOW)
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    called.since()
    ok = bench.tools["t.ok"]

    async def dies(call: ToolCall) -> Json:
        if call.step == "c":
            raise Died
        return await ok(call)

    bench.tools = {"t.ok": dies}
    with pytest.raises(Died):
        await rerun(bench, plan, "a")
    assert called.since() == ["a", "b"]
    bench.tools = {"t.ok": ok}
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert called.since() == ["c", "b", "c", "b", "c"]


class Died(BaseException):
    """Ends the server."""


@pytest.fixture
def pipeline(bench: Bench) -> Plan:
    """A luigi step of four tasks, a diamond, and a step after it."""
    bench.groups = {"shop.Top": LuigiGroup("shop", ("shop",), (Path(__file__).parent / "luigi/pipelines",))}
    binding = Binding(kind="stage", name="shop.Top", version="1.0.0", source_digest="", parameters={}, result={})
    build = Step(id="build", verb="luigi", path="/nodes/build", call=binding, read="text", transition=to("after"))
    return plan_of(build, tool("after", "end"), outputs={"text": "${ nodes.build.result.data }"})


async def test_of_a_luigi_step_a_task_and_what_needs_it_run_again(bench: Bench, pipeline: Plan) -> None:
    called = Called(bench)
    bench.tools = {"t.after": called.ok}
    assert await bench.run(pipeline) is RunStatus.SUCCEEDED
    folder = next(path for path in bench.folder.rglob("work") if path.is_dir())
    ran = folder / "runs.log"
    assert sorted(ran.read_text().split()) == ["Bottom", "Left", "Right", "Top"]
    ran.unlink()
    called.since()
    assert await rerun(bench, pipeline, "shop.Left()") is RunStatus.SUCCEEDED
    assert ran.read_text().split() == ["Left", "Top"]
    assert called.since() == ["after"]
    assert {path.name for path in (folder / "out").iterdir()} == {
        *(f"{name}.txt" for name in ("Bottom", "Left", "Right", "Top")),
        "Left.txt.superseded-1",
        "Top.txt.superseded-1",
    }
    keys = [one.idempotency_key for one in (await bench.history()).steps if one.task]
    assert len(set(keys)) == len(keys) == 6
    ran.unlink()
    assert await rerun(bench, pipeline, "build") is RunStatus.SUCCEEDED  # the stage itself
    assert ran.read_text().split() == ["Top"]


async def test_what_lies_outside_of_the_run_is_not_moved(bench: Bench, pipeline: Plan, tmp_path: Path) -> None:
    called = Called(bench)
    bench.tools = {"t.after": called.ok}
    fixed = tmp_path / "shared"
    fixed.mkdir()
    bench.groups = {"shop.Top": replace(bench.groups["shop.Top"], workdir=fixed)}
    assert await bench.run(pipeline) is RunStatus.SUCCEEDED
    assert await rerun(bench, pipeline, "shop.Top()") is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert "is not in the run's directory, so it stays" in error.message
    (fixed / "out/Top.txt").unlink()
    assert await bench.retry(pipeline) is RunStatus.SUCCEEDED


async def test_a_node_that_was_not_executed_is_not_run_again(bench: Bench) -> None:
    called, plan = Called(bench), written("start: a\nnodes: {a: {tool: t.ok, next: end}}")
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert taken_back(plan, await bench.history(), "b") == ()
    assert called.since() == ["a"]
