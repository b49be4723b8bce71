"""List runs."""

from __future__ import annotations

from spec_service.ports import RunFilter
from spec_service.services import Services
from spec_service.views import Page, RunItem


async def list_runs(services: Services, wanted: RunFilter, cursor: str | None = None, limit: int = 50) -> Page[RunItem]:
    """Return a page of runs, the newest first; raises `BadCursor`."""
    items, following = await services.runs.page(wanted, cursor, limit)
    return Page[RunItem](items=tuple(RunItem.of(one.run, one.questions, one.usage) for one in items), next=following)
