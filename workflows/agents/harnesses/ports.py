"""The two ports of harnesses: how one talks to it, and where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from workflows.agents.harnesses.harness import Harness

Json = Any


class Conversation(Protocol):
    """The messages that go to a harness and come from it."""

    async def say(self, message: Mapping[str, Json]) -> None:
        """Send a message; one that a harness does not want any more is lost. Raises `StepError`."""
        ...

    async def hear(self) -> Mapping[str, Json] | None:
        """Return the next message; None when no more will come. Raises `StepError` for what is no message."""
        ...

    async def end(self) -> None:
        """Wait until the harness is done, after its last message; raises `StepError` when it did not end well."""
        ...

    def tail(self) -> str:
        """Return the end of what it printed beside its messages."""
        ...


class Runtime(Protocol):
    """A place where harnesses run."""

    def open(self, harness: Harness, variables: Mapping[str, str]) -> AbstractAsyncContextManager[Conversation]:
        """Start a harness, or reach it, for the length of a block; when the block ends it is stopped for real.

        `variables` are for this one conversation: the trace context and the idempotency key. Raises `StepError`
        (`unavailable`) where it cannot be started or reached.
        """
        ...
