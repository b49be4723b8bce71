"""Read and follow the transcript of a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from spec_service.services import Services
from spec_service.views import EventView, Page
from workflows.run import RunId


async def page_events(services: Services, run_id: str, after: int = 0, limit: int = 200) -> Page[EventView]:
    """Return events with a seq over `after`; `next` is the last seq of a full page. Raises `UnknownRun`."""
    await services.runs.get(RunId(run_id))
    events = await services.events.page(RunId(run_id), after, limit + 1)
    items = tuple(EventView.of(event) for event in events[:limit])
    return Page[EventView](items=items, next=str(items[-1].seq) if len(events) > limit else None)


async def follow_events(services: Services, run_id: str, after: int = 0) -> AsyncGenerator[EventView]:
    """Yield events after `after` as they happen, until the run is over or the process stops; raises `UnknownRun`."""
    await services.runs.get(RunId(run_id))
    async with aclosing(services.stopping.ending(services.events.follow(RunId(run_id), after))) as events:
        async for event in events:
            yield EventView.of(event)
