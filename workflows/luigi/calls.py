"""A call of a luigi step, what the engine is told while it runs, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from translator.planning.plan import JsonSchema
from workflows.luigi.errors import StageError
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.summary import Summary
from workflows.run import RunId
from workflows.tracing import NO_TRACING, Tracing

Json = Any


@dataclass(frozen=True, slots=True)
class StageCall:
    """One try of a luigi step."""

    stage: str  # "market.Publish"
    group: LuigiGroup
    arguments: Mapping[str, Json]
    run_id: RunId
    run_dir: Path  # where the tasks work, unless the group has a fixed one; must exist
    idempotency_key: str  # of the step; a task's is f"{idempotency_key}/{task.key}"
    requires: Literal["build", "check", "satisfied"] = "build"
    read: Literal["json", "text"] | None = None
    timeout: float | None = None  # seconds, for the whole step
    spent: float = 0.0  # seconds of it that are over
    workers: int = 8  # tasks at a time; the pool may allow fewer
    hidden: tuple[str, ...] = ()  # parameters whose values are not shown in the names of tasks
    parameters: JsonSchema = field(default_factory=dict[str, Json])  # what the stage takes
    tracing: Tracing = NO_TRACING
    log_dir: Path | None = None  # where each task's output is kept as <key>.log; None: only its tail is

    @property
    def directory(self) -> Path:
        """Where the tasks work."""
        return self.group.workdir or self.run_dir

    @property
    def is_shared(self) -> bool:
        """Tell whether others may work in the directory, too."""
        return self.group.workdir is not None


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How a task ended."""

    status: Literal["succeeded", "skipped", "failed", "cancelled", "suspended"]
    """Skipped: it was complete, and never started. Suspended: it asked for something that nobody builds."""
    seconds: float = 0.0
    error: StageError | None = None  # of one that did not end well; `.tail` is the end of what it printed
    log: Path | None = None
    is_tried_again: bool = False  # by the task's own `retry_count`


class StageRecorder(Protocol):
    """What the engine knows about this step of this run at this visit, and what it wants to be told."""

    def expansion(self) -> Expansion | None:
        """Return the expansion that was recorded by an earlier try or attempt."""
        ...

    async def record_expansion(self, expansion: Expansion) -> None:
        """Make the expansion durable; awaited before any task starts."""
        ...

    def recorded(self, task_key: str) -> bool:
        """Tell whether the task is recorded as done."""
        ...

    def again(self, task_key: str) -> str:
        """Return what ends the idempotency key of a task that a rerun has taken back: a mark for each time, else ""."""
        ...

    async def task_started(self, task: ExpandedTask) -> None:
        """Make the start durable; awaited before the task runs."""
        ...

    def task_progress(
        self, task: ExpandedTask, *, message: str | None, percentage: float | None, tracking_url: str | None = None
    ) -> None:
        """Take note of how far a task is; called on the loop, must not block."""
        ...

    def task_answered(self, task: ExpandedTask, number: int, answer: str) -> None:
        """Take note of what a task answers to the message of this number; must not block."""
        ...

    def task_output(self, task: ExpandedTask, text: str, *, is_cut: bool) -> None:
        """Take note of what a task has printed; `is_cut`: no more is told, the log has the rest. Must not block."""
        ...

    async def task_finished(self, task: ExpandedTask, outcome: TaskOutcome) -> None:
        """Record how the task ended; a skipped one was never started."""
        ...

    def summarised(self, summary: Summary) -> None:
        """Take note of what became of all the tasks, when the step is over or waits."""
        ...


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a luigi step gives.

    `outputs` is shaped like the task's `output()`; a leaf is `{uri, path, exists, bytes, sha256}`, where `path` is
    the file's and null for what is no local file, and `bytes` and `sha256` are null for what is neither file nor
    directory. `data` has the contents in the same shape when the call asked to read.
    """

    outputs: Json
    data: Json = None
    has_data: bool = False
    expansion: Expansion | None = None
    tail: str = ""  # the end of what the last task printed
