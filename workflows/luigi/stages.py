"""The port's adapter: a luigi step becomes an expansion, and its tasks run as dataflow in stage hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from workflows.hosting.pool import HostPool
from workflows.local_files import PathOf, with_local_files
from workflows.luigi.building import StepBuild
from workflows.luigi.calls import StageCall, StageRecorder, StageResult, TaskOutcome
from workflows.luigi.errors import StageTimeout
from workflows.luigi.expansion import Expansion
from workflows.luigi.gates import Injections
from workflows.luigi.shares import Shares
from workflows.luigi.unfinished import Workplaces
from workflows.tools.scrubbing import Scrubber

__all__ = ["LuigiStages", "StageCall", "StageRecorder", "StageResult", "TaskOutcome"]

SecretsIn = Callable[[Iterable[str]], Iterable[str]]


class LuigiStages:
    """Run and preview luigi steps."""

    def __init__(self, pool: HostPool, path_of: PathOf | None = None, secrets_in: SecretsIn | None = None) -> None:
        """Take the pool of hosts.

        `path_of` tells where the bytes of an artifact lie; `secrets_in` gives the values of secrets that lie in some
        variables of the environment, so that no text of a stage that may see them holds one.
        """
        self._pool = pool
        self._secrets_in = secrets_in
        self._path_of = path_of
        self._workplaces = Workplaces()
        self._shares = Shares()

    async def run(self, call: StageCall, recorder: StageRecorder, injections: Injections | None = None) -> StageResult:
        """Build the stage and return its outputs; `injections` are the nodes that run around its tasks.

        Raises `StageFailed`, `StageTimeout`, `StageCrashed`, `StageUnavailable`, `InvalidParameter`, `InvalidResult`,
        `MissingExternal` when only such tasks are left that need something which nobody builds, and `Quiet`.
        Cancelling the awaiting task stops the work for real.
        """
        call = await self._with_files(call)
        limit = asyncio.timeout(None if call.timeout is None else max(0.0, call.timeout - call.spent))
        build = self._build(call, limit)
        if self._secrets_in and call.group.env:
            build.scrubber = Scrubber(self._secrets_in(call.group.env))
        try:
            async with self._pool.temporary.given(call.run_dir) as build.temporary, limit:
                return await build.run(recorder, injections)
        except TimeoutError:
            if not limit.expired():
                raise
            raise StageTimeout(f"{call.stage}: not done after {call.timeout:g} seconds", tail=build.tail) from None

    async def look(self, call: StageCall) -> StageResult | None:
        """Return the outputs of a stage that is complete, None of one that is not; runs nothing. Raises as `run`."""
        call = replace(await self._with_files(call), requires="satisfied")
        limit = asyncio.timeout(call.timeout)
        try:
            async with limit:
                return await self._build(call, limit).look()
        except TimeoutError:
            if not limit.expired():
                raise
            raise StageTimeout(f"{call.stage}: gave no answer in {call.timeout:g} seconds") from None

    async def preview(self, call: StageCall) -> Expansion:
        """Return what `run` would do; runs nothing. Raises what `run` raises."""
        limit = asyncio.timeout(call.timeout)
        try:
            async with limit:
                return await self._build(call, limit).expand()
        except TimeoutError:
            if not limit.expired():
                raise
            raise StageTimeout(f"{call.stage}: not expanded after {call.timeout:g} seconds") from None

    def _build(self, call: StageCall, limit: asyncio.Timeout) -> StepBuild:
        return StepBuild(call, self._pool, self._workplaces, self._shares, limit)

    async def _with_files(self, call: StageCall) -> StageCall:
        if self._path_of is None:
            return call
        return replace(call, arguments=await with_local_files(call.parameters, call.arguments, self._path_of))

    async def aclose(self) -> None:
        """Do nothing: the pool belongs to whoever opened it."""
