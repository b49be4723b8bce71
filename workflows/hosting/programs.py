"""Programs that are no Python of ours: run in a host, and talked to over their standard input and output.

So they have what every host has: limits, a sandbox, an end with all their children when their time is up, when whoever
waits is cancelled, and when the server dies.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.hosting.errors import HostFailure
from workflows.hosting.limits import NO_LIMITS, HostLimits
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostProcess, HostSpec
from workflows.hosting.sandbox import within

_HOST = Path(__file__).with_name("program_host.py")
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
LINE_BYTES = 16 * 2**20  # of one line that a program writes


@dataclass(frozen=True, slots=True)
class Program:
    """A command of the operator's, with what it may see and use."""

    command: tuple[str, ...]
    env: tuple[str, ...] = ()  # names of variables that it may see beside PATH, LANG and TZ
    cwd: Path | None = None  # None: its throwaway directory
    limits: HostLimits = NO_LIMITS
    sandbox: str = ""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])  # set for it alone


class RunningProgram:
    """A program that runs, as its other side sees it."""

    def __init__(
        self,
        host: HostProcess,
        ending: asyncio.Task[Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._host = host
        self._ending = ending
        self.reader = reader  # of what it writes to its standard output
        self.writer = writer  # into its standard input

    @property
    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return not self._ending.done()

    async def end(self) -> int:
        """Wait for its end and return the exit code, or minus a signal; raises `HostFailure`s."""
        return (await asyncio.shield(self._ending))["exit_code"]

    def tail(self) -> str:
        """Return the end of what it wrote to its standard error, at most 64 KiB."""
        return self._host.tail()


@asynccontextmanager
async def running(pool: HostPool, program: Program) -> AsyncGenerator[RunningProgram]:
    """Run a program in a throwaway directory until the block ends; then it is gone with all its children.

    `HOME` and `TMPDIR` are inside that directory. Raises `HostFailure`s where it cannot be started.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="specloom-"))
    try:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listening:
            listening.bind(str(folder / "talk"))
            listening.listen(1)
            listening.setblocking(False)
            async with pool.lease(_spec(program, folder)) as host:
                ending = asyncio.create_task(_run(host, program, folder))
                try:
                    reader, writer = await _connected(listening, ending)
                    try:
                        yield RunningProgram(host, ending, reader, writer)
                    finally:
                        writer.transport.abort()
                finally:
                    await _stop(ending)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _spec(program: Program, folder: Path) -> HostSpec:
    places = [folder, *([program.cwd] if program.cwd else [])]
    return HostSpec(
        program=_HOST,
        env=program.env,
        limits=program.limits,
        sandbox=program.sandbox,
        writable=within(places) if program.sandbox else (),
    )


async def _run(host: HostProcess, program: Program, folder: Path) -> Any:
    home = folder / "home"
    (home / "tmp").mkdir(parents=True)
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), **program.variables}
    params = {
        "socket": str(folder / "talk"),
        "command": program.command,
        "env": [*_PASSED_ON, *program.env],
        "variables": own,
        "cwd": str(program.cwd or home),
    }
    return await host.call("run", params)


async def _connected(
    listening: socket.socket, ending: asyncio.Task[Any]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Wait until the host has connected; raises what it failed with where it does not."""
    accepting = asyncio.ensure_future(asyncio.get_running_loop().sock_accept(listening))
    try:
        await asyncio.wait({accepting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not accepting.done():
            ending.result()
    finally:
        if not accepting.done():
            accepting.cancel()
    connection, _ = accepting.result()
    return await asyncio.open_unix_connection(sock=connection, limit=LINE_BYTES)


async def _stop(ending: asyncio.Task[Any]) -> None:
    """End what still runs: a call that is cancelled takes its whole process group along."""
    ending.cancel()
    with suppress(asyncio.CancelledError, HostFailure):
        await asyncio.wait({ending})
    if not ending.cancelled():
        ending.exception()  # whoever wanted to know has asked
