"""The signal that this process is about to stop, so that nobody goes on following a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager, suppress
from typing import TypeVar

from anyio import CancelScope

T = TypeVar("T")


class StopSignal:
    """Set once; whoever follows something for long ends then."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._scopes: set[CancelScope] = set()

    def set(self) -> None:
        """Tell everybody to come to an end."""
        self._event.set()
        for scope in self._scopes:
            scope.cancel()

    @property
    def is_set(self) -> bool:
        """Tell whether the process is stopping."""
        return self._event.is_set()

    @contextmanager
    def ends(self, scope: CancelScope) -> Generator[None]:
        """Cancel a scope as soon as the process stops."""
        self._scopes.add(scope)
        if self._event.is_set():
            scope.cancel()
        try:
            yield
        finally:
            self._scopes.discard(scope)

    async def ending(self, items: AsyncIterator[T]) -> AsyncGenerator[T]:
        """Yield the items until they end or the process stops."""
        stop = asyncio.ensure_future(self._event.wait())
        following: asyncio.Future[T] | None = None
        try:
            while not self._event.is_set():
                following = asyncio.ensure_future(anext(items))
                await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    return
                try:
                    item = following.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            stop.cancel()
            await _end(following, items)


async def _end(following: asyncio.Future[T] | None, items: AsyncIterator[T]) -> None:
    if following is not None and not following.done():
        following.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await following
    if isinstance(items, AsyncGenerator):
        await items.aclose()
