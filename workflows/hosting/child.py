"""The child side of a host: a fork server that loads a program once, and the hosts that it forks.

This file runs under the interpreter that the catalog names, maybe an old one: standard library only, Python 3.8.

One process (the fork server) imports the program and the user's modules, which takes a second, and then forks a
host in milliseconds whenever it is asked to. It has no threads when it forks. Every host leads its own session, so
that one signal reaches all that a call started. Nobody outlives the server:

- a host has a thread that waits for the server to hang up and then kills the host's whole process group;
- the fork server, which runs no foreign code any more, does the same for all hosts, should code that never lets
  go of the interpreter keep that thread from running;
- when a host ends, for whatever reason, the fork server kills what is left of its group.

PR_SET_PDEATHSIG would do less: it takes one process without its children, and fires when a mere thread ends.
"""

from __future__ import annotations

import array
import contextlib
import errno
import gc
import importlib
import json
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import traceback
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Generator, Mapping

    Methods = Mapping[str, Callable[[dict[str, Any], "Call"], Any]]

OUTPUT_LIMIT = 16 * 1024 * 1024  # bytes of captured output, beyond which only its end is kept
OUTPUT_KEPT = 64 * 1024
RESULT_LIMIT = 32 * 1024 * 1024  # bytes of one line of the protocol
REQUEST = b"fork"  # the only one; each comes with two open files
LOOK_MILLISECONDS = 500  # between two looks at how much was printed


class Call:
    """What a program's function is given beside its params: a way to tell how far it is."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire = wire
        self._number = number

    def send(self, message: Any) -> None:
        """Send a JSON value to the caller; any thread of the host may."""
        self._wire.send({"id": self._number, "message": message}, is_lenient=True)


class Wire:
    """JSON lines to the server; not the standard output, which belongs to the user's code."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def send(self, value: Any, *, is_lenient: bool = False) -> None:
        """Write one line; a lenient one makes text of what is no JSON, a strict one raises `UnfitResult`."""
        if os.getpid() != self._owner:
            return  # a process that the user's code forked has no lock in common with us
        line = encode_leniently(value) if is_lenient else encode(value)
        with self._lock:
            self._connection.sendall(line)


class UnfitResult(Exception):
    """What a function returned cannot be sent."""

    kind = "invalid-result"


def encode(value: Any) -> bytes:
    """Return one line of strict JSON; raises `UnfitResult`."""
    try:
        line = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfitResult("the result is no JSON: " + type(error).__name__) from error
    if len(line) > RESULT_LIMIT:
        raise UnfitResult(f"the result is over {RESULT_LIMIT // 2**20} MiB")
    return line


def encode_leniently(value: Any) -> bytes:
    """Return one line of JSON in which text stands for what JSON cannot say."""
    text = json.dumps(value, ensure_ascii=False, skipkeys=True, default=str)
    return text.encode("utf-8", "replace") + b"\n"


class Watchdog(threading.Thread):
    """Ends the process group as soon as the other side of a socket is gone."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(name="specloom-watchdog", daemon=True)
        self._watched = connection.fileno()
        self._stop_reader, self._stop_writer = os.pipe()

    def run(self) -> None:
        """Wait for the end; now and then, shorten what was printed."""
        poller = select.poll()
        poller.register(self._watched, 0)  # no event but the hang-up, which is always told
        poller.register(self._stop_reader, select.POLLIN)
        while True:
            ready = {number for number, _ in poller.poll(LOOK_MILLISECONDS)}
            if self._watched in ready:
                end_own_group()
            if self._stop_reader in ready:
                return
            shorten_output()

    def stop(self) -> None:
        """End the thread, so that the process may fork."""
        os.write(self._stop_writer, b"x")
        self.join()
        os.close(self._stop_reader)
        os.close(self._stop_writer)


def end_own_group() -> None:
    """Kill this process and all of its group."""
    os.kill(0, signal.SIGKILL)


def shorten_output() -> None:
    """Keep only the end of captured output that grew beyond all measure."""
    with contextlib.suppress(OSError):
        size = os.fstat(1).st_size
        if size > OUTPUT_LIMIT:
            end = os.pread(1, OUTPUT_KEPT, size - OUTPUT_KEPT)
            os.ftruncate(1, 0)  # it is open for appending, so writers go on at the new end
            os.write(1, b"[output shortened]\n" + end)


def capture_output(target: int) -> None:
    """Let standard output and error lead to an open file."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


