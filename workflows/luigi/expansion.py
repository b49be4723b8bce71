"""The expansion: the Luigi DAG that a step turned out to be, with every parameter resolved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class ExpandedTask:
    """One task of an expansion.

    `params` holds every parameter that may be written down, in Luigi's serialised text form: enough to build
    exactly this task again. Private parameters are not among them: they stay what the configuration says.
    """

    key: str  # stable: a digest of module, qualified name and parameters, after the stage's name
    name: str  # for people: "market.Publish(day=2026-11-20)"
    module: str
    qualname: str
    params: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    needs: tuple[str, ...] = ()  # keys
    is_complete: bool = False
    is_external: bool = False  # nobody builds it
    is_self_contained: bool = True  # `params` says all; else it is found by walking down from the root
    priority: float = 0  # of two that may start, the higher goes first
    resources: Mapping[str, int] = field(default_factory=dict[str, int])  # held while it runs
    timeout: float | None = None  # seconds: its `worker_timeout`
    retry_count: int | None = None  # how often it may fail before it is left alone; None: it has no policy of its own
    disable_window: float | None = None  # seconds in which these failures must fall
    disable_hard_timeout: float | None = None  # seconds after its first failure, when it is not tried again
    retry_delay: float = 0  # seconds before it is tried again: Luigi's own setting, where there is one
    is_disabled: bool = False  # its author wants it not to run
    accepts_messages: bool = False  # somebody may tell it something while it runs
    problem: str = ""  # why it could not be scheduled: what its `complete()` or `deps()` raised

    def as_json(self) -> dict[str, Json]:
        """Return the form that is recorded."""
        usual: dict[str, Json] = {name: getattr(self, name) for name in _USUAL}
        rare = {name: getattr(self, name) for name, default in _RARE.items() if getattr(self, name) != default}
        return {**usual, "params": dict(self.params), "needs": list(self.needs), **rare}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> ExpandedTask:
        """Read what `as_json` wrote."""
        values: dict[str, Json] = {**value, "needs": tuple(value["needs"])}
        return cls(**values)


_RARE: dict[str, Json] = {
    one.name: {} if one.default is MISSING else one.default
    for one in fields(ExpandedTask)[[one.name for one in fields(ExpandedTask)].index("priority") :]
}
"""What most tasks do not set, and is written only for those that do."""

_USUAL = tuple(one.name for one in fields(ExpandedTask) if one.name not in _RARE)


@dataclass(frozen=True)
class Expansion:
    """A DAG of tasks in topological order: what a task needs stands before it."""

    digest: str
    tasks: tuple[ExpandedTask, ...]
    root: str  # key of the task that the step names

    @classmethod
    def of(cls, tasks: tuple[ExpandedTask, ...], root: str) -> Expansion:
        """Make an expansion and compute its digest."""
        body = {"tasks": [task.as_json() for task in tasks], "root": root}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return cls(digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", tasks=tasks, root=root)

    def task(self, key: str) -> ExpandedTask:
        """Return the task with this key; KeyError if there is none."""
        return self.by_key[key]

    @cached_property
    def by_key(self) -> dict[str, ExpandedTask]:
        """Return the tasks by their keys."""
        return {task.key: task for task in self.tasks}

    def as_json(self) -> dict[str, Json]:
        """Return the form that is recorded."""
        return {"digest": self.digest, "root": self.root, "tasks": [task.as_json() for task in self.tasks]}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Expansion:
        """Read what `as_json` wrote."""
        tasks = tuple(ExpandedTask.from_json(task) for task in value["tasks"])
        return cls(digest=value["digest"], tasks=tasks, root=value["root"])
