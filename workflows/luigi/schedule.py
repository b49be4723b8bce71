"""Which task of an expansion may start next, and what became of the others: a task follows all that it needs.

Everything here is linear in the tasks and their needs: an expansion may have thousands.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from enum import Enum

from workflows.luigi.expansion import ExpandedTask, Expansion


class Standing(Enum):
    """How a task stands."""

    PENDING = "pending"
    COMPLETE = "complete"  # before anything started
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BROKEN = "broken"  # it could not be scheduled
    MISSING = "missing"  # nobody builds it, and it is not there
    DISABLED = "disabled"
    SUSPENDED = "suspended"  # while it ran, it asked for something that is missing


class Schedule:
    """The tasks of one step, as dataflow: the most urgent of those that may start goes first."""

    def __init__(
        self,
        expansion: Expansion,
        recorded: Callable[[str], bool],
        again: Callable[[str], str] = lambda _: "",
        is_held: Callable[[ExpandedTask], bool] = lambda _: False,
    ) -> None:
        """Take what is to be done.

        `recorded` tells which tasks an earlier try or attempt has done, `again` which are to be done though they were,
        `is_held` which of those that are done are not left behind yet.
        """
        self.tasks = expansion.tasks
        self.standing = {task.key: _standing(task, recorded, again, is_held) for task in expansion.tasks}
        self._by_key = expansion.by_key
        self._urgency = _urgency(expansion)
        self._missing = {
            task.key: sum(not self._is_done(key) for key in task.needs)
            for task in expansion.tasks
            if self.standing[task.key] is Standing.PENDING
        }
        self._followers: dict[str, list[str]] = {}
        self._ready: list[tuple[float, int, str]] = []
        self._places = {task.key: place for place, task in enumerate(expansion.tasks)}
        for task in expansion.tasks:
            for key in task.needs:
                self._followers.setdefault(key, []).append(task.key)
        for key, count in self._missing.items():
            if not count:
                self._push(key)

    @property
    def has_ready(self) -> bool:
        """Tell whether a task may start."""
        return bool(self._ready)

    @property
    def ready(self) -> int:
        """Return how many tasks may start."""
        return len(self._ready)

    def take(self) -> ExpandedTask | None:
        """Return the most urgent task that may start; it is the caller's from now on."""
        return self._by_key[heapq.heappop(self._ready)[2]] if self._ready else None

    def give_back(self, task: ExpandedTask) -> None:
        """Let a task that was taken start again."""
        self._push(task.key)

    def urgency(self, task: ExpandedTask) -> float:
        """Return the priority of a task: its own, or that of what needs it if that is higher."""
        return self._urgency[task.key]

    def settle(self, task: ExpandedTask, standing: Standing) -> None:
        """Take note of what became of a task, and let follow what needed it."""
        self.standing[task.key] = standing
        if not self._is_done(task.key):
            return
        for key in self._followers.get(task.key, ()):
            if key in self._missing:
                self._missing[key] -= 1
                if not self._missing[key] and self.standing[key] is Standing.PENDING:
                    self._push(key)

    def those(self, *standings: Standing) -> list[ExpandedTask]:
        """Return the tasks that stand so, in the order of the expansion."""
        return [task for task in self.tasks if self.standing[task.key] in standings]

    def _is_done(self, key: str) -> bool:
        return self.standing[key] in {Standing.COMPLETE, Standing.SUCCEEDED}

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (-self._urgency[key], self._places[key], key))


def _standing(
    task: ExpandedTask,
    recorded: Callable[[str], bool],
    again: Callable[[str], str],
    is_held: Callable[[ExpandedTask], bool],
) -> Standing:
    if recorded(task.key):
        return Standing.PENDING if is_held(task) else Standing.COMPLETE
    if task.problem:
        return Standing.BROKEN
    if task.is_disabled:
        return Standing.DISABLED
    if task.is_complete and not again(task.key):
        return Standing.COMPLETE
    return Standing.MISSING if task.is_external else Standing.PENDING


def _urgency(expansion: Expansion) -> dict[str, float]:
    """Hand the priority of each task down to all that it needs, as Luigi's scheduler does."""
    found = {task.key: task.priority for task in expansion.tasks}
    for task in reversed(expansion.tasks):  # what is needed stands before what needs it
        for key in task.needs:
            found[key] = max(found[key], found[task.key])
    return found


def blocked_by(schedule: Schedule, causes: Iterable[Standing]) -> set[str]:
    """Return the keys of the pending tasks that need, however far below, one that stands as one of the causes."""
    wanted = set(causes)
    found: set[str] = set()
    for task in schedule.tasks:
        if schedule.standing[task.key] is Standing.PENDING and any(
            key in found or schedule.standing[key] in wanted for key in task.needs
        ):
            found.add(task.key)
    return found
