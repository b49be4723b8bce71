"""Pruning: a run that is long over keeps its last checkpoint and what a retry begins at, others keep all."""

from datetime import UTC, datetime, timedelta

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from spec_service.storage.checkpoints import JournalSaver
from spec_service.storage.pruning import Grace, Pruner
from tests.unit.workflows.bench import Bench, plan_of, tool
from workflows.errors import StepError
from workflows.hosting.evaluation import Evaluator
from workflows.records import NO_RUN, ResultCached, RunCreated, RunMoved, SignalKept
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def saver(database, journal):
    return JournalSaver(database, journal)


@pytest.fixture
def pruner(database, journal):
    return Pruner(database, journal, Grace(succeeded=3600, failed=7 * 86400))


@pytest.fixture
def a_run(journal, saver, new_run):
    async def make(run_id, status, ended) -> None:
        run = new_run(run_id)
        assert await journal.commit(RunCreated(run))
        moves = [] if status is RunStatus.QUEUED else [RunStatus.RUNNING]
        if status not in {RunStatus.QUEUED, RunStatus.RUNNING}:
            moves.append(status)
        for to in moves:
            assert await journal.commit(RunMoved(run.id, to, ended))
        config = {"configurable": {"thread_id": run_id, "checkpoint_ns": ""}}
        for step in range(3):
            config = await saver.aput(config, empty_checkpoint(), {"source": "loop", "step": step}, {})
            await saver.aput_writes(config, [("ch", step)], "task")

    return make


def config_of(run_id):
    return {"configurable": {"thread_id": run_id, "checkpoint_ns": ""}}


async def steps(saver, run_id):
    return [(one.metadata["step"], one.pending_writes[0][2]) async for one in saver.alist(config_of(run_id))]


async def rows(database, table):
    return await database.read(lambda one: one.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608


async def test_a_succeeded_run_keeps_its_last_checkpoint_when_its_grace_is_over(a_run, saver, pruner, database):
    await a_run("over", RunStatus.SUCCEEDED, NOW - timedelta(hours=2))
    await a_run("fresh", RunStatus.SUCCEEDED, NOW - timedelta(minutes=10))
    assert await pruner.prune(NOW) == 1
    assert await steps(saver, "over") == [(2, 2)]
    assert await steps(saver, "fresh") == [(2, 2), (1, 1), (0, 0)]
    assert (await rows(database, "checkpoint"), await rows(database, "checkpoint_write")) == (4, 4)


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED])
async def test_what_may_be_retried_keeps_all_for_longer(status, a_run, saver, pruner):
    await a_run("run", status, NOW - 6 * DAY)
    assert await pruner.prune(NOW) == 0
    assert len(await steps(saver, "run")) == 3
    assert await pruner.prune(NOW + 2 * DAY) == 1
    assert [one.metadata["step"] async for one in saver.alist(config_of("run"))] == [2, 0]
    assert await pruner.prune(NOW + 2 * DAY) == 0


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING])
async def test_a_run_that_is_not_over_keeps_all(status, a_run, saver, pruner):
    await a_run("run", status, NOW - 100 * DAY)
    assert await pruner.prune(NOW) == 0
    assert len(await steps(saver, "run")) == 3


async def test_pruning_again_finds_nothing(a_run, pruner):
    for number in range(120):  # more than one batch
        await a_run(f"run-{number}", RunStatus.SUCCEEDED, NOW - DAY)
    assert await pruner.prune(NOW) == 120
    assert await pruner.prune(NOW) == 0


async def test_memory_and_file_agree_afterwards(a_run, saver, pruner, database, journal):
    await a_run("run", RunStatus.SUCCEEDED, NOW - DAY)
    await pruner.prune(NOW)
    config = {"configurable": {"thread_id": "run", "checkpoint_ns": ""}}
    assert await saver.aget_tuple(config) == await JournalSaver(database, journal).aget_tuple(config)


FLOW = plan_of(tool("first", "bad"), tool("bad", "last"), tool("last", "end"))
DAG = plan_of(tool("first"), tool("bad", needs=("first",)), tool("last", needs=("bad",)), is_dag=True)


@pytest.mark.parametrize("plan", [FLOW, DAG], ids=["flow", "dag"])
async def test_a_run_that_failed_twice_is_retried_after_it_was_pruned(  # noqa: PLR0913, PLR0917 - fixtures
    plan, database, journal, saver, pruner, tmp_path
):
    broken, called = True, []

    async def work(call):
        called.append(call.step)
        if call.step == "bad" and broken:
            raise StepError("broken", error_name="tool-failed")
        return {}

    async with Evaluator() as evaluator:
        bench = Bench(tmp_path, evaluator, journal=journal, saver=saver.without_results())
        bench.tools = {f"t.{name}": work for name in ("first", "bad", "last")}
        assert await bench.run(plan) is RunStatus.FAILED
        assert await bench.retry(plan) is RunStatus.FAILED
        later, before = datetime.now(UTC) + 30 * DAY, await rows(database, "checkpoint")
        assert await pruner.prune(later) == 1
        assert await rows(database, "checkpoint") < before
        assert await pruner.prune(later) == 0
        broken = False
        bench.saver = JournalSaver(database, journal).without_results()  # which has nothing in memory
        assert await bench.retry(plan) is RunStatus.SUCCEEDED
    assert called == ["first", "bad", "bad", "bad", "last"]
    assert await pruner.prune(later + 30 * DAY) == 1
    assert await rows(database, "checkpoint") == 1


async def test_what_belongs_to_no_run_alone_goes_when_it_is_over(journal, pruner, new_run):
    run = new_run("run-1")
    await journal.commit(RunCreated(run))
    for number, age in enumerate((8 * DAY, DAY)):
        await journal.commit(SignalKept(NO_RUN, f"any-{number}", "paid", "k", None, NOW - age))
        await journal.commit(SignalKept(run.id, f"own-{number}", "paid", None, None, NOW - age))
        await journal.commit(ResultCached(run.id, f"k{number}", {}, NOW, NOW + (DAY if number else -DAY)))
    assert await pruner.prune_shared(NOW) == {"results": 1, "signals": 1}
    assert await pruner.prune_shared(NOW) == {}
    assert await journal.commit(RunMoved(run.id, RunStatus.RUNNING, NOW), RunMoved(run.id, RunStatus.FAILED, NOW))
    assert await pruner.prune_shared(NOW + 6 * DAY) == {"results": 1, "signals": 1}
    assert await pruner.prune_shared(NOW + 8 * DAY) == {"signals": 2}
