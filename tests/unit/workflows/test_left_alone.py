"""A step whose processes die is tried again as its policy says, but three times at the most."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, plan_of, tool
from translator.planning.plan import RetryPolicy
from workflows.errors import StepError
from workflows.ports import ToolCall
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any
POLICY = RetryPolicy(max=9, initial_seconds=0.001, errors=("crashed", "unavailable"))


class Failing:
    """A tool that fails with one error after the other, and works when there are none left."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, call: ToolCall) -> Json:
        self.calls += 1
        if self.errors:
            raise StepError(f"{call.binding.name}: the process was killed by SIGSEGV", error_name=self.errors.pop(0))
        return {}


async def test_a_step_whose_process_dies_three_times_is_left_alone_and_says_so(bench: Bench) -> None:
    deadly = Failing(*["crashed"] * 20)
    bench.tools = {"t.a": deadly}
    plan = plan_of(tool("a", "end", retry=POLICY))
    assert await bench.run(plan) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert deadly.calls == 3
    assert error is not None
    assert (error.name, error.node) == ("crashed", "a")
    assert error.message == "t.a: the process was killed by SIGSEGV; that was 3 times, so it is not tried again"
    assert await bench.retry(plan) is RunStatus.FAILED  # somebody who asks for it gets three more
    assert deadly.calls == 6


async def test_what_died_less_often_goes_on_and_other_failures_do_not_count(bench: Bench) -> None:
    shaky = Failing("crashed", "unavailable", "unavailable", "unavailable", "crashed")
    bench.tools = {"t.a": shaky}
    assert await bench.run(plan_of(tool("a", "end", retry=POLICY))) is RunStatus.SUCCEEDED
    assert shaky.calls == 6


async def test_without_a_policy_the_first_death_is_the_end(bench: Bench) -> None:
    deadly = Failing("crashed")
    bench.tools = {"t.a": deadly}
    assert await bench.run(plan_of(tool("a", "end"))) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.message == "t.a: the process was killed by SIGSEGV"
