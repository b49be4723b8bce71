"""The fork server: forks hosts on request, reports how each of them ended, and lets nothing of them survive.

Part of the child side of hosts: standard library only, Python 3.8.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import select
import signal
import socket
import traceback
from typing import TYPE_CHECKING

from .child_host import Wire, capture_output, end_own_group
from .child_limits import has_more_below
from .child_reaping import Orphans, adopt_orphans, kill_group, reap_with_group

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

REQUEST = b"fork"  # the only one; each comes with two open files
COUNT_MILLISECONDS = 50  # between two counts of the processes of hosts, where their number is limited


class ForkServer:
    """Forks hosts on request, reports how each ended, and lets none survive it.

    A seed does the same: its hosts are fork servers. `become` is called in each fork, with its connection and output.
    """

    def __init__(
        self, control: socket.socket, become: Callable[[socket.socket, int], None], most_processes: int | None = None
    ) -> None:
        self._control = control
        self._become = become
        self._most_processes = most_processes  # of a host
        self._crowded: set[int] = set()  # hosts that had too many processes
        self._wire = Wire(control)
        self._hosts: set[int] = set()
        self._orphans = Orphans()
        self._woken, self._waker = os.pipe()

    def serve(self) -> None:
        """Serve until the server hangs up; never returns."""
        adopt_orphans()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGCHLD, do_nothing)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._woken, select.POLLIN)
        pause = None if self._most_processes is None else COUNT_MILLISECONDS
        while True:
            ready = {number for number, _ in poller.poll(pause)}
            self._end_crowded()
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._report_ends()
            if self._control.fileno() in ready:
                self._take_request()

    def _end_crowded(self) -> None:
        """Kill hosts with more processes than they may have: the system's own limit counts all that a user has."""
        most = self._most_processes
        if most is None:
            return
        for pid in self._hosts - self._crowded:
            if has_more_below(pid, most):
                self._crowded.add(pid)
                kill_group(pid)  # what is outside the group is an orphan then, and ends as those do

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
                self._begin(socket.socket(fileno=connection), output)
            except BaseException:  # noqa: BLE001 - nothing may come back into the fork server's loop
                traceback.print_exc()
            finally:
                os._exit(1)  # not sys.exit: a fork must not run what its parent set up for its own end
        return pid

    def _begin(self, connection: socket.socket, output: int) -> None:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        adopt_orphans()
        self._control.close()
        os.close(self._woken)
        os.close(self._waker)
        capture_output(output)
        self._become(connection, output)

    def _report_ends(self) -> None:
        ended = {pid: status for pid in sorted(self._hosts) if (status := reap_with_group(pid)) is not None}
        self._hosts -= ended.keys()
        if ended:
            self._orphans.end(self._hosts)
        for pid, status in ended.items():
            limit = "processes" if pid in self._crowded else None
            self._crowded.discard(pid)
            self._wire.send({"exited": pid, "status": status, "limit": limit})
        self._orphans.reap(self._hosts)

    def _end(self) -> None:
        for pid in self._hosts:
            kill_group(pid)
        self._orphans.end(set())  # the hosts, too, so that what they leave comes to us
        end_own_group()


def do_nothing(number: int, frame: object) -> None:
    """Handle SIGCHLD: what counts is the byte that it leaves in the wake-up pipe."""


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
