"""A pool of hosts, a group of test stages, and a recorder that keeps what it is told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from workflows.hosting.pool import HostPool
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages, StageCall, TaskOutcome
from workflows.luigi.summary import Summary
from workflows.run import RunId

PIPELINES = Path(__file__).with_name("pipelines")


@dataclass
class Recorder:
    """Remembers the story of a step."""

    kept: Expansion | None = None
    done: set[str] = field(default_factory=set[str])
    marks: dict[str, str] = field(default_factory=dict[str, str])
    story: list[str] = field(default_factory=list[str])
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict[str, TaskOutcome])
    progress: list[tuple[str | None, float | None]] = field(default_factory=list[tuple[str | None, float | None]])
    printed: dict[str, list[tuple[str, bool]]] = field(default_factory=dict[str, list[tuple[str, bool]]])
    urls: list[str] = field(default_factory=list[str])
    summaries: list[str] = field(default_factory=list[str])
    on_start: Callable[[ExpandedTask], None] = lambda _: None

    def expansion(self) -> Expansion | None:
        return self.kept

    async def record_expansion(self, expansion: Expansion) -> None:
        self.kept = expansion
        self.story.append("expanded")

    def recorded(self, task_key: str) -> bool:
        return task_key in self.done

    def again(self, task_key: str) -> str:
        return self.marks.get(task_key, "")

    async def task_started(self, task: ExpandedTask) -> None:
        self.story.append(f"started {task.qualname}")
        self.on_start(task)

    def task_progress(
        self,
        task: ExpandedTask,  # noqa: ARG002
        *,
        message: str | None,
        percentage: float | None,
        tracking_url: str | None = None,
    ) -> None:
        self.progress.append((message, percentage))
        self.urls += [tracking_url] if tracking_url else []

    def summarised(self, summary: Summary) -> None:
        self.summaries.append(summary.text)

    def task_answered(self, task: ExpandedTask, number: int, answer: str) -> None:
        self.story.append(f"{task.qualname} answered {number}: {answer}")

    def task_output(self, task: ExpandedTask, text: str, *, is_cut: bool) -> None:
        self.printed.setdefault(task.qualname, []).append((text, is_cut))

    async def task_finished(self, task: ExpandedTask, outcome: TaskOutcome) -> None:
        self.story.append(f"{outcome.status} {task.qualname}")
        self.outcomes[task.qualname] = outcome
        if outcome.status in {"succeeded", "skipped"}:
            self.done.add(task.key)


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ={**os.environ, "SHOP_DB": "db", "OTHER": "x", "SPECLOOM_TOKEN": "t"}, limit=4)
    yield pool
    await pool.aclose()


@pytest.fixture
def group() -> LuigiGroup:
    return LuigiGroup("shop", ("shop",), (PIPELINES,), version="1.4.0", env=("SHOP_DB", "SPECLOOM_TOKEN"))


@pytest.fixture
def stages(pool: HostPool) -> LuigiStages:
    return LuigiStages(pool)


@pytest.fixture
def call(group: LuigiGroup, tmp_path: Path) -> Callable[..., StageCall]:
    """Make a call of a stage of the group, in a directory of the test's own."""

    def make(stage: str, arguments: dict[str, Any] | None = None, **changes: Any) -> StageCall:
        made = StageCall("", group, arguments or {}, RunId("r1"), tmp_path, "key")
        made = replace(made, **changes)
        return replace(made, stage=f"{made.group.name}.{stage}")

    return make


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[], list[str]]:
    """Tell which tasks ran, in order."""
    return lambda: (tmp_path / "runs.log").read_text().splitlines() if (tmp_path / "runs.log").exists() else []
