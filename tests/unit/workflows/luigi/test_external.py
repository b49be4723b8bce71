"""What nobody builds: a step runs all the rest, then waits for it without holding anything, and looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench, plan_of, to, until
from translator.planning.plan import Binding, Catcher, MapOver, Step
from workflows.luigi.registry import LuigiGroup
from workflows.records import QuestionAnswered, StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
PIPELINES = Path(__file__).with_name("pipelines")


def stage(name: str, task: str, following: str = "end", **fields: Any) -> Step:
    binding = Binding(kind="stage", name=f"o.{task}", version="1.0.0", source_digest="d", parameters={}, result={})
    return Step(id=name, verb="luigi", path=f"/nodes/{name}", call=binding, transition=to(following), **fields)


@pytest.fixture
def outside(bench: Bench) -> Bench:
    group = LuigiGroup("o", ("outside",), (PIPELINES,), poll_seconds=30)
    names = ("Unpack", "Both", "WaitingAndBad", "Asks", "Delivery", "Kills")
    bench.groups = {f"o.{name}": group for name in names}
    return bench


def ran(bench: Bench) -> list[str]:
    log = place(bench) / "runs.log"
    return log.read_text().splitlines() if log.exists() else []


def place(bench: Bench) -> Path:
    return bench.engine._ports.artifacts.work_directory(bench.run_id) if bench.engine else Path()


async def test_all_that_does_not_need_it_runs_then_the_run_waits_and_goes_on_when_it_is_there(outside: Bench):
    plan = plan_of(stage("s", "Both"))
    assert await outside.run(plan) is RunStatus.WAITING
    assert sorted(ran(outside)) == ["Beside", "Ground"]
    question = (await outside.history()).questions[0]
    assert (question.kind, question.step) == ("poll", "s")
    assert question.show == {"missing": "nobody builds it, and it is missing: Delivery(name=delivery) (delivery.csv)"}
    assert question.expires_at is not None
    assert (question.expires_at - question.asked_at).total_seconds() == 30
    await outside.answer(has_expired=True)
    assert await outside.resume(plan) is RunStatus.WAITING  # still not there
    (place(outside) / "delivery.csv").write_text("1")
    await outside.answer()
    assert await outside.resume(plan) is RunStatus.SUCCEEDED
    assert sorted(ran(outside)) == ["Beside", "Both", "Ground", "Unpack"]
    tries = [one for one in (await outside.history()).steps if not one.task]
    assert [(one.try_number, one.status) for one in tries] == [(1, StepStatus.SUCCEEDED)]
    names = await outside.names()
    assert names.count("luigi.expanded s") == 1
    assert "step.crashed s" not in names
    skipped = [one.data["name"] for one in await outside.events() if one.type == "luigi.task-skipped"]
    assert skipped == ["o.Delivery(name=delivery)"]


async def test_the_step_itself_may_be_what_nobody_builds(outside: Bench):
    plan = plan_of(stage("s", "Delivery"))
    assert await outside.run(plan) is RunStatus.WAITING
    (place(outside) / "delivery.csv").write_text("1")
    await outside.answer()
    assert await outside.resume(plan) is RunStatus.SUCCEEDED


async def test_the_time_of_the_node_is_the_deadline_and_names_what_is_missing(outside: Bench):
    plan = plan_of(stage("s", "Unpack", timeout_seconds=8.0))
    assert await outside.run(plan) is RunStatus.WAITING
    question = (await outside.history()).questions[0]
    assert question.expires_at is not None
    assert (question.expires_at - question.asked_at).total_seconds() < 8
    await asyncio.sleep(8)
    await outside.answer(has_expired=True)
    assert await outside.resume(plan) is RunStatus.FAILED
    error = (await outside.history()).run.error
    assert error is not None
    assert error.name == "timeout"
    assert error.message.endswith("it is missing: Delivery(name=delivery) (delivery.csv)")


async def test_a_timeout_can_be_caught(outside: Bench):
    catch = (Catcher(errors=("timeout",), to="end"),)
    plan = plan_of(stage("s", "Unpack", timeout_seconds=8.0, catch=catch))
    assert await outside.run(plan) is RunStatus.WAITING
    await asyncio.sleep(8)
    await outside.answer(has_expired=True)
    assert await outside.resume(plan) is RunStatus.SUCCEEDED


async def test_after_a_failure_nobody_waits(outside: Bench):
    assert await outside.run(plan_of(stage("s", "WaitingAndBad"))) is RunStatus.FAILED
    history = await outside.history()
    assert history.questions == ()
    assert ran(outside) == ["Ground"]
    assert history.run.error is not None
    assert "* 1 were missing external dependencies:" in history.run.error.message


async def test_a_failure_is_summed_up_in_luigis_words_and_a_retry_runs_what_is_missing(outside: Bench):
    plan = plan_of(stage("s", "WaitingAndBad"))
    assert await outside.run(plan) is RunStatus.FAILED
    summaries = [event.data for event in await outside.events() if event.type == "luigi.summary"]
    assert [one["counts"] for one in summaries] == [
        {"succeeded": 1, "failed": 1, "missing": 1, "below_failed": 1, "below_missing": 2}
    ]
    error = (await outside.history()).run.error
    assert error is not None
    assert error.message == f"o.Bad(): RuntimeError: bad luck\n{summaries[0]['text']}"
    (place(outside) / "delivery.csv").write_text("1")
    (place(outside) / "Bad.txt").write_text("mended by hand")
    (place(outside) / "runs.log").unlink()
    assert await outside.retry(plan) is RunStatus.SUCCEEDED
    assert sorted(ran(outside)) == ["Unpack", "WaitingAndBad"]


async def test_what_a_running_task_asks_for_is_waited_for_too(outside: Bench):
    plan = plan_of(stage("s", "Asks"))
    assert await outside.run(plan) is RunStatus.WAITING
    assert "luigi.task-suspended s" in await outside.names()
    (place(outside) / "asked.csv").write_text("1")
    await outside.answer()
    assert await outside.resume(plan) is RunStatus.SUCCEEDED
    assert (place(outside) / "Asks.txt").read_text() == "asked.csv"


async def test_items_of_a_map_wait_as_well_and_keep_their_deadline(outside: Bench):
    over = MapOver(each="it", items=["a", "b"])
    plan = plan_of(stage("s", "Delivery", map=over, arguments={"name": "${ it }"}, timeout_seconds=20.0))
    assert await outside.run(plan) is RunStatus.WAITING
    begun = {one.task: one.started_at for one in (await outside.history()).steps if one.task.startswith("#")}
    (place(outside) / "a.csv").write_text("1")
    (place(outside) / "b.csv").write_text("1")
    for question in [one for one in (await outside.history()).questions if one.is_open]:
        answered = QuestionAnswered(outside.run_id, question.interrupt_id, datetime.now(UTC))
        assert await outside.journal.commit(answered)
    assert await outside.journal.commit(*outside.queued())
    assert await outside.resume(plan) is RunStatus.SUCCEEDED
    items = [one for one in (await outside.history()).steps if one.task in begun]
    assert {one.task: one.started_at for one in items} == begun
    assert [one.status for one in items] == [StepStatus.SUCCEEDED] * 2


async def killed_while(outside: Bench, plan: Any, condition: Callable[[], bool]) -> None:
    """Lose the server in the middle of an attempt."""
    attempt = asyncio.create_task(outside.start(plan).run_attempt(outside.run_id))
    await until(condition)
    outside.forget(attempt)
    await asyncio.gather(attempt, return_exceptions=True)


async def test_a_server_that_dies_at_work_after_a_wait_is_counted_and_one_that_dies_waiting_is_not(outside: Bench):
    plan = plan_of(stage("s", "Kills"))
    assert await outside.run(plan) is RunStatus.WAITING
    (place(outside) / "delivery.csv").write_text("1")
    await outside.answer()
    for _ in range(3):
        at_work = place(outside) / "at-work"
        at_work.unlink(missing_ok=True)
        await killed_while(outside, plan, at_work.exists)
    assert await outside.resume(plan) is RunStatus.FAILED
    history = await outside.history()
    assert history.run.error is not None
    assert history.run.error.name == "crashed"
    assert (await outside.names()).count("step.crashed s") == 3
