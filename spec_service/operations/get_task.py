"""Look at a stage as agents call it."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import task_view
from spec_service.single_stage import find_stage
from spec_service.stage_views import TaskView


async def get_task(services: Services, name: str) -> TaskView:
    """Return the stage of this name, or whose agent has this name; raises `UnknownEntry`."""
    return task_view(find_stage(await services.catalog.get(), name))
