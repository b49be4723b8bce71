"""The verb `luigi`: builds a stage and what it requires, each task a step execution of its own."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from structlog.stdlib import get_logger

from workflows.asking import answered, check_deadline, expiry, interrupt_id, put
from workflows.attempt import cut_off
from workflows.errors import NotReady, StepError, UnknownArtifact
from workflows.failpoints import hit
from workflows.injecting import InjectedNodes
from workflows.luigi.errors import MissingExternal, StageTimeout
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.stages import StageCall, StageResult, TaskOutcome
from workflows.luigi.summary import Summary
from workflows.nodes.call import NodeCall
from workflows.records import (
    AGAIN,
    REDONE,
    ArtifactStored,
    ExpansionRecorded,
    Question,
    QuestionAsked,
    StepExecution,
    StepStatus,
)
from workflows.run import RunError

Json = Any
LOGS = ".specloom/logs"  # inside the run's directory
WORKERS = 8  # tasks of one step at a time
log = get_logger("specloom.luigi")


async def run_stage(call: NodeCall) -> Json:
    """Return `{outputs}`, and `data` when the step reads what its targets hold; raises `NotReady` for a poll."""
    attempt, step = call.attempt, call.program.step
    group = attempt.ports.groups.get(step.call.name) if step.call else None
    if step.call is None or group is None:
        name = step.call.name if step.call else "(none)"
        raise StepError(f"the server's catalog has no stage {name} any more", error_name="unavailable")
    directory = attempt.ports.artifacts.work_directory(attempt.run.id)
    stage_call = StageCall(
        stage=step.call.name,
        group=group,
        arguments=call.arguments,
        run_id=attempt.run.id,
        run_dir=directory,
        idempotency_key=call.execution.idempotency_key,
        parameters=step.call.parameters,
        requires=step.requires,
        hidden=step.mask,
        read=step.read,
        timeout=step.timeout_seconds,
        workers=WORKERS,
        log_dir=directory / LOGS / call.step_id,
        tracing=attempt.ports.tracing,
    )
    if step.verb == "wait":  # a poll: whoever builds it, it is not us
        result = await attempt.ports.stages.look(stage_call)
        if result is None:
            raise NotReady
    else:
        result = await _built(call, stage_call)
    _keep(call, result)
    return {"outputs": _without_paths(result.outputs)} | ({"data": result.data} if result.has_data else {})


# --- what nobody builds --------------------------------------------------------------------------------------------


async def _built(call: NodeCall, stage_call: StageCall) -> StageResult:
    """Build the stage; while only such things are missing that nobody builds, wait and look again."""
    question, recorder = call.attempt.questions.get(interrupt_id(call)), _Recorder(call)
    injected = InjectedNodes(call, _own_end(call), recorder.again, _without_paths) if call.inside else None
    if question is not None and question.is_open and injected and injected.may_go_on:
        question = None
    while True:
        if question is not None and not question.is_taken:
            await answered(call, question)
            _check_time(call, question)
        spent = (datetime.now(UTC) - call.execution.started_at).total_seconds()
        try:
            return await call.attempt.ports.stages.run(replace(stage_call, spent=spent), recorder, injected)
        except MissingExternal as missing:
            question = await _put(call, stage_call.group.poll_seconds, missing.message)
            log.info("luigi.waits", run_id=call.attempt.run.id, step=call.step_id, missing=missing.message)


def _own_end(call: NodeCall) -> datetime | None:
    seconds = call.program.step.timeout_seconds
    return None if seconds is None else call.execution.started_at + timedelta(seconds=seconds)


def _check_time(call: NodeCall, question: Question) -> None:
    """Raise `timeout`, with what is missing, when the step's time or that of what is around it is up."""
    end = _own_end(call)
    if end is not None and end <= datetime.now(UTC):
        raise StageTimeout(f"it did not come in time; {question.show['missing']}")
    check_deadline(call)


