"""The one bridge from programs without an event loop: a loop in a thread of its own, which holds a client open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from specloom_client.async_client import AsyncClient

T = TypeVar("T")


class Bridge:
    """Runs what a client does on a loop in a thread; the client is opened and closed there, by one task."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._opened: Future[asyncio.AbstractEventLoop] = Future()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, name="specloom-client", daemon=True)

    def open(self) -> None:
        """Open the client; raises what opening it raises."""
        self._thread.start()
        self._opened.result()

    def close(self) -> None:
        """Close the client, and wait until it is."""
        if self._opened.done() and self._opened.exception() is None and self._stop is not None:
            self._opened.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; an interrupt here cancels it there."""
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._opened.result())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[T]) -> Iterator[T]:
        """Yield what an asynchronous generator yields."""
        try:
            while found := self.call(_next(items)):
                yield from found
        finally:
            if self._thread.is_alive():
                self.call(items.aclose())

    def _work(self) -> None:
        try:
            asyncio.run(self._hold())
        except BaseException as error:  # noqa: BLE001 - whoever opened it is told
            if not self._opened.done():
                self._opened.set_exception(error)

    async def _hold(self) -> None:
        self._stop = asyncio.Event()
        async with self._client:
            self._opened.set_result(asyncio.get_running_loop())
            await self._stop.wait()


async def _next(items: AsyncGenerator[T]) -> list[T]:
    """Return the next item; nothing at the end."""
    async for item in items:
        return [item]
    return []
