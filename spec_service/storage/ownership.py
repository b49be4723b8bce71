"""Keeping what was claimed: the heartbeat while the directory is ours, and the end when it no longer is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread
from structlog.stdlib import get_logger

from spec_service.errors import FencedOff, NotWritten
from spec_service.storage.database import Database
from spec_service.storage.owning import Claim, beat, claim, give_back

BEATS_PER_LEASE = 5
LAST_WORDS_SECONDS = 10.0  # for whoever is fenced off to stop by himself; then he is stopped
log = get_logger("specloom.owner")


class Ownership:
    """What the rest of the process knows of it."""

    def __init__(self, fence: int, fenced_off: asyncio.Event) -> None:
        self.fence = fence
        self.fenced_off = fenced_off  # set when another process has taken over
        self.url: str | None = None
        self.changed = asyncio.Event()

    def listens(self, url: str) -> None:
        """Say where we listen, which whoever wants the directory, too, is told from now on."""
        self.url = url
        self.changed.set()


@asynccontextmanager
async def claimed(data: Path, database: Path, lease_seconds: float) -> AsyncGenerator[Claim]:
    """Own a data directory until the block ends; raises `DataInUse`, `DataUnusable`."""
    held = await to_thread.run_sync(claim, data, database, lease_seconds)
    if held.replaced != "nobody":
        log.warning("owner.replaced", fence=held.fence, standing=held.replaced)
    try:
        yield held
    finally:
        held.release()


@asynccontextmanager
async def kept(database: Database, held: Claim, lease_seconds: float) -> AsyncGenerator[Ownership]:
    """Let the owner's heart beat until the block ends, and give the directory back then.

    When another process has taken over, whoever is inside may stop by himself; after a while he is cancelled, and
    `FencedOff` is raised.
    """
    ownership = Ownership(held.fence, database.fenced_off)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_beat, database, ownership, lease_seconds / BEATS_PER_LEASE)
            group.start_soon(_give_up, ownership)
            yield ownership
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True), suppress(NotWritten, FencedOff):
            await database.write(give_back)


async def _beat(database: Database, ownership: Ownership, seconds: float) -> None:
    while not ownership.fenced_off.is_set():
        try:
            await database.write(partial(beat, url=ownership.url))
        except NotWritten as error:
            log.warning("owner.heart-missed-a-beat", reason=error.message)
        except FencedOff as error:
            log.error("owner.fenced-off", reason=error.message, fence=ownership.fence)  # noqa: TRY400 - no mistake
            return
        with anyio.move_on_after(seconds):
            await ownership.changed.wait()
        ownership.changed.clear()


async def _give_up(ownership: Ownership) -> None:
    await ownership.fenced_off.wait()
    await anyio.sleep(LAST_WORDS_SECONDS)
    raise FencedOff
