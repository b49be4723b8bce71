"""The end of a host: of its process group, and of what left the group.

Part of the child side of hosts: standard library only, Python 3.8.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 1.0  # for processes that were killed and are slow to go


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, where the system can do that (Linux).

    A process that starts a session of its own is no longer in the group of its host; but it stays its descendant.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_group(pid: int) -> None:
    """Kill a process group that may be gone already."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def reap_with_group(pid: int) -> int | None:
    """Return how a child ended (an exit code, or minus a signal), None while it lives; kill what it left running."""
    if hasattr(os, "waitid"):  # look without reaping: while the id is taken, the group cannot be another's
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        kill_group(pid)
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    if not hasattr(os, "waitid"):
        kill_group(pid)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Orphans:
    """Ends the children that hosts left to the fork server when they ended themselves."""

    def __init__(self) -> None:
        self._known = children()  # what the imports started is nobody's orphan

    def end(self, hosts: set[int]) -> None:
        """Kill every child that is no host, and the children that those leave in turn."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            orphans = children() - self._known - hosts
            if not orphans:
                return
            for pid in orphans:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.001)

    def reap(self, hosts: set[int]) -> None:
        """Take note of the end of children that are no hosts."""
        for pid in children() - hosts:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


def children() -> set[int]:
    """Return the children of this process, which has one thread; none where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123
            return {int(pid) for pid in file.read().split()}
    except OSError:
        return set()


def children_of(pid: int) -> list[int]:
    """Return the children of a process, those of all its threads; none where the system does not tell."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names are what is wanted
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                found += [int(one) for one in file.read().split()]
    return found
