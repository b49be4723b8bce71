"""One attempt of a run while it lives: what is recorded so far, and the records that it adds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from translator.language.templates import CompiledValue
from translator.planning.plan import Step
from workflows.errors import StepError
from workflows.hosting.evaluation import Evaluator
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages
from workflows.ports import ArtifactStore, Journal, Tools
from workflows.program import Program
from workflows.records import EventRecorded, ExpansionRecorded, History, Question, Record, StepExecution, StepStatus
from workflows.rounds import Outcome, Round, entered, inside
from workflows.run import Run, RunError

Json = Any
MAX_INLINE_BYTES = 32 * 1024  # of a result as JSON; a larger one becomes an artifact
MAX_CRASHES = 3  # of the server at one visit of a step, which is then left alone
MAX_STEPS = 10_000  # of a run whose author set no limit
_NEVER_RETRIED = frozenset({"step-limit", "time-limit", "expression-failed", "expression-too-costly"})
VisitKey = tuple[str, str]  # step, visit
ExecutionKey = tuple[str, str, str]  # step, visit, task


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine was given, for the nodes."""

    journal: Journal
    artifacts: ArtifactStore
    tools: Tools
    stages: LuigiStages
    groups: Mapping[str, LuigiGroup]  # by name of the stage
    evaluator: Evaluator


@dataclass(frozen=True, slots=True)
class Visit:
    """One arrival at a step. `id` names the checkpoint that the superstep derives from.

    It is the same on resume, on retry and after a crash, another one on the next round of a loop, and shared by all
    members of one round of a block.
    """

    id: str
    namespace: str  # LangGraph's checkpoint_ns of the node


