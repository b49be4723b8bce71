"""Who still moves below one node of the graph, and when nobody does any more.

Everything that works at the same time (members of a DAG, items of a map) is a strand. A strand that waits, for what it
needs or for an answer, does not move. When no strand moves, the activity is *quiet*: only the world outside can set it
going again, so all that wait are told, and the run waits without holding anything. Until then an answer is taken live.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Quiet(Exception):
    """Nothing can move before somebody outside answers, or time has passed."""


class Activity:
    """Counts the strands that move; the one that makes it is the first of them."""

    def __init__(self) -> None:
        self._moving = 1
        self._waiting: set[asyncio.Future[None]] = set()
        self._woken: set[asyncio.Future[None]] = set()  # counted as moving already, though they have not noticed
        self.is_quiet = False

    def begin(self, strands: int) -> None:
        """Count strands that are about to start."""
        self._moving += strands

    def end(self, strands: int = 1) -> None:
        """Take out strands that are over."""
        self._moving -= strands
        if self._moving == 0 and not self.is_quiet:
            self.is_quiet = True
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self, waiter: asyncio.Future[None]) -> None:
        """Stand still until `wake` is called for the waiter; raises `Quiet` when nothing moves any more."""
        if self.is_quiet:
            raise Quiet
        self._waiting.add(waiter)
        self.end()
        try:
            await waiter
        except asyncio.CancelledError:
            self._move_again(waiter)
            raise
        finally:
            self._waiting.discard(waiter)
            self._woken.discard(waiter)
        if self.is_quiet:  # raised here: in the future it would hold its own frames, and with them the whole run
            raise Quiet

    def wake(self, waiter: asyncio.Future[None]) -> bool:
        """Let a waiting strand move again, from this moment on; False when it does not wait any more."""
        if waiter.done() or waiter not in self._waiting:
            return False
        self._move_again(waiter)
        waiter.set_result(None)
        return True

    def _move_again(self, waiter: asyncio.Future[None]) -> None:
        if waiter not in self._woken:
            self._woken.add(waiter)
            self.begin(1)

    def stop(self, task: asyncio.Task[Any]) -> None:
        """Cancel the task of a strand; the activity is not quiet before the task has ended."""
        if not task.done():
            self.begin(1)
            task.add_done_callback(lambda _: self.end())
            task.cancel()