class Host:
    """Answers one call after the other until the server hangs up."""

    def __init__(self, connection: socket.socket, output: int, methods: Methods) -> None:
        self._connection = connection
        self._output = output
        self._methods = methods
        self._wire = Wire(connection)
        self._home = os.getcwd()  # noqa: PTH109 - a text is what chdir wants back
        self._environment = dict(os.environ)

    def serve(self) -> None:
        """Greet, answer, and take the whole group along at the end."""
        self._wire.send({"hello": os.getpid()})
        for line in self._connection.makefile("rb"):
            request = json.loads(line.decode("utf-8"))
            self._wire_answer(request["id"], request)
        end_own_group()

    def _wire_answer(self, number: int, request: dict[str, Any]) -> None:
        try:
            with self._surroundings(request):
                result = self._methods[request["method"]](request["params"], Call(self._wire, number))
            self._wire.send({"id": number, "result": result})
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a stage must not end the host
            self._wire.send({"id": number, "error": describe_error(error)}, is_lenient=True)

    @contextlib.contextmanager
    def _surroundings(self, request: dict[str, Any]) -> Generator[None, None, None]:
        """Set directory, environment and output for one call, and put everything back."""
        log = request.get("log")
        output = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600) if log else self._output
        capture_output(output)
        try:
            if request.get("cwd"):
                os.chdir(request["cwd"])
            os.environ.update(request.get("env") or {})
            yield
        finally:
            capture_output(self._output)
            if log:
                os.close(output)
            os.environ.clear()
            os.environ.update(self._environment)
            os.chdir(self._home)


def describe_error(error: BaseException) -> dict[str, str]:
    """Return what the server is told of an exception."""
    kind = getattr(error, "kind", None)
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "kind": kind if isinstance(kind, str) else type(error).__name__,
        "message": str(error)[-4096:],
        "traceback": "".join(lines)[-8192:],
    }


class ForkServer:
    """Forks hosts on request, reports how each ended, and lets none survive it."""

    def __init__(self, control: socket.socket, load: Callable[[], Methods]) -> None:
        self._control = control
        self._load = load
        self._wire = Wire(control)
        self._hosts: set[int] = set()
        self._woken, self._waker = os.pipe()

    def serve(self) -> None:
        """Serve until the server hangs up; never returns."""
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGCHLD, do_nothing)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        while True:
            ready = {number for number, _ in poller.poll()}
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._report_ends()
            if self._control.fileno() in ready:
                self._take_request()

    def _take_request(self) -> None:
        request, numbers = receive_with_files(self._control)
        if not request:
            self._end()
        try:
            pid = self._fork(*numbers)
        except OSError as error:
            self._wire.send({"refused": str(error)}, is_lenient=True)
        else:
            self._hosts.add(pid)
            self._wire.send({"forked": pid})
        for number in numbers:
            os.close(number)

    def _fork(self, connection: int, output: int) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                self._become_host(socket.socket(fileno=connection), output)
            except BaseException:  # noqa: BLE001 - nothing may come back into the fork server's loop
                traceback.print_exc()
            finally:
                os._exit(1)  # not sys.exit: a fork must not run what its parent set up for its own end
        return pid

    def _become_host(self, connection: socket.socket, output: int) -> None:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._control.close()
        os.close(self._woken)
        os.close(self._waker)
        capture_output(output)
        Watchdog(connection).start()
        Host(connection, output, self._load()).serve()

    def _report_ends(self) -> None:
        for pid in sorted(self._hosts):
            status = reap_with_group(pid)
            if status is not None:
                self._hosts.discard(pid)
                self._wire.send({"exited": pid, "status": status})
        with contextlib.suppress(OSError):  # children that an import left behind
            while not self._hosts and os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _end(self) -> None:
        for pid in self._hosts:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        end_own_group()


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


def do_nothing(number: int, frame: object) -> None:
    """Handle SIGCHLD: what counts is the byte that it leaves in the wake-up pipe."""


def kill_group(pid: int) -> None:
    """Kill a process group that may be gone already."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def receive_with_files(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return one request and the two open files that came with it; empty at the end."""
    numbers = array.array("i")
    room = socket.CMSG_SPACE(2 * numbers.itemsize)
    try:
        request, ancillary, _, _ = connection.recvmsg(len(REQUEST), room)
    except OSError as error:
        if error.errno != errno.ECONNRESET:
            raise
        return b"", []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return request, list(numbers)


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
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    settings = json.loads(read_line(control))
    sys.path[:0] = settings["path"]
    sys.argv = [settings["program"]]
    load = load_before_forks(control, settings) if settings["is_loaded_once"] else load_in_each_host(settings)
    Wire(control).send({"ready": os.getpid(), "threads": count_threads()})
    ForkServer(control, load).serve()


def load_before_forks(control: socket.socket, settings: dict[str, Any]) -> Callable[[], Methods]:
    """Load the program now, watched, and let all hosts share it."""
    watchdog = Watchdog(control)
    watchdog.start()
    methods = load_program(settings)
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


if __name__ == "__main__":
    main()
