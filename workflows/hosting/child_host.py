"""A host: answers calls, one after the other, in the surroundings that each of them names.

Part of the child side of hosts: standard library only, Python 3.8.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from .child_reaping import children_of

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Generator, Mapping

    from .child_limits import Limits

    Methods = Mapping[str, Callable[[dict[str, Any], "Call"], Any]]

OUTPUT_LIMIT = 16 * 1024 * 1024  # bytes of captured output, beyond which only its end is kept
OUTPUT_KEPT = 64 * 1024
RESULT_LIMIT = 32 * 1024 * 1024  # bytes of one line of the protocol
LOOK_MILLISECONDS = 500  # between two looks at how much was printed
HASTY_MILLISECONDS = 20  # the same, where it must not grow up to a limit of the size of files


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

    def __init__(self, connection: socket.socket, file_size: int | None = None) -> None:
        super().__init__(name="specloom-watchdog", daemon=True)
        self._output_limit = min(OUTPUT_LIMIT, (file_size or 2 * OUTPUT_LIMIT) // 2)
        self._pause = LOOK_MILLISECONDS if self._output_limit == OUTPUT_LIMIT else HASTY_MILLISECONDS
        self._watched = connection.fileno()
        self._stop_reader, self._stop_writer = os.pipe()

    def run(self) -> None:
        """Wait for the end; now and then, shorten what was printed."""
        poller = select.poll()
        poller.register(self._watched, 0)  # no event but the hang-up, which is always told
        poller.register(self._stop_reader, select.POLLIN)
        while True:
            ready = {number for number, _ in poller.poll(self._pause)}
            if self._watched in ready:
                end_own_group()
            if self._stop_reader in ready:
                return
            shorten_output(self._output_limit)

    def stop(self) -> None:
        """End the thread, so that the process may fork."""
        os.write(self._stop_writer, b"x")
        self.join()
        os.close(self._stop_reader)
        os.close(self._stop_writer)


def end_own_group() -> None:
    """Kill this process and all of its group."""
    os.kill(0, signal.SIGKILL)


def shorten_output(limit: int) -> None:
    """Keep only the end of captured output that grew beyond all measure."""
    with contextlib.suppress(OSError):
        size = os.fstat(1).st_size
        if size > limit:
            end = os.pread(1, OUTPUT_KEPT, size - OUTPUT_KEPT)
            os.ftruncate(1, 0)  # it is open for appending, so writers go on at the new end
            os.write(1, b"[output shortened]\n" + end)


def flush_streams() -> None:
    """Write out what Python still holds."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def capture_output(target: int) -> None:
    """Let standard output and error lead to an open file."""
    flush_streams()
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


class Host:
    """Answers one call after the other until the server hangs up."""

    def __init__(self, connection: socket.socket, output: int, methods: Methods, limits: Limits) -> None:
        self._connection = connection
        self._output = output
        self._methods = methods
        self._limits = limits
        self._wire = Wire(connection)
        self._home = os.getcwd()  # noqa: PTH109 - a text is what chdir wants back
        self._environment = dict(os.environ)
        self._helpers = set(children_of(os.getpid()))  # what the bootstrap or the imports have started

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
            self._wire.send({"id": number, "result": result, "is_last": self._has_left_processes()})
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a stage must not end the host
            told: dict[str, Any] = {**describe_error(error), "limit": self._limits.met_in(error)}
            told["message"] += self._limits.hint_at(error)
            is_last = self._has_left_processes()
            self._wire.send({"id": number, "error": told, "is_last": is_last}, is_lenient=True)

    def _has_left_processes(self) -> bool:
        """Tell whether a call has left children behind, which must not outlive it."""
        return not self._helpers.issuperset(children_of(os.getpid()))

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
            forget_temporary()
            self._limits.begin_call()
            yield
        finally:
            self._limits.end_call()
            flush_streams()
            shorten_output(OUTPUT_LIMIT)  # whoever prints fast is done before anybody looks
            capture_output(self._output)
            if log:
                os.close(output)
            self._restore_environment()
            forget_temporary()
            os.chdir(self._home)

    def _restore_environment(self) -> None:
        """Take back what a call has changed; to set every variable anew takes longer than most of a call."""
        now = dict(os.environ)
        for name in now.keys() - self._environment.keys():
            del os.environ[name]
        for name, value in self._environment.items():
            if now.get(name) != value:
                os.environ[name] = value


def forget_temporary() -> None:
    """Let `tempfile` look again where TMPDIR is."""
    known: Any = sys.modules.get("tempfile")
    if known is not None:
        known.tempdir = None


def describe_error(error: BaseException) -> dict[str, str]:
    """Return what the server is told of an exception."""
    kind = getattr(error, "kind", None)
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "kind": kind if isinstance(kind, str) else type(error).__name__,
        "message": str(error)[-4096:],
        "traceback": "".join(lines)[-8192:],
    }
