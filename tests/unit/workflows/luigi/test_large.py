"""Two thousand tasks in one step: expanded, recorded, lost in the middle, and gone on with."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from tests.unit.workflows.bench import Bench, plan_of, until
from tests.unit.workflows.luigi.conftest import PIPELINES
from tests.unit.workflows.luigi.test_external import stage
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.schedule import Schedule, Standing
from workflows.records import StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
COUNT = 2_000


def expansion_of(count: int) -> Expansion:
    """Return a layered expansion: each task needs all of the layer of fifty before it."""
    tasks: list[ExpandedTask] = []
    for number in range(count):
        layer = number // 50
        needs = tuple(f"t{one}" for one in range((layer - 1) * 50, layer * 50)) if layer else ()
        tasks.append(ExpandedTask(f"t{number}", f"t{number}", "m", "T", needs=needs))
    return Expansion.of(tuple(tasks), tasks[-1].key)


def test_a_schedule_hands_out_every_task_once_and_none_before_what_it_needs():
    expansion = expansion_of(COUNT)
    schedule = Schedule(expansion, lambda _: False)
    done: list[str] = []
    while (task := schedule.take()) is not None:
        assert all(schedule.standing[key] is Standing.SUCCEEDED for key in task.needs)
        schedule.settle(task, Standing.SUCCEEDED)
        done.append(task.key)
    assert len(done) == len(set(done)) == COUNT


async def test_two_thousand_tasks_outlive_their_server_and_none_that_was_recorded_runs_again(bench: Bench):
    group = LuigiGroup("o", ("large",), (PIPELINES,))
    bench.groups = {"o.Many": group}
    plan = plan_of(stage("s", "Many", arguments={"count": COUNT}))
    await bench.create(plan)
    engine = bench.start(plan)
    attempt = asyncio.create_task(engine.run_attempt(bench.run_id))
    folder: Path = engine._ports.artifacts.work_directory(bench.run_id)
    done = folder / "done"
    await until(lambda: done.is_dir() and sum(1 for _ in done.iterdir()) > COUNT // 4)
    bench.forget(attempt)
    with contextlib.suppress(asyncio.CancelledError):
        await attempt
    recorded = {one.task for one in (await bench.history()).steps if one.task and one.status is StepStatus.SUCCEEDED}
    assert len(recorded) > COUNT // 10
    before = (folder / "runs.log").read_text().splitlines()
    assert await bench.resume(plan) is RunStatus.SUCCEEDED
    after = (folder / "runs.log").read_text().splitlines()[len(before) :]
    assert len({*before, *after}) == COUNT
    expansion = (await bench.history()).expansions[0].body
    numbers = {task["key"]: task["params"].get("number") for task in expansion["tasks"]}
    assert not {numbers[key] for key in recorded} & set(after)
    steps = (await bench.history()).steps
    assert {one.task for one in steps if one.task and one.status is StepStatus.SUCCEEDED} >= recorded
    tries = {one.task: one.try_number for one in steps if one.task in recorded}
    assert set(tries.values()) == {1}
    largest = max(len(str(event.data)) for event in await bench.events() if event.type != "luigi.expanded")
    assert largest < 1_000