async def _put(call: NodeCall, poll_seconds: float, missing: str) -> Question:
    """Wait for the next look; the row of an item of a map, which has none so far, tells when its time began."""
    if call.execution.task:
        call.attempt.append(call.execution)
    now = datetime.now(UTC)
    record = QuestionAsked(
        run_id=call.attempt.run.id,
        interrupt_id=interrupt_id(call),
        step=call.step_id,
        visit=call.visit.id,
        title="",
        show={"missing": missing},
        schema={},
        assignees=(),
        asked_at=now,
        expires_at=expiry(call, now + timedelta(seconds=poll_seconds), _own_end(call)),
        kind="poll",
    )
    return await put(call, record)


# --- what is recorded ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recorder:
    """Tells the journal how the tasks of this step go."""

    call: NodeCall

    def expansion(self) -> Expansion | None:
        recorded = self.call.attempt.expansions.get((self.call.step_id, self.call.visit.id))
        return Expansion.from_json(recorded.body) if recorded else None

    async def record_expansion(self, expansion: Expansion) -> None:
        attempt, step = self.call.attempt, self.call.step_id
        record = ExpansionRecorded(
            attempt.run.id, step, self.call.visit.id, expansion.digest, expansion.as_json(), datetime.now(UTC)
        )
        attempt.expansions[step, self.call.visit.id] = record
        complete = sum(task.is_complete for task in expansion.tasks)
        tasks = [{"task": task.key, "name": task.name, "needs": list(task.needs)} for task in expansion.tasks]
        event = attempt.event("luigi.expanded", step, digest=expansion.digest, tasks=tasks, complete=complete)
        attempt.append(record, event)
        hit("expansion.recorded")

    def recorded(self, task_key: str) -> bool:
        found = self._found(task_key)
        return found is not None and found.status in {StepStatus.SUCCEEDED, StepStatus.SKIPPED}

    def again(self, task_key: str) -> str:
        found = self._found(task_key)
        if found is None:
            return ""
        marks = found.path.removeprefix(found.visit + found.task)
        return marks + (AGAIN if found.status in REDONE else "")

    def _found(self, task_key: str) -> StepExecution | None:
        return self.call.attempt.execution(self.call.step_id, self.call.visit.id, task_key)

    async def task_started(self, task: ExpandedTask) -> None:
        record = self._opened(task)
        await self.call.attempt.commit(*self._cut_off(task), record, self._event("luigi.task-started", task))
        hit("task.started")

    def _cut_off(self, task: ExpandedTask) -> tuple[StepExecution, ...]:
        """Return the end of the try before, when it has none."""
        before = self._found(task.key)
        if before is None or before.status is not StepStatus.RUNNING:
            return ()
        return (cut_off(self.call.attempt, before),)

    def _opened(self, task: ExpandedTask) -> StepExecution:
        attempt, execution, before = self.call.attempt, self.call.execution, self._found(task.key)
        return StepExecution(
            run_id=attempt.run.id,
            step=execution.step,
            visit=self.call.visit.id,
            try_number=before.try_number + 1 if before else 1,
            status=StepStatus.RUNNING,
            attempt=attempt.number,
            started_at=datetime.now(UTC),
            task=task.key,
            name=task.name,
            idempotency_key=f"{execution.idempotency_key}/{task.key}{self.again(task.key)}",
            arguments=dict(task.params),
        )

    def _event(self, kind: str, task: ExpandedTask, **data: Json) -> Any:
        step = self.call.step_id
        return self.call.attempt.event(kind, step, task=task.key, name=task.name, **data)

    def task_progress(
        self, task: ExpandedTask, *, message: str | None, percentage: float | None, tracking_url: str | None = None
    ) -> None:
        more = {"tracking_url": tracking_url} if tracking_url else {}
        event = self._event("luigi.task-progress", task, message=message, percentage=percentage, **more)
        self.call.attempt.append(event)

    def task_answered(self, task: ExpandedTask, number: int, answer: str) -> None:
        event = self._event("luigi.task-answered", task, message=number, answer=answer)
        self.call.attempt.append(event)

    def task_output(self, task: ExpandedTask, text: str, *, is_cut: bool) -> None:
        self.call.attempt.append(
            self._event("luigi.task-output", task, text=text, **({"is_cut": True} if is_cut else {}))
        )

    async def task_finished(self, task: ExpandedTask, outcome: TaskOutcome) -> None:
        attempt = self.call.attempt
        if outcome.status == "skipped":
            record = attempt.closed(self._opened(task), StepStatus.SKIPPED)
            attempt.append(record, self._event("luigi.task-skipped", task))
            return
        log_uri = await self._kept_log(outcome.log)
        opened = self._found(task.key) or self._opened(task)
        if outcome.status == "succeeded":
            record = attempt.closed(opened, StepStatus.SUCCEEDED, log_uri=log_uri)
            event = self._event("luigi.task-succeeded", task, seconds=round(outcome.seconds, 3), log_uri=log_uri)
            attempt.append(record, event)
            hit("task.finished")
            return
        if outcome.status == "suspended" and outcome.error:
            event = self._event("luigi.task-suspended", task, missing=outcome.error.message)
            attempt.append(attempt.closed(opened, StepStatus.CANCELLED, log_uri=log_uri), event)
            return
        name = outcome.error.error_name if outcome.error else outcome.status
        message = outcome.error.message if outcome.error else "the task was stopped"
        error = RunError(name=name, message=message, node=opened.step, log_uri=log_uri)
        status = StepStatus.CANCELLED if outcome.status == "cancelled" else StepStatus.FAILED
        more = {"is_tried_again": True} if outcome.is_tried_again else {}
        event = self._event("luigi.task-failed", task, error=error.as_json(), **more)
        attempt.append(attempt.closed(opened, status, error=error, log_uri=log_uri), event)

    def summarised(self, summary: Summary) -> None:
        attempt, step, counts = self.call.attempt, self.call.step_id, dict(summary.counts)
        attempt.append(attempt.event("luigi.summary", step, counts=counts, text=summary.text))
        log.info("luigi.summary", run_id=attempt.run.id, step=step, **counts)

    async def _kept_log(self, log: Path | None) -> str | None:
        if log is None or not _has_text(log):
            return None
        attempt, step = self.call.attempt, self.call.step_id
        try:
            kept = await attempt.ports.artifacts.register(attempt.run.id, log)
        except UnknownArtifact:  # the task printed nothing
            return None
        now = datetime.now(UTC)
        attempt.append(
            ArtifactStored(attempt.run.id, kept.path, kept.bytes, kept.sha256, "text/plain; charset=utf-8", step, now)
        )
        return kept.uri


