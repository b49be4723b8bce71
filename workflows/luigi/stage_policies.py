"""What a task asks for beside its requirements: priority, resources, time, messages, and how often it may fail.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import luigi
import luigi.configuration

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Mapping

RETRY_POLICY = ("retry_count", "disable_window", "disable_hard_timeout")


def policies_of(task: luigi.Task) -> dict[str, Any]:
    """Return what of it differs from the usual."""
    named: dict[str, Any] = {
        "priority": _number(task.priority) or 0,
        "resources": resources_of(task),
        "timeout": _timeout_of(task),
        "is_disabled": bool(task.disabled),
        "accepts_messages": bool(task.accepts_messages),
    }
    found = {name: value for name, value in named.items() if value}
    for name in RETRY_POLICY:
        value = _number(getattr(task, name, None))
        if value is not None:
            found[name] = value
    if "retry_count" in found:
        found["retry_delay"] = luigi.configuration.get_config().getfloat("scheduler", "retry_delay", 0.0)
    return found


def resources_of(task: luigi.Task) -> dict[str, int]:
    """Return which of the resources the task holds while it runs, and how much of each."""
    wanted: Mapping[str, Any] = task.process_resources() or {}
    return {str(name): int(amount) for name, amount in wanted.items() if amount}


def _timeout_of(task: luigi.Task) -> Any:
    """Return the seconds after which the task is stopped: its own, or what Luigi's configuration says of all tasks."""
    if task.worker_timeout is not None:
        return _number(task.worker_timeout)
    return luigi.configuration.get_config().getint("worker", "timeout", 0)


def _number(value: Any) -> Any:
    """Return a number that JSON has; None for anything else."""
    if isinstance(value, (int, float)):
        with contextlib.suppress(OverflowError):
            return value if abs(value) < float("inf") else None  # nan is none, too
    return None
