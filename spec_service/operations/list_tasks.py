"""List the stages as agents call them."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import task_view
from spec_service.stage_views import TaskView
from spec_service.views import Page


async def list_tasks(services: Services) -> Page[TaskView]:
    """Return all stages, by the names of their agents."""
    records = (await services.catalog.get()).records.values()
    shown = sorted((task_view(one) for one in records), key=lambda one: one.name)
    return Page[TaskView](items=tuple(shown))
