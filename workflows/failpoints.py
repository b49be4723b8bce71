"""Named borders at which a test can kill, stop or break the process: `hit(name)` does nothing unless one is armed.

What is promised about crashes can only be tested by crashing at the worst moments. They stand in the code by name, so
that a test reaches exactly the moment that it means, in the real process.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "claim.before": "a queued run is about to be claimed by an attempt",
        "claim.after": "the claim is queued, perhaps not yet durable",
        "attempt.recorded": "the attempt's start is queued, its graph is about to run",
        "expansion.recorded": "the tasks of a luigi step are queued to be recorded, none of them has started",
        "step.started": "a try of a step is durable, its effect is about to start",
        "step.returned": "a step's effect is over, nothing of its result is queued",
        "step.recorded": "a step's result is queued, perhaps not yet durable",
        "flush.before": "a transaction of the journal is written, its COMMIT is about to come",
        "flush.after": "the COMMIT is done, nobody was told",
        "checkpoint.queued": "a checkpoint is queued, perhaps not yet durable",
        "event.announced": "events are durable and were told to those who follow",
        "question.recorded": "a question to a person is recorded",
        "answer.recorded": "an answer is recorded, the run was not told",
        "answer.taken": "an attempt has taken an answer up",
        "agent.called": "a call of an agent is durable, its effect is about to start",
        "agent.returned": "a call of an agent is over, its record is queued",
        "child.started": "an agent's call has started a run, its result is not recorded",
        "run.final.before": "a run is over, its final status is about to be recorded",
        "run.final.after": "the final status is durable",
        "artifact.written": "an artifact's bytes lie beside their place",
        "artifact.renamed": "an artifact lies in its place, no record names it",
        "task.started": "a task of an expansion is about to be built",
        "task.finished": "a task of an expansion is built, its record is not durable",
    }
)
"""Each name with the moment that it stands for."""

_PATTERN = re.compile(
    r"(?P<name>[a-z.]+):(?P<first>[1-9][0-9]*)(?P<more>-(?P<last>[1-9][0-9]*)?)?(:(?P<action>[a-z-]+))?"
)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fill_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _break() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {"kill": _kill, "disk-full": _fill_disk, "error": _break, "stop": _stop}
)


@dataclass(slots=True)
class _Armed:
    """One armed point and how often it was reached."""

    name: str
    first: int
    last: float
    act: Callable[[], None]
    reached: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)  # the writer's thread comes by, too

    def reach(self) -> None:
        with self.lock:
            self.reached += 1
            is_meant = self.first <= self.reached <= self.last
        if is_meant:
            self.act()


_armed: list[_Armed] = []  # of the process, as a kill is; passing it to every border would cost more than it tells


def hit(name: str) -> None:
    """Pass a border: nothing happens unless it is armed. Raises `OSError` when that is the armed action."""
    if _armed:
        for one in _armed:
            if one.name == name:
                one.reach()


def arm(text: str) -> None:
    """Arm `name:n[:action]`, several separated by commas, instead of what was armed; an empty text disarms.

    `n` is the hit that counts (`3`), the hits from one to another (`3-5`), or all from one on (`3-`). The action is
    `kill` (SIGKILL, the default), `stop` (SIGSTOP), `disk-full` (ENOSPC) or `error` (EIO, as a failing fsync gives).
    Raises `ValueError` for anything else.
    """
    armed = [_read(part) for part in text.split(",") if part]
    _armed[:] = armed


def _read(text: str) -> _Armed:
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no fail-point: write name:n or name:n:action")
    name, action = match["name"], match["action"] or "kill"
    if name not in NAMES:
        raise ValueError(f"there is no fail-point {name}: choose among {', '.join(NAMES)}")
    if action not in ACTIONS:
        raise ValueError(f"there is no action {action}: choose among {', '.join(ACTIONS)}")
    first = int(match["first"])
    last = first if match["more"] is None else (int(match["last"]) if match["last"] else float("inf"))
    return _Armed(name, first, last, ACTIONS[action])
