"""Look at what became of a run, as agents read it."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.stage_views import TaskResult
from spec_service.views import RunView
from workflows.run import RunId


async def get_result(services: Services, run_id: str) -> TaskResult:
    """Return what became of a run so far; raises `UnknownRun`."""
    position = await services.runs.get(RunId(run_id))
    return TaskResult.of(RunView.of(position.run, position.questions, position.usage))
