"""The verb `fail`: ends the run with an error of the author's."""

from __future__ import annotations

from typing import Any

from workflows.errors import StepError
from workflows.nodes.call import NodeCall

Json = Any


async def fail(call: NodeCall) -> Json:
    """Raise the author's error."""
    failure, message = call.program.step.fail, call.program.message
    text = await call.evaluate(message) if message else ""
    name = failure.error if failure else "failed"
    raise StepError(str(text) or f"the workflow ended with {name}", error_name=name)
