"""The verb `workflow`: runs another workflow inside this run, and gives back its outputs."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from translator import compiling
from translator.language.schemas import Validator
from translator.planning.plan import FINALLY
from workflows.errors import StepError, StepFailed
from workflows.frames import Outcome
from workflows.nodes.call import NodeCall
from workflows.run import RunStatus

Json = Any


async def call_workflow(call: NodeCall) -> Json:
    """Return the outputs of the called workflow; raises `StepFailed` when it fails."""
    step = call.program.step
    if step.call is None or call.inside is None:
        raise StepError("the plan binds this step to no workflow", error_name="unavailable")
    program = call.frame.program.called[step.call.source_digest]
    inputs = _with_defaults(program.plan.inputs, call.arguments)
    if violations := Validator(program.plan.inputs, program.plan.defs).problems(inputs, ""):
        first = violations[0]
        where = f" at {first.path}" if first.path else ""
        raise StepError(f"the inputs do not fit{where}: {first.message}", error_name="invalid-inputs")
    limits = [step.timeout_seconds, program.plan.limits.duration_seconds]
    seconds = min((one for one in limits if one is not None), default=None)
    deadline = None if seconds is None else call.execution.started_at + timedelta(seconds=seconds)
    frame = call.frame.called(step, call.execution.path, inputs, deadline)
    state = compiling.channels_of(compiling.initial_state(program.plan))
    if not program.bodies.get(FINALLY):
        after = await call.walker.walk(frame, call.inside, call.visit, state)
        return await frame.evaluate(program.outputs, after)
    try:
        after = await call.walker.walk(frame, call.inside, call.visit, state)
    except StepFailed as failure:
        with suppress(StepFailed):  # the first failure counts
            await call.walker.finish(frame, call.visit, state, Outcome(RunStatus.FAILED, failure.error))
        raise
    await call.walker.finish(frame, call.visit, after, Outcome(RunStatus.SUCCEEDED))
    return await frame.evaluate(program.outputs, after)


def _with_defaults(schema: dict[str, Json], given: dict[str, Json]) -> dict[str, Json]:
    declared: dict[str, dict[str, Json]] = schema.get("properties", {})
    defaults = {name: one["default"] for name, one in declared.items() if "default" in one}
    return {**defaults, **given}
