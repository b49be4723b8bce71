"""Server-sent events: a tail of a run's transcript, with a pulse while nothing happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from spec_service.views import EventView

PULSE_SECONDS = 15.0  # proxies close connections on which nothing moves


async def as_event_stream(events: AsyncGenerator[EventView], pulse: float = PULSE_SECONDS) -> AsyncGenerator[str]:
    """Yield frames of `text/event-stream`; the id of each is the event's seq."""
    following: asyncio.Future[EventView] | None = None
    try:
        yield "retry: 1000\n\n"
        while True:
            following = following or asyncio.ensure_future(anext(events))
            await asyncio.wait({following}, timeout=pulse)
            if not following.done():
                yield ": nothing new\n\n"
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield f"id: {event.seq}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
    finally:
        if following is not None and not following.done():
            following.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await following
        await events.aclose()
