"""The verbs `dag` and `flow`: enter a block, and come out with the results of what is inside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workflows.nodes.call import NodeCall

Json = Any


async def enter_block(call: NodeCall) -> Json:
    """Return the map of the members' results; raises `StepFailed` when the block fails."""
    step = call.program.step
    if call.inside is None:
        return {}
    seconds = step.timeout_seconds
    deadline = None if seconds is None else call.execution.started_at + timedelta(seconds=seconds)
    frame = call.frame.inside(step.id, call.execution.path, {}, deadline)
    await call.walker.walk(frame, call.inside, call.visit, call.state)
    return await frame.results()
