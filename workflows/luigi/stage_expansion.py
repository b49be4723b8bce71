"""From a task to all that it needs: the walk through `deps()`, in topological order.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import luigi
from luigi import Event

from .stage_policies import policies_of
from .stage_tasks import (
    StageFailure,
    completeness,
    has_no_output,
    is_complete,
    is_external,
    is_self_contained,
    is_trivial_wrapper,
    key_of,
    name_of,
    texts_of,
)

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable, Iterator

TASK_LIMIT = 10_000  # a requirement that requires itself with other parameters never ends


class Walk:
    """Visits a task and all that it needs, each once, what is needed first; does not go below what is complete."""

    def __init__(self, stage_of: Callable[[type[luigi.Task]], str | None]) -> None:
        self._stage_of = stage_of
        self._found: dict[str, dict[str, Any]] = {}  # in the order in which they were left
        self._open: dict[str, luigi.Task] = {}  # the path from the root to where we are
        self._needed: dict[str, list[str]] = {}
        self._done: dict[str, bool | None] = {}  # None: as soon as what it needs is known
        self._problems: dict[str, str] = {}  # why a task cannot be scheduled; others can

    def expand(self, root: luigi.Task, *, is_deep: bool) -> dict[str, Any]:
        """Return `{root, tasks}`; a shallow expansion is the root alone."""
        key = key_of(root)
        stack: list[tuple[str, Iterator[luigi.Task]]] = [(key, self._enter(key, root, is_deep=is_deep))]
        while stack:
            current, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                self._leave(current)
                stack.pop()
                continue
            child_key = key_of(child)
            if child_key not in self._needed[current]:
                self._needed[current].append(child_key)
            if child_key in self._open:
                raise StageFailure("these tasks need each other: " + self._circle(child_key))
            if child_key not in self._found:
                stack.append((child_key, self._enter(child_key, child, is_deep=is_deep)))
        return {"root": key, "tasks": self._reachable(key)}

    def _enter(self, key: str, task: luigi.Task, *, is_deep: bool) -> Iterator[luigi.Task]:
        if len(self._found) + len(self._open) >= TASK_LIMIT:
            raise StageFailure(f"there are over {TASK_LIMIT} tasks: does a task require itself with other parameters?")
        self._open[key] = task
        self._needed[key] = []
        if not is_deep:
            self._done[key] = self._look(task, is_deep=is_deep)
            return iter(())
        return iter(self._required(key, task))

    def _required(self, key: str, task: luigi.Task) -> list[luigi.Task]:
        """Return what a task requires, firing the events of Luigi's worker; what raises concerns this task alone."""
        try:
            self._done[key] = self._look(task, is_deep=True)
        except Exception as error:  # noqa: BLE001 - the user's own code
            self._give_up(key, "complete()", error)
            task.trigger_event(Event.DEPENDENCY_MISSING, task)
            return []
        if self._done[key]:
            task.trigger_event(Event.DEPENDENCY_PRESENT, task)
            return []
        if is_external(task):
            task.trigger_event(Event.DEPENDENCY_MISSING, task)
            return []
        try:
            needed = checked_deps(task)
        except StageFailure:
            raise
        except Exception as error:  # noqa: BLE001
            self._give_up(key, "requires()", error)
            task.trigger_event(Event.BROKEN_TASK, task, error)
            return []
        for one in needed:
            task.trigger_event(Event.DEPENDENCY_DISCOVERED, task, one)
        return needed

    def _give_up(self, key: str, what: str, error: Exception) -> None:
        traceback.print_exc()
        self._done[key] = False
        self._problems[key] = f"{what} raised {type(error).__name__}: {error}"

    def _look(self, task: luigi.Task, *, is_deep: bool) -> bool | None:
        if is_deep and is_trivial_wrapper(task):
            return None
        return not has_no_output(task) and is_complete(task)

    def _leave(self, key: str) -> None:
        task = self._open.pop(key)
        needs = self._needed.pop(key)
        kind = type(task)
        if self._done[key] is None:
            self._done[key] = all(self._done[one] for one in needs)
            if self._done[key]:
                task.trigger_event(Event.DEPENDENCY_PRESENT, task)
        self._found[key] = {
            "key": key,
            "name": name_of(task, self._stage_of(kind)),
            "module": kind.__module__,
            "qualname": kind.__qualname__,
            "params": texts_of(task),
            "needs": needs,
            "is_complete": self._done[key],
            "is_external": is_external(task),
            "is_self_contained": is_self_contained(task),
        }
        if not self._done[key]:
            self._found[key].update(policies_of(task))
        if key in self._problems:
            self._found[key]["problem"] = self._problems[key]

    def _circle(self, key: str) -> str:
        keys = list(self._open)
        names = [name_of(self._open[one], self._stage_of(type(self._open[one]))) for one in keys[keys.index(key) :]]
        return " → ".join([*names, names[0]])

    def _reachable(self, root: str) -> list[dict[str, Any]]:
        """Return what is left when a wrapper turned out to be complete, after all that it needs was looked at."""
        wanted, stack = {root}, [root]
        while stack:
            one = self._found[stack.pop()]
            if one["is_complete"]:
                one["needs"] = []
            fresh = [key for key in one["needs"] if key not in wanted]
            wanted.update(fresh)
            stack.extend(fresh)
        return [one for key, one in self._found.items() if key in wanted]


def checked_deps(task: luigi.Task) -> list[luigi.Task]:
    """Return what a task requires; raises `StageFailure` where something else than a task is among it."""
    found: list[Any] = list(task.deps())
    if not all(isinstance(one, luigi.Task) for one in found):
        raise StageFailure(f"{task.get_task_family()} requires something that is no task")
    return found


def check_requirements(task: luigi.Task, done: frozenset[str] = frozenset()) -> None:
    """Raise `StageFailure` when something that the task requires is not there."""
    needed = [one for one in checked_deps(task) if not has_no_output(one) and key_of(one) not in done]
    missing = [name_of(one, None) for one, is_done in zip(needed, completeness(needed)) if not is_done]  # noqa: B905
    if missing:
        raise StageFailure("what it requires is not complete: " + ", ".join(missing[:5]))


def find_below(root: luigi.Task, key: str) -> luigi.Task:
    """Return the task with this key out of all that the root needs; raises `StageFailure`."""
    seen = {key_of(root)}
    waiting = [root]
    while waiting:
        task = waiting.pop()
        if key_of(task) == key:
            return task
        if is_external(task):
            continue
        for one in checked_deps(task):
            if key_of(one) not in seen:
                seen.add(key_of(one))
                waiting.append(one)
    raise StageFailure(
        "the task is not among what the stage requires any more: did its source or configuration change?"
    )
