"""A bounded number of warm hosts, leased by what makes them interchangeable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from workflows.hosting.process import HostProcess, HostSpec


class HostPool:
    """Lease hosts; at most `limit` are alive at a time."""

    def __init__(self, *, environ: Mapping[str, str], limit: int | None = None) -> None:
        """Take the server's environment, of which hosts see an allow-list; `limit` defaults to max(8, 2 x CPUs)."""
        raise NotImplementedError

    @asynccontextmanager
    async def lease(self, spec: HostSpec) -> AsyncIterator[HostProcess]:
        """Give a live host of this kind, alone, until the block ends; waits when all are busy.

        Raises `HostStartFailed`, `HostPoolClosed`.
        """
        raise NotImplementedError
        yield

    async def warm(self, spec: HostSpec, count: int = 1) -> None:
        """Start hosts of this kind ahead of time."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End all hosts and whatever they started."""
        raise NotImplementedError
