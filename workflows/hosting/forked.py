"""Processes that another process has forked for us: we are not their parent, and learn of their end from it."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any, BinaryIO, NamedTuple, Protocol

from workflows.hosting.process import HostEnd


class Process(Protocol):
    """A process that was started, whoever its parent is."""

    @property
    def pid(self) -> int:
        """Its id, which is its group's, too."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives."""
        ...

    async def wait(self) -> Any:
        """Return when it has ended."""
        ...


class ForkedProcess:
    """A process that another one has forked, and whose end that one tells."""

    def __init__(self, pid: int, exited: asyncio.Future[HostEnd]) -> None:
        self.pid = pid
        self._exited = exited

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it lives."""
        if not self._exited.done():
            return None
        status = self._exited.result().status
        return status if status is not None else -signal.SIGKILL

    async def wait(self) -> None:
        """Return when it has ended."""
        await asyncio.wait({self._exited})


class Fork(NamedTuple):
    """A fork that has just begun, with the other ends of what it was given."""

    pid: int
    exited: asyncio.Future[HostEnd]
    connection: socket.socket
    output: BinaryIO

    def close(self) -> None:
        """Hang up: it ends by itself."""
        self.connection.close()
        self.output.close()
