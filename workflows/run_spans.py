"""The spans of a run: one trace for it, over the queue, attempts and restarts.

run NAME                the whole run, from its creation to its end, pauses included; told when it is over
  invoke_workflow NAME  one attempt, in one process
    step NODE           one try of a step, with whatever it calls below

The ids of the first are derived from the run's, so that whoever executes an attempt knows them before it is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from translator.planning.plan import Step
from workflows.activity import Quiet
from workflows.ports import Journal
from workflows.records import StepExecution
from workflows.run import Run, RunStatus
from workflows.tracing import Attribute, PastSpan, Tracing

_VERSION, _SAMPLED = "00", "01"


def root_of(run: Run) -> str:
    """Return the traceparent of a run's own span: in the caller's trace, or in one that its id names."""
    parts = run.traceparent.split("-") if run.traceparent else []
    trace = parts[1] if parts else hashlib.sha256(run.id.encode()).hexdigest()[:32]
    span = hashlib.sha256(f"{run.id}/{run.retried_after}".encode()).hexdigest()[:16]
    return f"{_VERSION}-{trace}-{span}-{parts[3] if parts else _SAMPLED}"


async def traced(tracing: Tracing, run: Run, journal: Journal, work: Callable[[], Awaitable[RunStatus]]) -> RunStatus:
    """Execute an attempt of a run in a span of its own, and tell of the whole run once it is over."""
    root = root_of(run)
    about: dict[str, Attribute] = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": run.spec_name,
        **_about(run),
        "specloom.attempt": run.attempt + 1,
    }
    with tracing.span(f"invoke_workflow {run.spec_name}", "internal", about, parent=root) as span:
        status = await work()
        span.set({"specloom.run.status": status.value})
        why = await _why(journal, run, status)
        if why is not None:
            span.failed(why)
    if status.is_final:
        about = {**_about(run), "specloom.run.status": status.value}
        past = PastSpan(
            f"run {run.spec_name}",
            run.retried_at or run.created_at,
            datetime.now(UTC),
            about,
            error_name=why,
            parent=run.traceparent,
            itself=root,
        )
        tracing.tell(past)
    return status


def _about(run: Run) -> dict[str, Attribute]:
    spec = f"{run.spec_name}@r{run.spec_revision}"
    return {"specloom.run.id": run.id, "specloom.spec": spec, "specloom.plan": run.plan_digest}


async def _why(journal: Journal, run: Run, status: RunStatus) -> str | None:
    """Return the name of what a run ended with, unless it went well or goes on."""
    if status is RunStatus.CANCELLED:
        return "cancelled"
    if status is not RunStatus.FAILED:
        return None
    error = (await journal.history(run.id)).run.error
    return error.name if error else "failed"


@contextmanager
def step_span(tracing: Tracing, step: Step, execution: StepExecution) -> Generator[None]:
    """Open the span of one try of a step; that it waits for somebody outside is no failure."""
    about: dict[str, Attribute] = {
        "specloom.step": execution.step,
        "specloom.verb": step.verb,
        "specloom.visit": execution.visit,
        "specloom.try": execution.try_number,
    }
    if step.call is not None:
        about["specloom.entry"] = f"{step.call.name}@{step.call.version}"
    waits: Quiet | None = None
    with tracing.span(f"step {execution.step}", "internal", about) as span:
        try:
            yield
        except Quiet as quiet:
            span.set({"specloom.waits": True})
            waits = quiet
    if waits is not None:
        raise waits
