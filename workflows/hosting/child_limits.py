"""The limits of a host: set before the user's code runs, and recognised in what it raises when it meets one.

Part of the child side of hosts: standard library only, Python 3.8.
"""

from __future__ import annotations

import errno
import math
import resource
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from .child_reaping import children_of

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Iterator

# a child process that met a limit is told of by these
_SIGNALS = {-signal.SIGXCPU: "cpu_seconds", -signal.SIGXFSZ: "file_size"}


class Limits:
    """What a host may use; see `workflows/hosting/limits.py` for the names and units."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    @property
    def processes(self) -> int | None:
        """How many processes a host may have beside itself."""
        return self._told.get("processes")

    @property
    def file_size(self) -> int | None:
        """How many bytes a file may have."""
        return self._told.get("file_size")

    def hold(self) -> None:
        """Limit this process and all that it will start; processor time is limited call by call."""
        # RLIMIT_AS would count what is only reserved, too: gigabytes, for numerical libraries with many threads
        for kind, name in ((resource.RLIMIT_DATA, "memory"), (resource.RLIMIT_FSIZE, "file_size")):
            if self._told.get(name) is not None:
                _set_soft(kind, self._told[name])

    def begin_call(self) -> None:
        """Allow the processor time of one call, from now on."""
        if self._told.get("cpu_seconds") is not None:
            _set_soft(resource.RLIMIT_CPU, math.ceil(time.process_time() + self._told["cpu_seconds"]))

    def end_call(self) -> None:
        """Take the limit of processor time back: between calls nobody runs."""
        if self._told.get("cpu_seconds") is not None:
            _set_soft(resource.RLIMIT_CPU, resource.RLIM_INFINITY)

    def met_in(self, error: BaseException) -> str | None:
        """Return the name of the limit that an exception, or one behind it, speaks of."""
        for one in _chain(error):
            name = _limit_of(one)
            if name is not None and self._told.get(name) is not None:
                return name
        return None

    def hint_at(self, error: BaseException) -> str:
        """Return what explains an error of the sandbox's making; empty for others."""
        if self._told.get("sandbox") and any(getattr(one, "errno", None) == errno.EROFS for one in _chain(error)):
            return " (its group has a sandbox: it writes only in the run's directory and in TMPDIR)"
        return ""


def _set_soft(kind: int, value: int) -> None:
    # the hard limit stays: what an ordinary user has lowered he cannot raise again, and hosts serve many calls
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
        value = hard
    resource.setrlimit(kind, (value, hard))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _limit_of(error: BaseException) -> str | None:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return "memory"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "file_size"
    if isinstance(error, subprocess.CalledProcessError):
        return _SIGNALS.get(error.returncode)
    return None


def has_more_below(pid: int, most: int) -> bool:
    """Tell whether a process has more descendants than so many; never, where the system does not list them."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        fresh = set(children_of(waiting.pop())) - found
        found |= fresh
        waiting += fresh
        if len(found) > most:  # at once: who forks without end forks faster than anybody counts
            return True
    return False
