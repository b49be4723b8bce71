"""Seeds: processes that have imported what several fork servers have in common, and fork those.

To import the library that tools are written with takes a second of processor time and 60 MB, and every group of tools
needs it. A seed has done so once; a group that it forks shares the memory, and begins in milliseconds.

What is imported already, a file of the same name on a group's `path` can no longer replace: such a group is started
from nothing, as it would be without seeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from workflows.hosting.errors import HostFailure
from workflows.hosting.fork_server import ForkServer, Surroundings
from workflows.hosting.forked import ForkedProcess
from workflows.hosting.group_notes import GroupNotes
from workflows.hosting.process import HostSpec


class _Kind(NamedTuple):
    """What the groups of one seed have in common."""

    python: str
    env: tuple[str, ...]
    imports: tuple[str, ...]


class _Seed(NamedTuple):
    server: ForkServer
    modules: frozenset[str]  # names at the top level that are taken

    def serves(self, path: tuple[str, ...]) -> bool:
        """Tell whether nothing on a path is called like a module that is imported already."""
        return not any(_importable(Path(folder)) & self.modules for folder in path)


class Seeds:
    """The seeds of one pool, and all that starts without one."""

    def __init__(self, environ: Mapping[str, str], notes: GroupNotes) -> None:
        self._environ = environ
        self._notes = notes
        self._seeds: dict[_Kind, asyncio.Task[_Seed | None]] = {}

    async def start(self, spec: HostSpec) -> ForkServer:
        """Start a fork server that has loaded its program; raises `HostStartFailed`."""
        seed = await self._seed_for(spec)
        if seed is not None:
            return await ForkServer.start(spec, partial(self._forked, seed, spec))
        return await ForkServer.start(spec, partial(ForkServer.spawned, spec, self._environ, self._notes))

    async def aclose(self) -> None:
        """End all seeds."""
        while self._seeds:
            await self._close(self._seeds.popitem()[1])

    async def _seed_for(self, spec: HostSpec) -> _Seed | None:
        if not spec.shared_imports or spec.sandbox:
            return None
        kind = _Kind(spec.python, spec.env, spec.shared_imports)
        starting = self._seeds.get(kind)
        if starting and _has_ended(starting):
            await self._close(self._seeds.pop(kind))
            return await self._seed_for(spec)
        if starting is None:
            # a task of its own, since several groups wait for it and any of them may be cancelled
            starting = self._seeds[kind] = asyncio.create_task(self._sown(kind, spec))
        seed = await asyncio.shield(starting)
        return seed if seed and await asyncio.to_thread(seed.serves, spec.path) else None

    async def _sown(self, kind: _Kind, spec: HostSpec) -> _Seed | None:
        """Start a seed; None where there can be none: then each group tells what is wrong with its interpreter."""
        bare = HostSpec(spec.program, python=kind.python, env=kind.env)
        try:
            server = await ForkServer.spawned(bare, self._environ, self._notes)
            ready = await server.load({"imports": kind.imports})
        except HostFailure:
            return None
        if ready["threads"] > 1:  # no process with threads can be forked
            await server.aclose()
            return None
        return _Seed(server, frozenset(ready["modules"]))

    async def _close(self, starting: asyncio.Task[_Seed | None]) -> None:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            if seed := await starting:
                await seed.server.aclose()

    async def _forked(self, seed: _Seed, spec: HostSpec) -> ForkServer:
        fork = await seed.server.fork_process()
        surroundings = Surroundings(self._notes, spec.limits, None)
        return ForkServer(ForkedProcess(fork.pid, fork.exited), fork.connection, fork.output, surroundings)


def _has_ended(starting: asyncio.Task[_Seed | None]) -> bool:
    if not starting.done() or starting.cancelled():
        return starting.done()
    seed = starting.result()
    return seed is not None and not seed.server.is_alive


def _importable(folder: Path) -> set[str]:
    """Return the names that an interpreter would find in a folder, and maybe a few others."""
    try:
        return {entry.name.partition(".")[0] for entry in folder.iterdir()}
    except OSError:
        return set()
