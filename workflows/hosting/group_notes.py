"""Notes of the process groups that hosts lead, in a folder, so that whoever takes over can end them.

Hosts end by themselves when their server dies: it hangs up. A frozen server does not hang up, and its hosts work on,
while another server begins the same stages anew. So each group is noted before its host gets a call, with the moment
at which its leader was started, because the system gives the ids of processes again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 1.0  # for fork servers to end what their hosts left behind, before they end themselves
FORK_SERVER = "fork-server"


class GroupNotes:
    """The groups of one server; without a folder, nothing is noted."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, pid: int, role: str) -> None:
        """Note that a process leads a group."""
        if self._folder is not None:
            note = {"started": started_at(pid), "role": role}
            self._folder.mkdir(parents=True, exist_ok=True)  # whoever took over has removed it with all its notes
            (self._folder / str(pid)).write_text(json.dumps(note), encoding="ascii")

    def strike(self, pid: int) -> None:
        """Take the note of a process back that has ended."""
        if self._folder is not None:
            (self._folder / str(pid)).unlink(missing_ok=True)


def end_noted(folder: Path) -> int:
    """Kill the groups that are noted below a folder and still live, and remove the notes; return how many lived."""
    hosts: list[int] = []
    servers: list[int] = []
    for note in folder.rglob("[0-9]*"):
        if note.is_file() and (role := _living(note)) is not None:
            (servers if role == FORK_SERVER else hosts).append(int(note.name))
    _kill(hosts)
    _wait_for(hosts)  # their fork server is the one that knows what they started outside their groups
    _kill(servers)
    shutil.rmtree(folder, ignore_errors=True)
    return len(hosts) + len(servers)


def started_at(pid: int) -> int | None:
    """Return when a process was started, in ticks since the system was; None when there is none, or nobody tells."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return None if fields[0] == "Z" else int(fields[19])


def _living(note: Path) -> str | None:
    """Return the role of a noted process when it still is the same one."""
    try:
        told = json.loads(note.read_text(encoding="ascii"))
        started, role = told["started"], str(told["role"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return role if started is not None and started == started_at(int(note.name)) else None


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _wait_for(pids: list[int]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while any(started_at(pid) is not None for pid in pids) and time.monotonic() < give_up:
        time.sleep(0.005)
