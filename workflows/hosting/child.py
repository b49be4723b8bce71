"""The child side of a host: a fork server that loads a program once, and the hosts that it forks.

The files `child*.py` run under the interpreter that the catalog names, maybe an old one: standard library only,
Python 3.8. Nothing of them is imported by the server.

One process (the fork server) imports the program and the user's modules, which takes a second, and then forks a
host in milliseconds whenever it is asked to. It has no threads when it forks. Every host leads its own session, so
that one signal reaches all that a call started. Nobody outlives the server:

- a host has a thread that waits for the server to hang up and then kills the host's whole process group;
- the fork server, which runs no foreign code any more, does the same for all hosts, should code that never lets
  go of the interpreter keep that thread from running;
- when a host ends, for whatever reason, the fork server kills what is left of its group, and, on Linux, of its
  descendants outside the group.

PR_SET_PDEATHSIG would do less: it takes one process without its children, and fires when a mere thread ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pathlib
import socket
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

from .child_bootstrap import import_early
from .child_forks import ForkServer
from .child_host import Watchdog, Wire
from .child_limits import Limits

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

    from .child_host import Methods


def load_program(settings: dict[str, Any]) -> Methods:
    """Import the program and let it load the user's modules.

    It is imported as part of a package of our own making, so that `from .neighbour import …` finds the files beside
    it, while nothing else of ours gets in the way of the user's modules.
    """
    program_file = pathlib.Path(settings["program"])
    package = types.ModuleType("_specloom_program")
    package.__path__ = [str(program_file.parent)]
    sys.modules[package.__name__] = package
    program = importlib.import_module("." + program_file.stem, package.__name__)
    return program.load(settings["options"])


def count_threads() -> int:
    """Return the number of threads of this process, those of libraries included."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only their number counts
    except OSError:
        return threading.active_count()


def main() -> None:
    """Read the settings from the control socket, load, and serve."""
    control = socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    settings = json.loads(read_line(control))
    sys.path[:0] = settings["path"]
    sys.argv = [settings["program"]]
    load = load_before_forks(control, settings) if settings["is_loaded_once"] else load_in_each_host(settings)
    Wire(control).send({"ready": os.getpid(), "threads": count_threads()})
    ForkServer(control, load, Limits(settings["limits"]), settings["bootstrap"]).serve()


def load_before_forks(control: socket.socket, settings: dict[str, Any]) -> Callable[[], Methods]:
    """Load the program now, watched, and let all hosts share it."""
    watchdog = Watchdog(control)
    watchdog.start()
    methods = load_program(settings)
    import_early(settings["bootstrap"])
    watchdog.stop()
    gc.collect()
    gc.freeze()  # so that collections in hosts do not touch, and thus copy, the pages they share
    return lambda: methods


def load_in_each_host(settings: dict[str, Any]) -> Callable[[], Methods]:
    """Leave loading to the hosts, for modules that start threads when they are imported."""
    return lambda: load_program(settings)


def read_line(connection: socket.socket) -> bytes:
    """Return one line, byte by byte, so that nothing behind it is taken."""
    line = bytearray()
    while not line.endswith(b"\n"):
        more = connection.recv(1)
        if not more:
            sys.exit(0)
        line += more
    return bytes(line)
