"""The exam of child runs: one run for an order, known to its parent only, steered until it is over."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from spec_service.bootstrap import open_services
from spec_service.child_runs import ServedChildRuns
from spec_service.eventually import Eventually
from spec_service.operations.create_spec import create_spec
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.plan_spec import plan_spec
from spec_service.requests import ExecuteRequest, PlanRequest
from spec_service.settings import Settings
from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import HEAD, written
from workflows.delegating import ChildOrder, child_id
from workflows.errors import StepError, UnknownRun
from workflows.hosting.evaluation import Evaluator
from workflows.memory import MemoryPlans
from workflows.memory_children import MemoryChildren
from workflows.records import RunCreated
from workflows.run import Run, RunId, RunStatus

pytestmark = pytest.mark.anyio
CHILD = """
inputs: {n: {type: integer}}
outputs: {said: "${ nodes.a.result }"}
start: a
nodes: {a: {wait: {signal: go}, next: end}}
"""
PARENT = "start: a\nnodes: {a: {wait: {signal: never}, next: end}}\n"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Exam:
    """Child runs of one adapter, with a parent that waits and the plan of what it may start."""

    def __init__(self, children, parent, plan):
        self.children, self.parent, self.plan = children, parent, plan

    async def start(self, key="k", **inputs):
        return await self.children.start(ChildOrder(child_id(key, AT), self.parent, self.plan, inputs))


@pytest.fixture(params=["served", "memory"])
async def exam(request, tmp_path):
    async with _served(tmp_path) if request.param == "served" else _in_memory(tmp_path) as found:
        yield found


@asynccontextmanager
async def _in_memory(folder):
    async with Evaluator() as evaluator:
        plan, bench = written(CHILD), Bench(folder, evaluator)
        parent = Run(RunId("p"), "s", 1, "s", plan.digest, {}, AT)
        await bench.journal.commit(RunCreated(parent))
        children = MemoryChildren(bench.journal, MemoryPlans([plan]), bench.start(plan).run_attempt)
        yield Exam(children, parent, plan)
        await children.aclose()
        await bench.pool.aclose()


@asynccontextmanager
async def _served(folder):
    async with open_services(Settings(data=folder / "data", log_level="error")) as services:
        for name, text in (("parent", PARENT), ("child", CHILD)):
            await create_spec(services, (HEAD.replace("NAME", name) + text).encode(), "yaml")
        plan = await services.plans.get((await plan_spec(services, "child", PlanRequest())).digest)
        run = (await execute_spec(services, "parent", ExecuteRequest(inputs={}), wait=30)).run
        opening = Eventually()
        opening.give(services)
        yield Exam(ServedChildRuns(opening), (await services.runs.get(RunId(run.id))).run, plan)


async def test_the_same_order_is_the_same_run(exam):
    first, second = await exam.start(n=1), await exam.start(n=1)
    assert first.id == second.id == child_id("k", AT)
    other = await exam.start("l", n=2)
    assert {one.id for one in await exam.children.of(exam.parent.id)} == {first.id, other.id}


async def test_a_run_is_known_to_the_one_that_started_it_only(exam):
    child = await exam.start(n=1)
    assert (await exam.children.look(exam.parent.id, child.id)).spec == exam.plan.spec_name
    with pytest.raises(UnknownRun):
        await exam.children.look(RunId("stranger"), child.id)
    assert await exam.children.of(RunId("stranger")) == ()


async def test_inputs_that_do_not_fit_start_nothing(exam):
    with pytest.raises(StepError, match="n"):
        await exam.start(n="many")
    assert await exam.children.of(exam.parent.id) == ()


async def test_a_run_waits_hears_a_signal_and_ends(exam):
    child = await exam.start(n=1)
    await exam.children.settle(child.id, 30)
    waiting = await exam.children.look(exam.parent.id, child.id)
    assert (waiting.status, waiting.is_over) == (RunStatus.WAITING, False)
    assert waiting.waits_for == ("the signal go",)
    await exam.children.signal(child.id, "go", {"x": 1}, None, "once")
    done = await over(exam, child.id)
    assert (done.status, done.outputs) == (RunStatus.SUCCEEDED, {"said": {"x": 1}})
    with pytest.raises(StepError):
        await exam.children.signal(child.id, "go", None, None, "late")


async def test_a_run_that_is_cancelled_is_over_and_stays_so(exam):
    child = await exam.start(n=1)
    await exam.children.settle(child.id, 30)
    await exam.children.cancel(child.id)
    assert (await over(exam, child.id)).status is RunStatus.CANCELLED
    await exam.children.cancel(child.id)
    assert (await exam.children.look(exam.parent.id, child.id)).status is RunStatus.CANCELLED


async def over(exam, child):
    """Return a run once it is over; the test's own time limit ends the wait."""
    while not (found := await exam.children.look(exam.parent.id, child)).is_over:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    return found
