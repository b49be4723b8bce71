"""A warm child process, leader of its own process group, that is called in JSON lines.

The child side is `child.py`; what it serves is a *program*: a dependency-free Python file with

    def load(options: dict) -> dict[str, Callable[[dict, Call], Json]]

The program may import the files beside it with `from .neighbour import …`, and no other file of ours.
`load` imports the user's modules (once, before hosts are forked); each function gets the call's params and a `Call`
with `call.send(message)`, which arrives at `on_message` while the call runs. What it returns must be JSON. An exception
arrives as `HostError(kind, message)`: its attribute `kind` if it has one, else the name of its class.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from workflows.hosting.errors import HostCrashed, HostError, HostLimitExceeded, HostTimeout
from workflows.hosting.limits import NO_LIMITS, HostLimits

Json = Any
OnMessage = Callable[[Json], None]

TAIL_BYTES = 64 * 1024
LINE_LIMIT = 64 * 1024 * 1024  # bytes; a host refuses to send more than half of it
GRACE_SECONDS = 0.5  # between SIGTERM and SIGKILL
REPORT_SECONDS = 2.0  # how long a killed host's end may take to be reported


class HostEnd(NamedTuple):
    """How a host ended."""

    status: int | None  # the exit code, or minus a signal; None when nobody saw the end
    limit: str | None = None  # for which it was killed


@dataclass(frozen=True, slots=True)
class HostSpec:
    """What makes two hosts interchangeable."""

    program: Path  # the file with `load`
    options: str = "{}"  # JSON text, given to `load`
    shared_imports: tuple[str, ...] = ()  # modules that other kinds of hosts need, too, and that are nobody's own
    python: str = ""  # interpreter; empty: the server's own
    path: tuple[str, ...] = ()  # added to sys.path
    env: tuple[str, ...] = ()  # names of variables that the host may see beside the allow-list
    limits: HostLimits = NO_LIMITS
    bootstrap: str = ""  # "module:callable", called in every host before anything else
    sandbox: str = ""  # "bwrap", or none
    writable: tuple[str, ...] = ()  # where it may write, when it has a sandbox; then it serves that place alone
    cwd: str = ""  # where modules are imported, for configuration files that lie there; empty: the first of `path`


class HostProcess:
    """One live host. It runs one call at a time; after a kill it is dead for good. Get one from `HostPool.lease`."""

    def __init__(  # noqa: PLR0913 - what a fork server knows of a fork
        self,
        pid: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        exited: asyncio.Future[HostEnd],
        output: BinaryIO,
        *,
        limits: HostLimits = NO_LIMITS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._pid = pid
        self._reader = reader
        self._writer = writer
        self._exited = exited
        self._output = output  # where it prints when a call names no log
        self._limits = limits
        self._grace_seconds = grace_seconds
        self._printed: tuple[Path | None, int] = (None, 0)  # log of the newest call, and where that call begins
        self._number = 0
        self._is_busy = False
        self._is_broken = False
        self._is_spent = False  # a call has left processes behind: they go, and the host with them

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group, too."""
        return self._pid

    @property
    def is_alive(self) -> bool:
        """Tell whether it can take another call."""
        return not (self._is_broken or self._exited.done() or self._reader.at_eof())

    async def call(  # noqa: PLR0913 - each of them is set per call
        self,
        method: str,
        params: Mapping[str, Json],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it ends a process, not only an await
        on_message: OnMessage | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> Json:
        """Run a function of the program and return its result.

        `env` is set for this call only; `cwd` is where it works; all that it prints goes to `log` (appended), or
        else only its tail is kept. After `timeout` seconds, or when the awaiting task is cancelled, the whole process
        group gets SIGTERM and, after a short grace, SIGKILL. Raises `HostTimeout`, `HostCrashed`, `HostError`, and
        `HostLimitExceeded`, after which the host is gone, too.
        """
        if self._is_busy:
            raise RuntimeError("a host runs one call at a time")
        self._is_busy = True
        try:
            return await self._limited(self._request(method, params, cwd, env, log), timeout, on_message)
        finally:
            self._is_busy = False
            if self._is_spent:
                await self._end_at_once()

    async def _limited(self, request: bytes, seconds: float | None, on_message: OnMessage | None) -> Json:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._exchange(request, on_message)
        except HostError:
            raise
        except BaseException as error:
            await self.kill()
            if isinstance(error, TimeoutError) and limit.expired():
                raise HostTimeout(f"not done after {seconds:g} seconds", tail=self.tail()) from None
            raise

    def _request(
        self, method: str, params: Mapping[str, Json], cwd: Path | None, env: Mapping[str, str] | None, log: Path | None
    ) -> bytes:
        self._number += 1
        self._mark_output(log)
        request = {
            "id": self._number,
            "method": method,
            "params": params,
            "cwd": str(cwd) if cwd else None,
            "env": dict(env or {}),
            "log": str(log) if log else None,
        }
        return json.dumps(request, allow_nan=False, separators=(",", ":")).encode() + b"\n"

    def _mark_output(self, log: Path | None) -> None:
        if log is None:
            os.ftruncate(self._output.fileno(), 0)
            self._printed = (None, 0)
        else:
            self._printed = (log, log.stat().st_size if log.exists() else 0)

    async def _exchange(self, request: bytes, on_message: OnMessage | None) -> Json:
        try:
            self._writer.write(request)
            await self._writer.drain()
            while True:
                answer = self._read_answer(await self._reader.readline())
                if "message" not in answer:
                    return answer["result"]
                if on_message:
                    on_message(answer["message"])
        except (ConnectionError, EOFError):
            raise await self._crashed() from None

    def _read_answer(self, line: bytes) -> dict[str, Json]:
        if not line.endswith(b"\n"):
            raise EOFError
        try:
            answer: dict[str, Json] = json.loads(line, parse_constant=lambda _: None)
            is_ours = answer["id"] == self._number and not answer.keys().isdisjoint({"message", "result", "error"})
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            is_ours, answer = False, {}
        if not is_ours:  # the user's code wrote into our socket: nothing that comes after can be trusted
            raise EOFError
        self._is_spent = bool(answer.get("is_last"))
        if "error" in answer:
            told = answer["error"]
            if limit := told["limit"]:
                raise self._exceeded(limit, told["traceback"])
            raise HostError(told["kind"], told["message"], traceback_tail=told["traceback"], tail=self.tail())
        return answer

    def _exceeded(self, limit: str, traceback: str = "") -> HostLimitExceeded:
        return HostLimitExceeded(self._limits.exceeded(limit), limit=limit, tail=self.tail() or traceback)

    async def _crashed(self) -> HostCrashed | HostLimitExceeded:
        await asyncio.wait({self._exited}, timeout=self._grace_seconds)
        await self.kill()
        status, limit = self._exited.result() if self._exited.done() else HostEnd(None)
        if status == -signal.SIGXCPU and self._limits.cpu_seconds is not None:
            limit = "cpu_seconds"
        if limit:
            return self._exceeded(limit)
        signal_number = -status if status is not None and status < 0 else None
        exit_code = status if status is not None and status >= 0 else None
        return HostCrashed(
            _describe_end(exit_code, signal_number), exit_code=exit_code, signal=signal_number, tail=self.tail()
        )

    def tail(self) -> str:
        """Return the end of what the newest call printed, at most 64 KiB."""
        log, start = self._printed
        try:
            if log is None:
                return read_end(self._output)
            with log.open("rb") as file:
                return read_end(file, start)
        except (OSError, ValueError):
            return ""

    async def kill(self) -> None:
        """End the whole process group; returns when it is gone."""
        self._is_broken = True
        if not self._exited.done():
            self._signal(signal.SIGTERM)
            # a timer of the loop's, so that it fires even when whoever waits here is cancelled once more
            last_word = asyncio.get_running_loop().call_later(self._grace_seconds, self._signal, signal.SIGKILL)
            await asyncio.wait({self._exited}, timeout=self._grace_seconds + REPORT_SECONDS)
            if self._exited.done():
                last_word.cancel()
        self._writer.transport.abort()

    async def _end_at_once(self) -> None:
        self._is_broken = True
        self._signal(signal.SIGKILL)
        await asyncio.wait({self._exited}, timeout=REPORT_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        if not self._exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, number)

    def dispose(self) -> None:
        """Hang up at once: the host, if it lives, kills its own group."""
        self._is_broken = True
        self._writer.transport.abort()
        self._output.close()


def read_end(file: BinaryIO, start: int = 0) -> str:
    """Return the last 64 KiB of an open file as text, but nothing before `start`."""
    size = os.fstat(file.fileno()).st_size
    begin = max(start if start <= size else 0, size - TAIL_BYTES)
    return os.pread(file.fileno(), TAIL_BYTES, begin).decode("utf-8", "replace")


def _describe_end(exit_code: int | None, signal_number: int | None) -> str:
    if signal_number is not None:
        return f"the process was killed by {_signal_name(signal_number)}"
    return "the process is gone" if exit_code is None else f"the process ended with exit code {exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
