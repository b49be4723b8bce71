"""The verb `emit`: an event of the workflow's own on the run's transcript."""

from __future__ import annotations

from typing import Any

from workflows.masking import masked
from workflows.nodes.call import NodeCall

Json = Any


async def emit(call: NodeCall) -> Json:
    """Record the event; the result is what it said."""
    step = call.program.step
    name = step.emit.event if step.emit else step.id
    data = await call.evaluate(call.program.data) if call.program.data else None
    attempt = call.attempt
    attempt.append(attempt.event("emitted", call.step_id, event=name, data=masked(data, step.mask)))
    return data
