"""The verb `tool`: calls a tool of the catalog."""

from __future__ import annotations

from typing import Any

from workflows.errors import StepError
from workflows.nodes.call import NodeCall
from workflows.ports import ToolCall

Json = Any


async def call_tool(call: NodeCall) -> Json:
    """Return what the tool returned."""
    step = call.program.step
    if step.call is None:
        raise StepError("the plan binds this step to no tool", error_name="unavailable")
    call.meter.call_tool()
    tracing = call.attempt.ports.tracing
    about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": step.call.name}
    with tracing.span(f"execute_tool {step.call.name}", "internal", about) as span:
        return await call.attempt.ports.tools.call(
            ToolCall(
                binding=step.call,
                arguments=call.arguments,
                secrets=step.auth,
                idempotency_key=call.execution.idempotency_key,
                timeout_seconds=step.timeout_seconds,
                run_id=call.attempt.run.id,
                step=call.step_id,
                traceparent=span.traceparent,
            )
        )
