"""Look at a run."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.views import RunView
from workflows.run import RunId


async def get_run(services: Services, run_id: str) -> RunView:
    """Return a run and what it waits for; raises `UnknownRun`."""
    position = await services.runs.get(RunId(run_id))
    return RunView.of(position.run, position.questions, position.usage)
