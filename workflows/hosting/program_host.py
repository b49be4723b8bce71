"""The child side of a program of somebody else's: starts it, and carries its standard input and output over a socket.

Runs in a host, so that limits, sandboxes and kills are those of hosts. Standard library only, Python 3.8.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import threading
from typing import Any

CHUNK = 65536
LEFT_IN_PIPE = 2**20  # bytes that may still lie in the pipe of a program that has ended


class NotStarted(Exception):
    """The program could not be started."""

    kind = "not-started"


def load(_options: dict[str, Any]) -> dict[str, Any]:
    """Return the one function of this program."""
    return {"run": run}


def run(params: dict[str, Any], _call: Any) -> dict[str, int]:
    """Run a command until it ends; return its exit code, or minus the signal that ended it.

    What it has written is carried over, whoever of its children still holds its output open.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection:
        connection.connect(params["socket"])
        process = _started(params)
        ended, tell = os.pipe()
        threading.Thread(target=_feed, args=(connection, process.stdin), daemon=True).start()
        threading.Thread(target=_wait, args=(process, tell), daemon=True).start()
        _carry(process.stdout.fileno(), ended, connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        return {"exit_code": process.wait()}


def _started(params: dict[str, Any]) -> Any:
    env = {name: os.environ[name] for name in params["env"] if name in os.environ}
    env.update(params["variables"])
    try:
        return subprocess.Popen(  # noqa: S603 - the operator's command
            params["command"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=params["cwd"]
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotStarted(f"{params['command'][0]} cannot be started: {reason}") from error


def _feed(connection: socket.socket, stdin: Any) -> None:
    """Carry what comes from the server into the program, until one of them is not there any more."""
    with contextlib.suppress(OSError, ValueError), stdin:
        while True:
            piece = connection.recv(CHUNK)
            if not piece:
                return
            stdin.write(piece)
            stdin.flush()


def _wait(process: Any, tell: int) -> None:
    process.wait()
    os.close(tell)


def _carry(output: int, ended: int, connection: socket.socket) -> None:
    """Carry what the program writes to the server, and what it has written when it has ended."""
    left = LEFT_IN_PIPE
    with contextlib.suppress(OSError):
        while left > 0:
            ready = select.select([output, ended], [], [])[0]
            if output not in ready:
                return
            piece = os.read(output, CHUNK)
            if not piece:
                return
            connection.sendall(piece)
            left -= len(piece) if ended in ready else 0
