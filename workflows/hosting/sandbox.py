"""Sandboxes: bubblewrap around the processes of a group, so that they write nowhere but where they work."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from workflows.hosting.errors import HostStartFailed

BWRAP = "bwrap"  # the one kind of sandbox that there is
_INSTALL = "install bubblewrap (apt-get install bubblewrap), or take `sandbox` out of the group"
_ALLOW = "allow this user to make namespaces (see `man bwrap`), or take `sandbox` out of the group"


class Sandbox:
    """The surroundings of one fork server and its hosts: all can be read, a few directories can be written."""

    def __init__(self, writable: Sequence[str], environ: Mapping[str, str]) -> None:
        """Find the program; raises `HostStartFailed` where it is not installed."""
        program = shutil.which(BWRAP, path=environ.get("PATH"))
        if program is None:
            message = f'the group asks for sandbox = "{BWRAP}", and there is no {BWRAP} on the PATH: {_INSTALL}'
            raise HostStartFailed(message, exit_code=None, signal=None)
        self._program = program
        self._temporary = tempfile.TemporaryDirectory(prefix="specloom-", ignore_cleanup_errors=True)
        self._writable = [*writable, self.folder]

    @property
    def folder(self) -> str:
        """A directory that may be written while there is no run's."""
        return self._temporary.name

    def around(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs a command inside.

        It sees the same processes: hosts are known by their ids, and end by signals.
        """
        binds = [part for one in self._writable for part in ("--bind-try", one, one)]
        return [self._program, "--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", *binds, "--", *command]

    def close(self) -> None:
        """Remove what was written into the temporary directory."""
        self._temporary.cleanup()


def explained(tail: str) -> str | None:
    """Return what it means when a sandbox printed this and ended; None when it is not the sandbox that speaks."""
    last = tail.strip().rpartition("\n")[2]
    if not last.startswith(f"{BWRAP}:"):
        return None
    return f"no sandbox can be made here: {last}: {_ALLOW}"


def within(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the directories that a sandbox is to leave writable, as a host's kind names them."""
    return tuple(dict.fromkeys(str(path.absolute()) for path in paths))
