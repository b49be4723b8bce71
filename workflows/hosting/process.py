"""A warm child process, leader of its own process group, that is called in JSON lines.

The child side is `child.py`; what it serves is a *program*: a dependency-free Python file with

    def load(options: dict) -> dict[str, Callable[[dict, Call], Json]]

`load` imports the user's modules (once, before hosts are forked); each function gets the call's params and a `Call`
with `call.send(message)`, which arrives at `on_message` while the call runs. What it returns must be JSON. An exception
arrives as `HostError(kind, message)`: its attribute `kind` if it has one, else the name of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
OnMessage = Callable[[Json], None]


@dataclass(frozen=True, slots=True)
class HostSpec:
    """What makes two hosts interchangeable."""

    program: Path  # the file with `load`
    options: str = "{}"  # JSON text, given to `load`
    python: str = ""  # interpreter; empty: the server's own
    path: tuple[str, ...] = ()  # added to sys.path
    env: tuple[str, ...] = ()  # names of variables that the host may see beside the allow-list
    cwd: str = ""  # where modules are imported, for configuration files that lie there; empty: the first of `path`


class HostProcess:
    """One live host. It runs one call at a time; after a kill it is dead for good. Get one from `HostPool.lease`."""

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group, too."""
        raise NotImplementedError

    @property
    def is_alive(self) -> bool:
        """Tell whether it can take another call."""
        raise NotImplementedError

    async def call(
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
        group gets SIGTERM and, after a short grace, SIGKILL. Raises `HostTimeout`, `HostCrashed`, `HostError`.
        """
        raise NotImplementedError

    def tail(self) -> str:
        """Return the end of what the newest call printed, at most 64 KiB."""
        raise NotImplementedError

    async def kill(self) -> None:
        """End the whole process group; returns when it is gone."""
        raise NotImplementedError
