"""The exam of plan stores, taken by the SQL and the in-memory adapter."""

import pytest

from spec_service.storage.database import open_database
from spec_service.storage.migrating import upgrade
from spec_service.storage.plans import SqlPlanStore
from translator.planning.plan import Channel, Plan, Step
from workflows.errors import UnknownPlan
from workflows.memory import MemoryPlans

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sql", "memory"])
async def reopen(request, tmp_path):
    """Give a function that returns the store as another process would see it."""
    if request.param == "memory":
        store = MemoryPlans()
        yield lambda: store
        return
    upgrade(tmp_path / "exam.db")
    async with open_database(tmp_path / "exam.db") as database:
        yield lambda: SqlPlanStore(database)


def plan(digest: str = "d1", **changes) -> Plan:
    step = Step(id="a", verb="set", path="/nodes/a", set={"x": "${ inputs.x }"})
    state = {"x": Channel(schema={"type": "string"}, default="é")}
    return Plan(
        digest=digest, spec_name="s", spec_digest="sd", steps=(step,), inputs={"type": "object"}, state=state, **changes
    )


async def test_a_plan_reads_as_it_was_written(reopen, now):
    await reopen().put(plan(), now)
    assert await reopen().get("d1") == plan()


async def test_a_stored_plan_does_not_change(reopen, now):
    await reopen().put(plan(), now)
    await reopen().put(plan(mermaid="other"), now)
    assert (await reopen().get("d1")).mermaid == ""


async def test_an_unknown_digest_is_told(reopen):
    with pytest.raises(UnknownPlan):
        await reopen().get("nobody")
