"""What callers are shown of stages and tools, and of runs of one stage; the field names are those of the JSON."""

from __future__ import annotations

from typing import Any, Literal

from spec_service.views import RunView, View
from translator.planning.plan import JsonSchema

Json = Any


class AgentView(View):
    """What agents need to know of a stage."""

    name: str
    display_name: str
    description: str
    tools: tuple[str, ...]
    outputs: tuple[str, ...]
    stage: str  # where in the work it belongs
    tags: tuple[str, ...]
    timeout_seconds: float | None
    max_retries: int | None
    python_class: str
    output_schema: JsonSchema


class TaskView(AgentView):
    """A stage, as agents call it."""

    task: str  # its name in the catalog
    version: str
    input_schema: JsonSchema
    source_digest: str


TaskStatus = Literal["running", "success", "failed", "timeout"]
_TASK_STATUSES: dict[str, TaskStatus] = {"succeeded": "success", "failed": "failed", "cancelled": "failed"}
STAGE_LABEL = "stage"
"""The label of a run of one stage, with the name of the stage."""


class TaskResult(View):
    """What became of a run, as agents read it."""

    id: str  # of the run
    task_name: str
    status: TaskStatus
    result: Json = None
    error: str | None = None
    execution_time_ms: int | None = None  # null before it starts
    tokens_used: int = 0

    @classmethod
    def of(cls, run: RunView) -> TaskResult:
        """Tell what became of a run; one that waits counts as running."""
        status = _TASK_STATUSES.get(run.status, "running")
        if status == "failed" and run.error is not None and run.error.name in ("timeout", "time-limit"):
            status = "timeout"
        is_cancelled = run.status == "cancelled"
        error = f"{run.error.name}: {run.error.message}" if run.error else "cancelled" if is_cancelled else None
        took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
        return cls(
            id=run.id,
            task_name=run.labels.get(STAGE_LABEL, run.spec.rpartition("@")[0]),
            status=status,
            result=run.outputs if status == "success" else None,
            error=error,
            execution_time_ms=round(took.total_seconds() * 1000) if took is not None else None,
            tokens_used=int(run.usage.get("tokens", 0)),
        )

    @property
    def is_final(self) -> bool:
        """Tell whether it is over."""
        return self.status != "running"


class EntryView(View):
    """A version of what the catalog holds: a stage, a tool, a model, a prompt or a harness."""

    kind: str
    name: str
    version: str
    description: str
    parameters: JsonSchema
    result: JsonSchema
    source_digest: str
    secrets: tuple[str, ...] = ()
    agent: AgentView | None = None  # of a stage


class FailureView(View):
    """A module of the catalog that could not be loaded."""

    group: str
    module: str
    message: str


class StagesView(View):
    """All that the catalog holds, and what of the catalog could not be loaded."""

    items: tuple[EntryView, ...]
    failures: tuple[FailureView, ...] = ()
    next: str | None = None
