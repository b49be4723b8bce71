"""Look at the state of a run: the values of its channels."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.views import StateView
from workflows.masking import masked
from workflows.run import RunId


async def run_state(services: Services, run_id: str) -> StateView:
    """Return the channels at the newest checkpoint, the declared defaults before the first; raises `UnknownRun`.

    What a step masks is hidden here, too, wherever a value went.
    """
    run = (await services.runs.get(RunId(run_id))).run
    plan = await services.plans.get(run.plan_digest)
    checkpoints = await services.checkpoints.get()
    found = await checkpoints.values(run.id)
    values = {name: channel.default for name, channel in plan.state.items()}
    if found is None:
        return StateView(run=run.id, status=run.status.value, values=values, checkpoint=None, at=None)
    known = {name: value for name, value in found[0].items() if name in values}
    shown = masked({**values, **known}, {field for step in plan.steps for field in step.mask})
    note = found[1]
    return StateView(run=run.id, status=run.status.value, values=shown, checkpoint=note.id, at=note.at)
