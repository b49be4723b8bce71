"""A run whose checkpoint cannot be read says so, still cleans up, and goes on when the reason is gone."""

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from tests.unit.workflows.bench import human, plan_of, tool
from workflows.errors import CheckpointUnreadable
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
PLAN = plan_of(tool("first", "ask"), human("ask", "last"), tool("last", "end"))


class LockedSaver(InMemorySaver):
    """A saver that may have lost its key."""

    is_locked = False

    async def aget_tuple(self, config):
        if self.is_locked:
            raise CheckpointUnreadable("a checkpoint is encrypted with key 0f0f")
        return await super().aget_tuple(config)


async def test_a_checkpoint_that_cannot_be_read_fails_the_run_by_name_and_a_retry_goes_on(bench):
    saver = bench.saver = LockedSaver()
    called = []

    async def work(call):
        called.append(call.step)
        return {}

    bench.tools = {"t.first": work, "t.last": work}
    assert await bench.run(PLAN) is RunStatus.WAITING
    bench.engine = None
    await bench.answer({})
    saver.is_locked = True
    assert await bench.resume(PLAN) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error.name == "checkpoint-unreadable"
    assert "key 0f0f" in error.message
    assert "retry" in error.message
    saver.is_locked = False
    assert await bench.retry(PLAN) is RunStatus.SUCCEEDED
    assert called == ["first", "last"]
