"""List the checkpoints of a run."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.views import CheckpointView, Page
from workflows.run import RunId


async def run_checkpoints(
    services: Services, run_id: str, cursor: str | None = None, limit: int = 50
) -> Page[CheckpointView]:
    """Return a page of checkpoints, the newest first; raises `UnknownRun`, `BadCursor`."""
    await services.runs.get(RunId(run_id))
    checkpoints = await services.checkpoints.get()
    items, following = await checkpoints.page(RunId(run_id), cursor, limit)
    views = tuple(
        CheckpointView(id=one.id, parent=one.parent, step=one.step, source=one.source, at=one.at) for one in items
    )
    return Page[CheckpointView](items=views, next=following)
