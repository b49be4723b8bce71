"""The parent side of a fork server: start it, ask it for hosts, learn how each of them ended."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from workflows.hosting.errors import HostStartFailed
from workflows.hosting.forked import Fork, Process
from workflows.hosting.group_notes import FORK_SERVER, GroupNotes
from workflows.hosting.limits import HostLimits
from workflows.hosting.process import LINE_LIMIT, HostEnd, HostProcess, HostSpec, read_end
from workflows.hosting.sandbox import Sandbox, explained

HERE = Path(__file__).parent
# no file of ours is the child's main module: what the user's code spawns would run it again
LAUNCH = (
    "import sys, types; package = types.ModuleType('_specloom'); package.__path__ = [sys.argv[1]];"
    "sys.modules['_specloom'] = package; from _specloom.child import main; main()"
)
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
START_SECONDS = 60.0  # importing a user's modules may take a while
CLOSE_SECONDS = 5.0


def host_environment(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the variables that a host may see; nothing of the server's own settings is among them."""
    wanted = [name for name in (*PASSED_ON, *names) if not name.startswith("SPECLOOM_")]
    return {name: environ[name] for name in wanted if name in environ}


Begin = Callable[[], Awaitable["ForkServer"]]
"""Starts one that waits for its settings; raises `HostStartFailed`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a fork server and its hosts have around them."""

    notes: GroupNotes
    limits: HostLimits
    sandbox: Sandbox | None

    def close(self) -> None:
        """Remove what belonged to them alone."""
        if self.sandbox:
            self.sandbox.close()


