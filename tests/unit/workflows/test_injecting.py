"""Nodes that an author puts between the tasks of a stage: people, tools, blocks; each task in its own time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, until
from tests.unit.workflows.test_renewing import rerun
from tests.unit.workflows.written import written
from workflows.errors import StepError
from workflows.luigi.registry import LuigiGroup
from workflows.ports import ToolCall
from workflows.records import StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any
PIPELINES = Path(__file__).parent / "luigi/pipelines"  # shop.Top needs Left and Right, which need Bottom


@pytest.fixture
def called(bench: Bench) -> Iterator[list[ToolCall]]:
    calls: list[ToolCall] = []

    async def look(call: ToolCall) -> Json:
        calls.append(call)
        return call.arguments.get("text", "").upper()

    bench.groups = {"shop.Top": LuigiGroup("shop", ("shop",), (PIPELINES,))}
    bench.tools = {"t.look": look}
    return calls


def injecting(text: str, more: str = "") -> str:
    return f"""
outputs: {{text: "${{ nodes.build.result.data }}"}}
start: build
nodes:
  build:
    luigi: shop.Top
    read: text
    inject: {indent(dedent(text), "      ")}
    {more}
    next: end
"""


def ran(bench: Bench) -> list[str]:
    return _folder(bench).joinpath("runs.log").read_text().split()


def _folder(bench: Bench) -> Path:
    return next(path for path in bench.folder.rglob("work") if path.is_dir())


async def test_a_tool_runs_before_and_after_each_task_that_is_meant(bench: Bench, called: list[ToolCall]) -> None:
    plan = written(
        injecting("""
          - {before: shop.Bottom, id: first, node: {tool: t.look, with: {text: "${ task.name }"}}}
          - {after: "shop.*t", node: {tool: t.look, with: {text: "${ task.stage + task.data }"}}, read: text}
        """)
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert [call.step for call in called] == ["first", "build_after_2", "build_after_2"]
    assert called[0].arguments == {"text": "shop.Bottom()"}
    assert sorted(str(call.arguments["text"]) for call in called[1:]) == ["shop.LeftLeft", "shop.RightRight"]
    assert len({call.idempotency_key for call in called}) == 3
    names = await bench.names()
    assert names.index("step.succeeded first") < names.index("luigi.task-started build")


async def test_what_a_task_made_is_rewritten_and_the_old_file_stays(bench: Bench, called: list[ToolCall]) -> None:
    text = '{after: shop.Left, read: text, node: {tool: t.look, with: {text: "${ task.data }"}}, write: "${ result }"}'
    plan = written(injecting(f"[{text}]"))
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert called[0].arguments == {"text": "Left"}
    made = _folder(bench) / "out"
    assert (made / "Left.txt").read_text() == "LEFT"
    assert (made / "Left.txt.version-1").read_text() == "Left"
    written_anew = next(event for event in await bench.events() if event.type == "luigi.task-rewritten")
    assert written_anew.data["name"] == "shop.Left()"
    assert written_anew.data["by"] == "build_after_1"


GATE = """
  - after: shop.Left
    id: gate
    node: {human: {title: "Go on after ${ task.name }?"}, result: {type: boolean}}