@dataclass(slots=True)
class Attempt:
    """The live state of one attempt; everything in it can be rebuilt from the history."""

    run: Run
    number: int
    program: Program
    ports: Ports
    executions: dict[ExecutionKey, StepExecution] = field(default_factory=dict[ExecutionKey, StepExecution])
    tries_failed: dict[VisitKey, int] = field(default_factory=dict[VisitKey, int])
    tries_crashed: dict[VisitKey, int] = field(default_factory=dict[VisitKey, int])
    latest: dict[str, StepExecution] = field(default_factory=dict[str, StepExecution])
    questions: dict[str, Question] = field(default_factory=dict[str, Question])
    expansions: dict[VisitKey, ExpansionRecorded] = field(default_factory=dict[VisitKey, ExpansionRecorded])
    rounds: dict[tuple[str | None, str], Round] = field(default_factory=dict[tuple[str | None, str], Round])
    parked: dict[str, tuple[Round, str]] = field(default_factory=dict[str, tuple[Round, str]])  # by interrupt id
    failed_visit: VisitKey | None = None  # where the run failed before it was retried
    replays: str | None = None  # the visit that the next checkpoint to be seen, a fork of it, stands for
    aliases: dict[str, str] = field(default_factory=dict[str, str])  # from a fork's checkpoint to the visit
    visits: dict[str, set[str]] = field(default_factory=dict[str, set[str]])  # by step, skipped ones left out
    is_interrupted: bool = False  # a node of the graph has stopped to wait for a person
    loaded: dict[str, Json] = field(default_factory=dict[str, Json])  # artifacts that were results, by URI
    unrecorded_since: int | None = None  # the attempt from which on this server lived, but could not record the ends

    @classmethod
    def of(cls, history: History, number: int, program: Program, ports: Ports) -> Attempt:
        """Take up what earlier attempts recorded."""
        attempt = cls(run=history.run, number=number, program=program, ports=ports)
        for execution in history.steps:
            attempt.remember(execution)
        attempt.questions = {question.interrupt_id: question for question in history.questions}
        attempt.expansions = {(one.step, one.visit): one for one in history.expansions}
        return attempt

    # --- what is known ---------------------------------------------------------------------------------------------

    def remember(self, execution: StepExecution) -> None:
        """Take note of a record, the newest try of a step or task winning."""
        key = (execution.step, execution.visit)
        self.executions[*key, execution.task] = execution
        if execution.task:
            return
        counts = {StepStatus.FAILED: self.tries_failed, StepStatus.CRASHED: self.tries_crashed}.get(execution.status)
        if counts is not None and not self.is_past(execution):
            counts[key] = counts.get(key, 0) + 1
        if execution.status is StepStatus.FAILED and self.is_past(execution):
            self.failed_visit = key
        if execution.status is not StepStatus.SKIPPED:
            self.visits.setdefault(execution.step, set()).add(execution.visit)
        self.latest[execution.step] = execution

    def visit_at(self, checkpoint: str) -> str:
        """Return the visit that a superstep which derives from a checkpoint stands for."""
        if self.replays is not None:
            self.aliases[checkpoint], self.replays = self.replays, None
        return self.aliases.get(checkpoint, checkpoint)

    def is_past(self, execution: StepExecution) -> bool:
        """Tell whether a record is from before the run was retried, so that what it failed in is tried afresh."""
        return execution.attempt <= self.run.retried_after

    def execution(self, step: str, visit: str, task: str = "") -> StepExecution | None:
        """Return the newest record of a step or task at a visit."""
        return self.executions.get((step, visit, task))

    @property
    def steps_taken(self) -> int:
        """Return how many arrivals at steps the run has behind it, skipped ones not counted."""
        return sum(len(visits) for visits in self.visits.values())

    def failures(self, step: Step, visit: Visit) -> int:
        """Return how many tries of a step have failed at a visit; those that the server did not outlive don't count."""
        return self.tries_failed.get((step.id, visit.id), 0)

    def may_retry(self, step: Step, visit: Visit, error_name: str) -> bool:
        """Tell whether the recorded failed tries may be followed by another."""
        return self.allows_retry(step, error_name, self.failures(step, visit))

    def allows_retry(self, step: Step, error_name: str, failures: int) -> bool:
        """Tell whether a step may be tried again after `failures` failed tries, the last with this error."""
        is_meant = "any" in step.retry.errors or error_name in step.retry.errors
        return is_meant and failures <= step.retry.max and error_name not in _NEVER_RETRIED

    def round(self, block: str | None, visit: Visit) -> Round:
        """Return the round of a block that this visit belongs to, with what is recorded of it."""
        key = (block, visit.id)
        if key not in self.rounds:
            self.rounds[key] = Round(self.program.plan, block, self._known(block, visit))
        return self.rounds[key]

    def _known(self, block: str | None, visit: Visit) -> dict[str, Outcome]:
        known: dict[str, Outcome] = {}
        for step in inside(self.program.plan, block):
            recorded = self.execution(step.id, visit.id)
            if recorded is None or (self.is_past(recorded) and recorded.error):
                continue
            if step.verb == "dag":
                known[entered(step.id)] = Outcome.DONE
            outcome = outcome_of(recorded)
            if outcome is Outcome.FAILED and self.may_retry(step, visit, recorded.error.name if recorded.error else ""):
                continue
            if outcome:
                known[step.id] = outcome
        return known

    @property
    def deadline(self) -> datetime | None:
        """Return when `limits.duration` is used up."""
        seconds = self.program.plan.limits.duration_seconds
        if seconds is None:
            return None
        return (self.run.retried_at or self.run.started_at or datetime.now(UTC)) + timedelta(seconds=seconds)

    # --- what expressions see --------------------------------------------------------------------------------------

    async def evaluate(self, compiled: CompiledValue, state: Mapping[str, Json], *result: Json) -> Json:
        """Evaluate against inputs, state and recorded results; `result` is the step's own, where it has one."""
        values = await self._values(compiled.references, state)
        if result:
            values["result"] = result[0]
        return await self.ports.evaluator.evaluate(compiled, values)

    async def _values(self, references: Iterable[tuple[str, ...]], state: Mapping[str, Json]) -> dict[str, Json]:
        wanted = set(references)
        roots = {path[0] for path in wanted}
        values: dict[str, Json] = {"inputs": self.run.inputs, "state": state, "run": self._run_view(), "usage": {}}
        if "nodes" in roots:
            every = any(path == ("nodes",) for path in wanted)
            names = set(self.program.steps) if every else {path[1] for path in wanted if path[0] == "nodes"}
            values["nodes"] = {name: await self._node_view(name) for name in names}
        return {name: value for name, value in values.items() if name in roots}

    def _run_view(self) -> dict[str, Json]:
        error = self.run.error.as_json() if self.run.error else None
        return {
            "id": self.run.id,
            "attempt": self.number,
            "status": self.run.status.value,
            "error": error,
            "created_at": self.run.created_at.isoformat(),
        }

    async def _node_view(self, name: str) -> dict[str, Json]:
        recorded = self.latest.get(name)
        if recorded is None:
            return {"result": None, "status": "pending", "error": None}
        error = recorded.error.as_json() if recorded.error else None
        return {"result": await self.result(recorded), "status": recorded.status.value, "error": error}

    async def result(self, execution: StepExecution) -> Json:
        """Return the result of a recorded step, wherever it lies."""
        kept: Mapping[str, Json] = execution.result or {}
        if "artifact" not in kept:
            return kept.get("value")
        uri: str = kept["artifact"]
        if uri not in self.loaded:
            self.loaded[uri] = json.loads(await self.ports.artifacts.read(uri))
        return self.loaded[uri]

    # --- what is added ---------------------------------------------------------------------------------------------

    def event(self, type_: str, node: str | None = None, /, **data: Json) -> EventRecorded:
        """Make an event of this attempt."""
        return EventRecorded(self.run.id, type_, datetime.now(UTC), node, self.number, data)

    def append(self, *records: Record) -> None:
        """Queue records, and remember the step executions among them."""
        for record in records:
            if isinstance(record, StepExecution):
                self.remember(record)
        self.ports.journal.append(*records)

    async def commit(self, *records: Record) -> None:
        """Queue records and wait until all that is queued is durable."""
        self.append(*records)
        await self.ports.journal.durable()

    def opened(self, step: Step, visit: Visit, try_number: int) -> StepExecution:
        """Return the record of a try that begins."""
        return StepExecution(
            run_id=self.run.id,
            step=step.id,
            visit=visit.id,
            try_number=try_number,
            status=StepStatus.RUNNING,
            attempt=self.number,
            started_at=datetime.now(UTC),
            idempotency_key=f"{self.run.id}/{step.id}/{visit.id}",
        )

    def closed(self, execution: StepExecution, status: StepStatus, **fields: Json) -> StepExecution:
        """Return the record of the same try at its end."""
        return replace(execution, status=status, finished_at=datetime.now(UTC), **fields)


def cut_off(attempt: Attempt, before: StepExecution) -> StepExecution:
    """Return the end of an earlier try that has none: the server died, or lived and could not record it."""
    since = attempt.unrecorded_since
    if since is not None and before.attempt >= since:
        lost = RunError(name="not-recorded", message="how this ended could not be recorded", node=before.step)
        return attempt.closed(before, StepStatus.CANCELLED, error=lost)
    died = RunError(name="crashed", message="the server died while this was running", node=before.step)
    return attempt.closed(before, StepStatus.CRASHED, error=died)


def outcome_of(execution: StepExecution) -> Outcome | None:
    """Return what the record says of a DAG's member; None while it is not over."""
    if execution.status is StepStatus.SKIPPED:
        return Outcome.BLOCKED if execution.error else Outcome.SKIPPED
    return {StepStatus.SUCCEEDED: Outcome.DONE, StepStatus.FAILED: Outcome.FAILED}.get(execution.status)


def error_of(step: Step, failure: StepError, log_uri: str | None = None) -> RunError:
    """Return what is recorded of a failure."""
    return RunError(name=failure.error_name, message=failure.message, node=step.id, log_uri=log_uri)