class ForkServer:
    """A process that has imported a program and forks hosts of it in milliseconds."""

    def __init__(self, process: Process, control: socket.socket, output: BinaryIO, surroundings: Surroundings) -> None:
        notes = surroundings.notes
        self._process = process
        self._surroundings = surroundings
        self._notes = notes
        notes.add(process.pid, FORK_SERVER)
        self._control = control
        self._output = output  # what imports print
        self._asked: deque[asyncio.Future[dict[str, Any]]] = deque()  # answered in the order of the questions
        self._exits: dict[int, asyncio.Future[HostEnd]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_alive(self) -> bool:
        """Tell whether it can fork."""
        return not self._is_closed and self._process.returncode is None

    @classmethod
    async def start(cls, spec: HostSpec, begin: Begin, *, start_seconds: float = START_SECONDS) -> ForkServer:
        """Begin one and have it load the program; where that starts threads, begin one whose hosts load it each.

        Raises `HostStartFailed`.
        """
        server = await begin()
        if (await server.load(_settings(spec, is_loaded_once=True), start_seconds))["threads"] == 1:
            return server
        await server.aclose()  # forking a process with threads leaves locks behind that nobody will ever release
        server = await begin()
        await server.load(_settings(spec, is_loaded_once=False), start_seconds)
        return server

    @classmethod
    async def spawned(cls, spec: HostSpec, environ: Mapping[str, str], notes: GroupNotes) -> Self:
        """Start an interpreter that waits for its settings."""
        sandbox = Sandbox(spec.writable, environ) if spec.sandbox else None
        surroundings = Surroundings(notes, spec.limits, sandbox)
        ours, theirs = socket.socketpair()
        output = open_output()
        command = [spec.python or sys.executable, "-I", "-u", "-c", LAUNCH, str(HERE), str(theirs.fileno())]
        env = host_environment(environ, spec.env) | ({"TMPDIR": sandbox.folder} if sandbox else {})
        try:
            process = await asyncio.create_subprocess_exec(
                *(sandbox.around(command) if sandbox else command),
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException as error:
            ours.close()
            output.close()
            surroundings.close()
            if not isinstance(error, OSError):
                raise
            reason = f"the interpreter cannot be started: {error.strerror}"
            raise HostStartFailed(reason, exit_code=None, signal=None) from error
        finally:
            theirs.close()
        return cls(process, ours, output, surroundings)

    async def load(self, settings: Mapping[str, Any], start_seconds: float = START_SECONDS) -> dict[str, Any]:
        """Have it do what the settings say; return what it tells when it is ready."""
        reader, writer = await asyncio.open_unix_connection(sock=self._control)
        ready: dict[str, Any] = {}
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(start_seconds):
                    writer.write(json.dumps(settings).encode() + b"\n")
                    ready = json.loads(await reader.readline() or b"{}")
        except BaseException:
            writer.transport.abort()
            await self.aclose()
            raise
        # a task of its own: it lives as long as the process, whoever waits for what
        self._listening = asyncio.create_task(self._listen(reader, writer))
        if "ready" not in ready:
            tail = read_end(self._output)
            await self.aclose()
            code = self._process.returncode
            raise HostStartFailed(
                explained(tail) or "the program cannot be loaded", exit_code=code, signal=None, tail=tail
            )
        return ready

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._take(json.loads(line))
        writer.transport.abort()
        self._is_closed = True
        self._abandon()

    def _take(self, told: dict[str, Any]) -> None:
        if "exited" in told:
            self._notes.strike(told["exited"])
            exited = self._exits.pop(told["exited"], None)
            if exited and not exited.done():
                exited.set_result(HostEnd(told["status"], told["limit"]))
            return
        if "forked" in told:
            self._notes.add(told["forked"], "host")
            self._exits[told["forked"]] = asyncio.get_running_loop().create_future()
        answer = self._asked.popleft()
        if not answer.done():  # else whoever asked was cancelled, and has hung up on the new host already
            answer.set_result(told)

    def _abandon(self) -> None:
        for answer in self._asked:
            if not answer.done():
                answer.set_result({"refused": "the fork server is gone"})
        self._asked.clear()
        for pid, exited in self._exits.items():
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
            self._notes.strike(pid)
            if not exited.done():
                exited.set_result(HostEnd(None))
        self._exits.clear()

    async def fork(self, *, start_seconds: float = START_SECONDS) -> HostProcess:
        """Return a new host that is ready for calls; raises `HostStartFailed`."""
        fork = await self.fork_process()
        try:
            reader, writer = await asyncio.open_unix_connection(sock=fork.connection, limit=LINE_LIMIT)
        except BaseException:
            fork.close()
            raise
        host = HostProcess(fork.pid, reader, writer, fork.exited, fork.output, limits=self._surroundings.limits)
        await _greeted(host, reader, start_seconds)
        return host

    async def fork_process(self) -> Fork:
        """Have it fork; raises `HostStartFailed`."""
        ours, theirs = socket.socketpair()
        output = open_output()
        try:
            with theirs:
                pid = await self._forked(theirs, output)
        except BaseException:
            ours.close()
            output.close()
            raise
        return Fork(pid, self._exits.get(pid) or _ended(), ours, output)

    async def _forked(self, connection: socket.socket, output: BinaryIO) -> int:
        if not self.is_alive:
            raise HostStartFailed("the fork server is gone", exit_code=None, signal=None)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        with contextlib.suppress(OSError):  # it is gone, and `_listen` is about to notice
            socket.send_fds(self._control, [b"fork"], [connection.fileno(), output.fileno()])
        told = await answer
        if "forked" not in told:
            raise HostStartFailed(str(told.get("refused")), exit_code=None, signal=None)
        return int(told["forked"])

    async def aclose(self) -> None:
        """End the fork server, all of its hosts and all that they started."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._listening:
            await self._listening
        self._notes.strike(self._process.pid)
        self._control.close()
        self._output.close()
        self._surroundings.close()


def open_output() -> BinaryIO:
    """Return a file without a name into which a process may print, and which goes when it goes."""
    output = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115 - it lives as long as the process
    fcntl.fcntl(output.fileno(), fcntl.F_SETFL, fcntl.fcntl(output.fileno(), fcntl.F_GETFL) | os.O_APPEND)
    return output


async def _greeted(host: HostProcess, reader: asyncio.StreamReader, start_seconds: float) -> None:
    line = b""
    try:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(start_seconds):
                line = await reader.readline()
    except BaseException:
        await host.kill()
        host.dispose()
        raise
    told: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        told = dict(json.loads(line))
    if "hello" not in told:
        await host.kill()
        tail = host.tail()
        host.dispose()
        raise HostStartFailed(
            str(told.get("refused", "the host did not come up")), exit_code=None, signal=None, tail=tail
        )


def _settings(spec: HostSpec, *, is_loaded_once: bool) -> dict[str, Any]:
    return {
        "program": str(spec.program),
        "options": json.loads(spec.options),
        "path": list(spec.path),
        "cwd": spec.cwd or (spec.path[0] if spec.path else ""),
        "limits": {**spec.limits.as_json(), "sandbox": spec.sandbox},
        "bootstrap": spec.bootstrap,
        "is_loaded_once": is_loaded_once,
    }


def _ended() -> asyncio.Future[HostEnd]:
    ended: asyncio.Future[HostEnd] = asyncio.get_running_loop().create_future()
    ended.set_result(HostEnd(None))
    return ended
