"""The runtime on this machine: each try of a harness is a process group of its own, and JSON lines on its pipes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import read_message, written
from workflows.errors import StepError
from workflows.hosting.errors import HostFailure, HostLimitExceeded, HostStartFailed, HostTimeout
from workflows.hosting.pool import HostPool
from workflows.hosting.programs import LINE_BYTES, Program, RunningProgram, running

Json = Any
END_SECONDS = 10.0  # for a process to end that has closed its output


class LocalProcesses:
    """Runs harnesses that are commands.

    The pool is one of their own: a harness that holds a host while it waits for a tool must not keep that tool from
    getting one.
    """

    def __init__(self, pool: HostPool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def open(self, harness: Harness, variables: Mapping[str, str]) -> AsyncGenerator[LineConversation]:
        """Start the command in a throwaway directory; see the port."""
        program = Program(
            harness.command,
            env=harness.env,
            limits=harness.limits,
            sandbox=harness.sandbox,
            variables=variables,
        )
        try:
            async with running(self._pool, program) as process:
                yield LineConversation(process)
        except HostStartFailed as error:
            raise StepError(error.in_one_line(), error_name="unavailable", tail=error.tail) from error
        except HostFailure as error:
            raise _as_step_error(error) from error


class LineConversation:
    """JSON lines on the standard input and output of a process."""

    def __init__(self, process: RunningProgram) -> None:
        self._process = process

    async def say(self, message: Mapping[str, Json]) -> None:
        """Write a line; see the port."""
        with suppress(ConnectionError):  # it has closed its input: what matters is what it writes
            self._process.writer.write(written(message))
            await self._process.writer.drain()

    async def hear(self) -> Mapping[str, Json] | None:
        """Read a line; empty ones say nothing. See the port."""
        while True:
            try:
                line = await self._process.reader.readline()
            except ValueError:
                message = f"it wrote a line of more than {LINE_BYTES // 2**20} MiB"
                raise StepError(message, error_name="agent-failed", tail=self.tail()) from None
            except ConnectionError:
                line = b""
            if not line:
                return None
            if line.strip():
                return read_message(line)

    async def end(self) -> None:
        """Wait for the exit code, which must be zero; see the port."""
        with suppress(ConnectionError):
            self._process.writer.write_eof()
        try:
            async with asyncio.timeout(END_SECONDS):
                code = await self._process.end()
        except TimeoutError:
            message = f"it closed its output and did not end within {END_SECONDS:g} s; its processes are gone"
            raise StepError(message, error_name="agent-failed", tail=self.tail()) from None
        except HostFailure as error:
            raise _as_step_error(error) from error
        if code:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise StepError(f"it {how}, so what it said does not count", error_name="agent-failed", tail=self.tail())

    def tail(self) -> str:
        """Return the end of its standard error; see the port."""
        return self._process.tail()


def _as_step_error(error: HostFailure) -> StepError:
    kind = getattr(error, "kind", "")
    name = "agent-failed"
    if isinstance(error, HostTimeout):
        name = "timeout"
    elif kind == "not-started":
        name = "unavailable"
    elif not isinstance(error, HostLimitExceeded) and error.name in {"crashed", "unavailable"}:
        name = error.name
    return StepError(error.message, error_name=name, tail=error.tail)
