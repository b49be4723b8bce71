"""The signal that this process is about to stop, so that nobody goes on following a run."""

from __future__ import annotations

import asyncio


class StopSignal:
    """Set once; whoever follows something for long ends then."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Tell everybody to come to an end."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Tell whether the process is stopping."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when the process is stopping."""
        await self._event.wait()
