"""A bounded number of warm hosts, leased by what makes them interchangeable."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from workflows.hosting.errors import HostFailure, HostPoolClosed
from workflows.hosting.fork_server import ForkServer
from workflows.hosting.group_notes import GroupNotes
from workflows.hosting.process import HostProcess, HostSpec
from workflows.hosting.seeds import Seeds
from workflows.hosting.temporary import TemporaryFolders

PRIVATE_SERVERS = 4  # of sandboxes that serve one run each: how many stay when nobody uses them


class HostPool:
    """Lease hosts; at most `limit` are alive at a time.

    Hosts of one kind are forks of one process that has loaded their program, so a new one takes milliseconds; one more
    than is leased is forked ahead where there is room. A pool belongs to one event loop.
    """

    def __init__(
        self, *, environ: Mapping[str, str], limit: int | None = None, notes: GroupNotes | None = None
    ) -> None:
        """Take the server's environment, of which hosts see an allow-list; `limit` defaults to max(8, 2 x CPUs)."""
        self.temporary = TemporaryFolders()
        self._seeds = Seeds(environ, notes or GroupNotes())
        self._limit = limit or max(8, 2 * (os.cpu_count() or 1))
        self._turns = asyncio.Semaphore(self._limit)
        self._leased = Counter[HostSpec]()
        self._idle: list[tuple[HostSpec, HostProcess]] = []  # the one used last stands last
        self._ahead: dict[HostSpec, asyncio.Task[None]] = {}
        self._servers: dict[HostSpec, asyncio.Task[ForkServer]] = {}  # the one used last stands last
        self._closing: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._is_closed = False

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody waits for a host: whoever keeps one should give it back between two calls."""
        return self._waiting > 0

    @property
    def limit(self) -> int:
        """How many hosts may be alive."""
        return self._limit

    @asynccontextmanager
    async def lease(self, spec: HostSpec) -> AsyncGenerator[HostProcess]:
        """Give a live host of this kind, alone, until the block ends; waits when all are busy.

        Raises `HostStartFailed`, `HostPoolClosed`.
        """
        async with self._turn():
            self._leased[spec] += 1
            try:
                host = self._take_idle(spec) or await self._start(spec)
            except BaseException:
                self._leased[spec] -= 1
                raise
            self._fork_ahead(spec)
            try:
                yield host
            finally:
                self._leased[spec] -= 1
                self._give_back(spec, host)
                self._let_go()

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def warm(self, spec: HostSpec, count: int = 1) -> None:
        """Start hosts of this kind ahead of time, as many as there is room for; raises `HostStartFailed`."""
        await self._server(spec)
        missing = count - sum(1 for kind, _ in self._idle if kind == spec)
        for _ in range(min(missing, self._limit - self._alive)):
            self._give_back(spec, await self._start(spec))

    async def aclose(self) -> None:
        """End all hosts and whatever they started."""
        self._is_closed = True
        ahead = list(self._ahead.values())
        for task in ahead:
            task.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)
        for _, host in self._idle:
            host.dispose()
        self._idle.clear()
        servers = list(self._servers.values())
        self._servers.clear()
        await asyncio.gather(*self._closing, *(_close(server) for server in servers))
        await self._seeds.aclose()
        await self.temporary.aclose()

    @property
    def _alive(self) -> int:
        return self._leased.total() + len(self._idle) + len(self._ahead)

    def _take_idle(self, spec: HostSpec) -> HostProcess | None:
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index][0] == spec:
                host = self._idle.pop(index)[1]
                if host.is_alive:
                    return host
                host.dispose()
        return None

    def _give_back(self, spec: HostSpec, host: HostProcess) -> None:
        if self._is_closed or not host.is_alive or self._alive >= self._limit:
            host.dispose()
        else:
            self._idle.append((spec, host))

    async def _start(self, spec: HostSpec) -> HostProcess:
        server = await self._server(spec)
        while self._alive > self._limit and (self._idle or self._ahead):
            if self._idle:
                self._idle.pop(0)[1].dispose()
            else:
                await asyncio.wait(self._ahead.values(), return_when=asyncio.FIRST_COMPLETED)
        return await server.fork()

    def _fork_ahead(self, spec: HostSpec) -> None:
        """Have a host of this kind ready for whoever comes next, before it is needed."""
        has_one = spec in self._ahead or any(kind == spec for kind, _ in self._idle)
        if not (has_one or self._is_closed or self._alive >= self._limit):
            self._ahead[spec] = asyncio.create_task(self._forked_ahead(spec))

    async def _forked_ahead(self, spec: HostSpec) -> None:
        host = None
        try:
            host = await (await self._server(spec)).fork()
        except HostFailure:
            pass  # whoever needs one will be told
        finally:
            del self._ahead[spec]
        if host is not None:
            self._give_back(spec, host)

    async def _server(self, spec: HostSpec) -> ForkServer:
        if self._is_closed:
            raise HostPoolClosed
        starting = self._servers.pop(spec, None)
        if starting and _is_useless(starting):
            await _close(starting)
            return await self._server(spec)
        if starting is None:
            # a task of its own, since several leases wait for it and any of them may be cancelled
            starting = asyncio.create_task(self._seeds.start(spec))
        self._servers[spec] = starting
        return await asyncio.shield(starting)

    def _let_go(self) -> None:
        """End the fork servers of sandboxes that nobody has used for longest: their runs may be over."""
        unused = [one for one in self._servers if one.writable and not self._leased[one] and one not in self._ahead]
        for spec in unused[: max(0, len(unused) - PRIVATE_SERVERS)]:
            for host in [host for kind, host in self._idle if kind == spec]:
                host.dispose()
            self._idle = [(kind, host) for kind, host in self._idle if kind != spec]
            closing = asyncio.create_task(_close(self._servers.pop(spec)))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        self._leased += Counter()  # forgets those of which there are none


def _is_useless(starting: asyncio.Task[ForkServer]) -> bool:
    if not starting.done():
        return False
    return starting.cancelled() or starting.exception() is not None or not starting.result().is_alive


async def _close(starting: asyncio.Task[ForkServer]) -> None:
    if not starting.done():
        starting.cancel()
    with suppress(asyncio.CancelledError, HostFailure):
        await (await starting).aclose()
