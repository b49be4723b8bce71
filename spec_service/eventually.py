"""Things that are being opened in the background, for whoever needs them first."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class Eventually(Generic[T]):
    """A value that will be there, or the reason why it will not."""

    def __init__(self) -> None:
        self._done = asyncio.Event()
        self._value: T | None = None
        self._failure: BaseException | None = None

    @property
    def value(self) -> T | None:
        """Return the value; None as long as it is not there."""
        return self._value

    @property
    def failure(self) -> BaseException | None:
        """Return why it will never be there."""
        return self._failure

    def give(self, value: T) -> None:
        """Have the value."""
        self._value = value
        self._done.set()

    def fail(self, failure: BaseException) -> None:
        """Say why there will be no value."""
        self._failure = failure
        self._done.set()

    async def get(self) -> T:
        """Wait for the value; raises the reason why there is none."""
        await self._done.wait()
        if self._value is None:
            raise self._failure or RuntimeError("there is neither a value nor a reason")
        return self._value