def _keep(call: NodeCall, result: StageResult) -> None:
    """Enter the files that the stage's targets are into the list of artifacts."""
    attempt, step = call.attempt, call.step_id
    own = f"specloom://runs/{attempt.run.id}/artifacts/"
    for leaf in _leaves(result.outputs):
        uri = str(leaf["uri"])
        if leaf.get("sha256") is None or not uri.startswith(own):
            continue
        path = uri.removeprefix(own)
        media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
        stored = ArtifactStored(
            attempt.run.id, path, leaf["bytes"], leaf["sha256"], media_type, step, datetime.now(UTC)
        )
        event = attempt.event("artifact.stored", step, path=path, bytes=stored.bytes, sha256=stored.sha256)
        attempt.append(stored, event)


def _has_text(log: Path) -> bool:
    """Tell whether a task printed anything; most print nothing, and what needs them should not wait for a thread."""
    return log.is_file() and log.stat().st_size > 0


def _leaves(outputs: Json) -> Iterator[dict[str, Json]]:
    if isinstance(outputs, dict):
        shaped = cast("dict[str, Json]", outputs)
        if "uri" in shaped and "exists" in shaped:
            yield shaped
            return
        for inner in shaped.values():
            yield from _leaves(inner)
    elif isinstance(outputs, list):
        for inner in cast("list[Json]", outputs):
            yield from _leaves(inner)


def _without_paths(outputs: Json) -> Json:
    """Leave the paths of this machine out of what a spec may read."""
    if isinstance(outputs, dict):
        shaped = cast("dict[str, Json]", outputs)
        if "uri" in shaped and "exists" in shaped:
            return {name: shaped.get(name) for name in ("uri", "bytes", "sha256")}
        return {name: _without_paths(inner) for name, inner in shaped.items()}
    if isinstance(outputs, list):
        return [_without_paths(inner) for inner in cast("list[Json]", outputs)]
    return outputs