"""


async def test_a_person_is_asked_between_tasks_and_the_rest_goes_on(bench: Bench, called: list[ToolCall]) -> None:
    plan = written(injecting(GATE))
    assert called == []
    assert await bench.run(plan) is RunStatus.WAITING
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right"]  # Right needs nobody's word
    question = next(iter((await bench.history()).questions))
    assert (question.step, question.title) == ("gate", "Go on after shop.Left()?")
    await bench.answer(answer=True)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right", "Top"]
    history = await bench.history()
    assert [one.try_number for one in history.steps if one.step == "build" and not one.task][-1] == 1
    assert not [one for one in history.steps if one.status is StepStatus.CRASHED]
    assert len(history.questions) == 1


async def test_an_answer_is_taken_while_other_tasks_run(bench: Bench, called: list[ToolCall]) -> None:
    assert called == []
    go = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        await go.wait()

    bench.tools["t.slow"] = slow
    plan = written(injecting(GATE + "  - {after: shop.Right, node: {tool: t.slow}}\n"))
    running = asyncio.ensure_future(bench.run(plan))
    await until(lambda: bool(bench.engine and bench.engine._live and _parked(bench)))
    await bench.answer(answer=True)
    await until(lambda: not _parked(bench))
    go.set()
    assert await running is RunStatus.SUCCEEDED
    assert "run.waiting" not in await bench.names()


def _parked(bench: Bench) -> bool:
    return bool(bench.engine and any(live.attempt.parked for live in bench.engine._live.values()))


async def test_several_gates_are_open_at_once(bench: Bench, called: list[ToolCall]) -> None:
    assert called == []
    both = """[{after: "shop.[LR]*", id: gate, node: {human: {title: "${ task.name }?"}, result: {type: boolean}}}]"""
    plan = written(injecting(both))
    assert await bench.run(plan) is RunStatus.WAITING
    open_ = [one.title for one in (await bench.history()).questions if one.is_open]
    assert sorted(open_) == ["shop.Left()?", "shop.Right()?"]
    await bench.answer(answer=True)
    assert await bench.resume(plan) is RunStatus.WAITING
    await bench.answer(answer=True)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right", "Top"]


async def test_what_is_injected_may_refuse_and_its_error_is_the_steps(bench: Bench, called: list[ToolCall]) -> None:
    assert called == []
    text = """
          - after: shop.Left
            node:
              flow:
                start: ask
                nodes:
                  ask:
                    human: {title: Good?}
                    result: {type: boolean}
                    next: [{when: "${ result }", to: end}, {else: refuse}]
                  refuse: {fail: {error: refused, message: "not ${ task.name }"}}
    """
    caught = "catch: [{errors: [refused], to: end, result: {outputs: none, data: stopped}}]"
    plan = written(injecting(text, caught))
    assert await bench.run(plan) is RunStatus.WAITING
    await bench.answer(answer=False)
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    run = (await bench.history()).run
    assert run.outputs == {"text": "stopped"}
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right"]
    event = next(event for event in await bench.events() if event.type == "step.caught" and event.node == "build")
    assert event.data["error"]["message"] == "after shop.Left(): not shop.Left()"


async def test_a_failed_node_is_tried_again_by_retry_and_no_task_is(bench: Bench, called: list[ToolCall]) -> None:
    assert called == []
    failing = [True]

    async def fragile(_: ToolCall) -> Json:
        if failing.pop():
            failing.append(False)
            raise StepError("down", error_name="unavailable")

    bench.tools["t.fragile"] = fragile
    plan = written(injecting("[{after: shop.Left, node: {tool: t.fragile}}]"))
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert (error.name, error.message) == ("unavailable", "after shop.Left(): down")
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right", "Top"]


async def test_a_task_that_runs_again_is_looked_at_again(bench: Bench, called: list[ToolCall]) -> None:
    plan = written(injecting("[{after: shop.Left, node: {tool: t.look}}, {before: shop.Right, node: {tool: t.look}}]"))
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    keys = {call.idempotency_key for call in called}
    called.clear()
    assert await rerun(bench, plan, "shop.Left()") is RunStatus.SUCCEEDED
    assert [call.step for call in called] == ["build_after_1"]
    assert called[0].idempotency_key not in keys


async def test_a_kill_repeats_no_node_that_is_recorded(bench: Bench, called: list[ToolCall]) -> None:
    """The server dies while Right is held back; Left and what follows from it are not done again."""
    dying = asyncio.Event()

    async def dies(_: ToolCall) -> Json:
        dying.set()
        await asyncio.Event().wait()

    async def lives(call: ToolCall) -> Json:
        called.append(call)

    bench.tools["t.die"] = dies
    text = "[{after: shop.Left, node: {tool: t.look}}, {after: shop.Right, node: {tool: t.die}}]"
    plan = written(injecting(text))
    running = asyncio.ensure_future(bench.run(plan))
    await dying.wait()
    await until(lambda: [call.step for call in called] == ["build_after_1"])
    await asyncio.sleep(0.05)
    bench.forget(running)
    bench.tools["t.die"] = lives
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert [call.step for call in called] == ["build_after_1", "build_after_2"]
    assert sorted(ran(bench)) == ["Bottom", "Left", "Right", "Top"]
