"""How far a run is: its events, folded into one row per step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spec_service.cli.agent_turns import TurnRow, take_agent
from spec_service.cli.task_names import short_names
from spec_service.views import EventView
from translator.planning.plan import Step

Json = Any
PENDING, RUNNING, WAITING, RETRYING = "pending", "running", "waiting", "retrying"
SUCCEEDED, FAILED, SKIPPED, CANCELLED = "succeeded", "failed", "skipped", "cancelled"
ENDED = frozenset({SUCCEEDED, FAILED, SKIPPED, CANCELLED})


@dataclass(slots=True)
class TaskRow:
    """A task of a Luigi expansion."""

    name: str
    status: str = PENDING
    seconds: float | None = None
    note: str = ""


@dataclass(slots=True)
class StepRow:
    """A step, as its newest visit stands."""

    id: str
    verb: str
    block: str | None = None
    status: str = PENDING
    visits: int = 0
    try_number: int = 1
    seconds: float | None = None
    started_at: datetime | None = None
    note: str = ""
    tasks: dict[str, TaskRow] = field(default_factory=dict[str, TaskRow])
    turns: list[TurnRow] = field(default_factory=list[TurnRow])  # of an agent

    @property
    def tasks_done(self) -> int:
        """Return how many of the tasks need nothing more."""
        return sum(task.status in {SUCCEEDED, SKIPPED} for task in self.tasks.values())


class Progress:
    """The rows of a run, in the order of the plan."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self.rows = {step.id: StepRow(step.id, step.verb, step.block) for step in steps}
        self.last_seq = 0

    def take(self, event: EventView) -> None:
        """Take one event, in the order of their numbers."""
        self.last_seq = event.seq
        if event.type in {"run.cancelled", "run.failed", "run.drained"}:
            self._stop_all()
        if event.node is None:
            return
        row = self.rows.setdefault(event.node, StepRow(event.node, str(event.data.get("verb", ""))))
        kind = event.type.partition(".")[2]
        if event.type.startswith("step."):
            _take_step(row, kind, event)
        elif event.type.startswith("agent."):
            take_agent(row.turns, event)
        elif event.type == "luigi.expanded":
            row.tasks = {key: TaskRow(name) for key, name in short_names(event.data.get("tasks", ())).items()}
        elif event.type.startswith("luigi.task-"):
            _take_task(row, kind.removeprefix("task-"), event)

    def members(self, block: str | None) -> list[StepRow]:
        """Return the rows that stand directly in a block (None: at the top)."""
        return [row for row in self.rows.values() if row.block == block]

    def _stop_all(self) -> None:
        for row in self.rows.values():
            if row.status in {RUNNING, WAITING, RETRYING}:
                row.status = CANCELLED


def _take_step(row: StepRow, kind: str, event: EventView) -> None:
    data: dict[str, Json] = event.data or {}
    if kind == "started":
        row.try_number = int(data.get("try", 1))
        row.visits += row.try_number == 1
        row.turns = row.turns if row.try_number > 1 else []
        row.status, row.started_at, row.seconds, row.note = RUNNING, event.at, None, ""
        row.tasks = {}
    elif kind == "asked":
        row.status, row.note = WAITING, str(data.get("title", ""))
    elif kind == "answered":
        row.status, row.note = RUNNING, "nobody answered in time" if data.get("expired") else "answered"
    elif kind == "retrying":
        row.status = RETRYING
        row.note = f"{_error(data)}; tried again in {data.get('wait_seconds', 0):g} s"
    else:
        row.status = kind
        row.seconds = data.get("seconds", row.seconds)
        row.note = _error(data) if kind == FAILED else str(data.get("reason", ""))


def _take_task(row: StepRow, kind: str, event: EventView) -> None:
    data: dict[str, Json] = event.data
    task = row.tasks.setdefault(str(data["task"]), TaskRow(str(data["name"])))
    if kind == "progress":
        percentage = data.get("percentage")
        share = f"{percentage:g} %" if percentage is not None else ""
        task.note = " ".join(part for part in (share, data.get("message") or "") if part)
    elif kind == "output":
        task.note = next((line for line in reversed(str(data["text"]).splitlines()) if line.strip()), task.note)
    else:
        task.status = RUNNING if kind == "started" else kind
        task.seconds = data.get("seconds")
        task.note = _error(data) if kind == FAILED else ""


def _error(data: dict[str, Json]) -> str:
    error: dict[str, Json] = data.get("error") or {}
    return f"{error.get('name', 'failed')}: {error.get('message', '')}"
