"""`retry` on what holds steps: all of it is done again, under other keys, and nothing of the try before counts."""

from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any


class Died(BaseException):
    """Ends the server."""


class Tools:
    """Notes its calls; the second step fails so often before it works."""

    def __init__(self, bench: Bench, failures: int) -> None:
        self.failures = failures
        self.keys: list[str] = []
        self.names: list[str] = []
        bench.tools = {"t.one": self.one, "t.two": self.two}

    async def one(self, call: ToolCall) -> Json:
        self.names.append("one")
        self.keys.append(call.idempotency_key)
        return len(self.names)

    async def two(self, _: ToolCall) -> Json:
        self.names.append("two")
        self.failures -= 1
        if self.failures >= 0:
            raise StepError("down", error_name="unavailable")
        return "done"


FLOW = """
    state: {log: {type: array, reduce: append}}
    outputs: {log: "${ state.log }", last: "${ nodes.two.result }", first: "${ nodes.both.result.one }"}
    start: both
    nodes:
      both:
        flow:
          start: one
          nodes: {one: {tool: t.one, save: {log: ["${ result }"]}, next: two}, two: {tool: t.two, next: end}}
        retry: {max: 2, initial: 10ms}
        next: end
"""


async def test_a_flow_is_done_again_from_its_start_and_saves_once(bench: Bench) -> None:
    tools = Tools(bench, failures=2)
    assert await bench.run(written(FLOW)) is RunStatus.SUCCEEDED
    assert tools.names == ["one", "two"] * 3
    assert len(set(tools.keys)) == 3
    assert (await bench.history()).run.outputs == {"log": [5], "last": "done", "first": 5}


async def test_tries_that_are_used_up_fail_and_a_retry_of_the_run_does_only_what_is_missing(bench: Bench) -> None:
    tools, plan = Tools(bench, failures=3), written(FLOW)
    assert await bench.run(plan) is RunStatus.FAILED
    assert tools.names == ["one", "two"] * 3
    assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert tools.names == [*["one", "two"] * 3, "two"]


async def test_a_server_that_dies_between_two_tries_goes_on_with_the_next(bench: Bench) -> None:
    tools, plan = Tools(bench, failures=1), written(FLOW)
    two = bench.tools["t.two"]

    async def dies(call: ToolCall) -> Json:
        try:
            return await two(call)
        finally:
            if tools.names.count("two") == 2:
                raise Died

    bench.tools["t.two"] = dies
    with pytest.raises(Died):
        await bench.run(plan)
    bench.tools["t.two"] = two
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    assert tools.names == ["one", "two", "one", "two", "two"]


async def test_dags_items_and_called_workflows_are_done_again_too(bench: Bench) -> None:
    tools = Tools(bench, failures=2)
    plan = written(
        """
        outputs: {dag: "${ nodes.d.result.two }", items: "${ nodes.m.result.ok.size() }", called: "${ nodes.c.result }"}
        start: d
        nodes:
          d: {dag: {one: {tool: t.one}, two: {tool: t.two, needs: [one]}}, retry: {max: 3, initial: 10ms}, next: m}
          m:
            map: {each: x, in: "${ [1, 2] }", concurrency: 1}
            dag: {three: {tool: t.one}, four: {tool: t.two, needs: [three]}}
            retry: {max: 3, initial: 10ms}
            next: c
          c: {workflow: w1@*, retry: {max: 3, initial: 10ms}, next: end}
        """,
        """
        outputs: {x: "${ nodes.six.result }"}
        start: five
        nodes: {five: {tool: t.one, next: six}, six: {tool: t.two, next: end}}
        """,
    )
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert tools.names == ["one", "two"] * 6
    assert (await bench.history()).run.outputs == {"dag": "done", "items": 2, "called": {"x": "done"}}
    again = Tools(bench, failures=0)
    bench.run_id = type(bench.run_id)("r2")
    again.failures = 0
    fails_later = iter([0, 1, 0, 1, 0])

    async def two(call: ToolCall) -> Json:
        again.failures = next(fails_later, 0)
        return await again.two(call)

    bench.tools["t.two"] = two
    assert await bench.run(plan) is RunStatus.SUCCEEDED
    assert again.names == ["one", "two"] * 6
    assert len(set(again.keys)) == 6
