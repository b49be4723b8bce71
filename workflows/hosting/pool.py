"""A bounded number of warm hosts, leased by what makes them interchangeable."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from workflows.hosting.errors import HostFailure, HostPoolClosed
from workflows.hosting.fork_server import ForkServer
from workflows.hosting.group_notes import GroupNotes
from workflows.hosting.process import HostProcess, HostSpec


class HostPool:
    """Lease hosts; at most `limit` are alive at a time.

    Hosts of one kind are forks of one process that has loaded their program, so a new one takes milliseconds.
    A pool belongs to one event loop.
    """

    def __init__(
        self, *, environ: Mapping[str, str], limit: int | None = None, notes: GroupNotes | None = None
    ) -> None:
        """Take the server's environment, of which hosts see an allow-list; `limit` defaults to max(8, 2 x CPUs)."""
        self._environ = environ
        self._notes = notes
        self._limit = limit or max(8, 2 * (os.cpu_count() or 1))
        self._turns = asyncio.Semaphore(self._limit)
        self._leased = 0
        self._idle: list[tuple[HostSpec, HostProcess]] = []  # the one used last stands last
        self._servers: dict[HostSpec, asyncio.Task[ForkServer]] = {}
        self._is_closed = False

    @property
    def limit(self) -> int:
        """How many hosts may be alive."""
        return self._limit

    @asynccontextmanager
    async def lease(self, spec: HostSpec) -> AsyncGenerator[HostProcess]:
        """Give a live host of this kind, alone, until the block ends; waits when all are busy.

        Raises `HostStartFailed`, `HostPoolClosed`.
        """
        async with self._turns:
            self._leased += 1
            try:
                host = self._take_idle(spec) or await self._start(spec)
            except BaseException:
                self._leased -= 1
                raise
            try:
                yield host
            finally:
                self._leased -= 1
                self._give_back(spec, host)

    async def warm(self, spec: HostSpec, count: int = 1) -> None:
        """Start hosts of this kind ahead of time, as many as there is room for; raises `HostStartFailed`."""
        await self._server(spec)
        missing = count - sum(1 for kind, _ in self._idle if kind == spec)
        for _ in range(min(missing, self._limit - self._leased - len(self._idle))):
            self._give_back(spec, await self._start(spec))

    async def aclose(self) -> None:
        """End all hosts and whatever they started."""
        self._is_closed = True
        for _, host in self._idle:
            host.dispose()
        self._idle.clear()
        servers = list(self._servers.values())
        self._servers.clear()
        await asyncio.gather(*(_close(server) for server in servers))

    def _take_idle(self, spec: HostSpec) -> HostProcess | None:
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == spec:
                host = self._idle.pop(index)[1]
                if host.is_alive:
                    return host
                host.dispose()
        return None

    def _give_back(self, spec: HostSpec, host: HostProcess) -> None:
        if self._is_closed or not host.is_alive or self._leased + len(self._idle) >= self._limit:
            host.dispose()
        else:
            self._idle.append((spec, host))

    async def _start(self, spec: HostSpec) -> HostProcess:
        server = await self._server(spec)
        while self._idle and self._leased + len(self._idle) > self._limit:
            self._idle.pop(0)[1].dispose()
        return await server.fork()

    async def _server(self, spec: HostSpec) -> ForkServer:
        if self._is_closed:
            raise HostPoolClosed
        starting = self._servers.get(spec)
        if starting and _is_useless(starting):
            self._servers.pop(spec)
            await _close(starting)
            return await self._server(spec)
        if starting is None:
            # a task of its own, since several leases wait for it and any of them may be cancelled
            starting = self._servers[spec] = asyncio.create_task(
                ForkServer.start(spec, self._environ, notes=self._notes)
            )
        return await asyncio.shield(starting)


def _is_useless(starting: asyncio.Task[ForkServer]) -> bool:
    if not starting.done():
        return False
    return starting.cancelled() or starting.exception() is not None or not starting.result().is_alive


async def _close(starting: asyncio.Task[ForkServer]) -> None:
    if not starting.done():
        starting.cancel()
    with suppress(asyncio.CancelledError, HostFailure):
        await (await starting).aclose()
