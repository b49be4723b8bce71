"""The child side of hosts: a fork server that loads a program once, and the hosts that it forks.

The files `child*.py` run under the interpreter that the catalog names, maybe an old one: standard library only,
Python 3.8. Nothing of them is imported by the server.

One process (the fork server) imports the program and the user's modules, which takes a second, and then forks a
host in milliseconds whenever it is asked to. It has no threads when it forks. Where several fork servers have imports
in common, they are forks themselves, of a seed that has imported that and nothing of the user's. Every host leads its
own session, so that one signal reaches all that a call started. Nobody outlives the server:

- a host has a thread that waits for the server to hang up and then kills the host's whole process group;
- the fork server, which runs no foreign code any more, does the same for all hosts, should code that never lets
  go of the interpreter keep that thread from running;
- when a host ends, for whatever reason, the fork server kills what is left of its group, and, on Linux, of its
  descendants outside the group.

PR_SET_PDEATHSIG would do less: it takes one process without its children, and fires when a mere thread ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
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

from .child_bootstrap import BootstrapFailed, import_early, run_bootstrap
from .child_forks import ForkServer
from .child_host import Host, Watchdog, Wire
from .child_limits import Limits

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Generator

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
    """Begin on the control socket that the command line names."""
    begin(socket.socket(fileno=int(sys.argv[2])))


def begin(control: socket.socket) -> None:
    """Read the settings from the control socket, and be what they say: a seed or a fork server."""
    control.set_inheritable(False)
    settings = json.loads(read_line(control))
    if "imports" in settings:
        serve_seed(control, settings["imports"])
    else:
        serve_program(control, settings)


def serve_seed(control: socket.socket, imports: list[str]) -> None:
    """Import what fork servers have in common, as far as it is there, and fork those."""
    with watched(control):
        for name in imports:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    modules = sorted({name.partition(".")[0] for name in sys.modules} - {"__main__"})  # which a path never replaces
    Wire(control).send({"ready": os.getpid(), "threads": count_threads(), "modules": modules})
    ForkServer(control, lambda connection, _output: begin(connection)).serve()


def serve_program(control: socket.socket, settings: dict[str, Any]) -> None:
    """Load a program and fork hosts that run it."""
    if settings["cwd"]:
        os.chdir(settings["cwd"])
    sys.path[:0] = settings["path"]
    sys.argv = [settings["program"]]
    load = load_before_forks(control, settings) if settings["is_loaded_once"] else load_in_each_host(settings)
    limits, bootstrap = Limits(settings["limits"]), settings["bootstrap"]
    Wire(control).send({"ready": os.getpid(), "threads": count_threads()})

    def become(connection: socket.socket, output: int) -> None:
        serve_host(connection, output, load, limits, bootstrap)

    ForkServer(control, become, limits.processes).serve()


def serve_host(
    connection: socket.socket, output: int, load: Callable[[], Methods], limits: Limits, bootstrap: str
) -> None:
    """Answer calls until the server hangs up."""
    faulthandler.enable(2, all_threads=False)  # a crash in C code leaves a trace in the log
    Watchdog(connection, limits.file_size).start()
    limits.hold()
    methods = load()
    try:
        run_bootstrap(bootstrap)
    except BootstrapFailed as failure:
        Wire(connection).send({"refused": str(failure)})
        return
    Host(connection, output, methods, limits).serve()


def load_before_forks(control: socket.socket, settings: dict[str, Any]) -> Callable[[], Methods]:
    """Load the program now, watched, and let all hosts share it."""
    with watched(control):
        methods = load_program(settings)
        import_early(settings["bootstrap"])
    return lambda: methods


def load_in_each_host(settings: dict[str, Any]) -> Callable[[], Methods]:
    """Leave loading to the hosts, for modules that start threads when they are imported."""
    return lambda: load_program(settings)


@contextlib.contextmanager
def watched(control: socket.socket) -> Generator[None, None, None]:
    """Import what forks will share, and end at once when the server is gone meanwhile."""
    watchdog = Watchdog(control)
    watchdog.start()
    yield
    watchdog.stop()
    gc.collect()
    gc.freeze()  # so that collections in forks do not touch, and thus copy, the pages they share


def read_line(connection: socket.socket) -> bytes:
    """Return one line, byte by byte, so that nothing behind it is taken."""
    line = bytearray()
    while not line.endswith(b"\n"):
        more = connection.recv(1)
        if not more:
            sys.exit(0)
        line += more
    return bytes(line)
