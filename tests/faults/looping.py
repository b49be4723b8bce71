"""An event loop that lives in a thread of its own, for tests that are not async and await a little at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self


class Loop:
    """Runs what it is given, one after the other.

    It is entered once: a loop that is entered anew for each call also starts the threads of its reads anew.
    """

    def __enter__(self) -> Self:
        is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(is_ready)), name="loop-of-test")
        self._thread.start()
        is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    def result_of(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what `work` returns, and raise what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _live(self, is_ready: threading.Event) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        is_ready.set()
        await self._is_over.wait()
