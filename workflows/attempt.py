"""One attempt of a run while it lives: what is recorded so far, and the records that it adds."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from langgraph.runtime import RunControl

from translator.planning.plan import Step, Verb
from workflows.activity import Activity
from workflows.agents.agents import Agents
from workflows.agents.harnesses.harnesses import Harnesses
from workflows.delegating import ChildRuns
from workflows.errors import StepError
from workflows.hosting.evaluation import Evaluator
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages
from workflows.policies import PolicyBook
from workflows.ports import ArtifactStore, Journal, ResultCache, Tools, UsageTotals
from workflows.program import Program
from workflows.records import (
    AGAIN,
    REDONE,
    AnswerTaken,
    ArtifactStored,
    EventRecorded,
    ExpansionRecorded,
    History,
    Question,
    QuestionAnswered,
    Record,
    StepExecution,
    StepStatus,
)
from workflows.rounds import Outcome
from workflows.run import Fork, Run, RunError
from workflows.spending import Spending, Tally
from workflows.tracing import NO_TRACING, Tracing
from workflows.usage import Usage

if TYPE_CHECKING:
    from workflows.guarding import Guard
    from workflows.nodes.call import Node

Json = Any
MAX_INLINE_BYTES = 32 * 1024  # of a result as JSON; a larger one becomes an artifact
MAX_CRASHES = 3  # of the server, or of the processes of one step, at one visit of it: it is then left alone
WITHDRAWN = "withdrawn"  # by whom a question is closed that nobody needs answered any more
DURATION = "duration"  # the key of questions about `limits.duration`
MAX_STEPS = 10_000  # of a run whose author set no limit
CRASHED = "crashed"  # the error of a step whose process died
_LIMITS = (
    "step-limit",
    "time-limit",
    "fan-out-limit",
    "token-limit",
    "cost-limit",
    "tool-call-limit",
    "artifact-limit",
)
_VERDICTS = ("no-progress", "policy-rejected", "policy-aborted")
NEVER_RETRIED = frozenset({*_LIMITS, *_VERDICTS, "expression-failed", "expression-too-costly"})
NEVER_CAUGHT = frozenset({"policy-aborted"})
VisitKey = tuple[str, str]  # step, visit
ExecutionKey = tuple[str, str, str]  # step, visit, task
ITEM = "#"  # the task of an item of a map is "#3"; its visit, which all that it does has, ends so


@dataclass(frozen=True, slots=True)
class Ports:
    """What the engine was given, for the nodes."""

    journal: Journal
    artifacts: ArtifactStore
    tools: Tools
    stages: LuigiStages
    groups: Mapping[str, LuigiGroup]  # by name of the stage
    evaluator: Evaluator
    cache: ResultCache | None = None
    nodes: Mapping[Verb, Node] | None = None  # other nodes than the real ones, for tests of specs
    tracing: Tracing = NO_TRACING
    agents: Agents | None = None  # None: no model of the catalog can be asked
    harnesses: Harnesses | None = None  # None: no harness of the catalog can be run
    children: ChildRuns | None = None  # None: agents can start no runs
    policies: PolicyBook = field(default_factory=PolicyBook)
    totals: UsageTotals | None = None  # None: what other runs have used counts from the start of this process


@dataclass(slots=True)
class Attempt:
    """The live state of one attempt; everything in it can be rebuilt from the history."""

    run: Run
    number: int
    program: Program
    ports: Ports
    executions: dict[ExecutionKey, StepExecution] = field(default_factory=dict[ExecutionKey, StepExecution])
    tries_failed: dict[ExecutionKey, int] = field(default_factory=dict[ExecutionKey, int])
    tries_crashed: dict[ExecutionKey, int] = field(default_factory=dict[ExecutionKey, int])
    hosts_lost: Counter[ExecutionKey] = field(default_factory=Counter[ExecutionKey])
    latest: dict[tuple[str, str], StepExecution] = field(default_factory=dict[tuple[str, str], StepExecution])
    """The newest record of a step in a frame, by the frame's path and the step's id."""
    questions: dict[str, Question] = field(default_factory=dict[str, Question])
    expansions: dict[VisitKey, ExpansionRecorded] = field(default_factory=dict[VisitKey, ExpansionRecorded])
    parked: dict[str, list[tuple[Activity, asyncio.Future[None]]]] = field(
        default_factory=dict[str, list[tuple[Activity, "asyncio.Future[None]"]]]
    )  # who waits live for an answer, by interrupt id
    activities: dict[str, Activity] = field(default_factory=dict[str, Activity])  # by visit of the graph's nodes
    failed_visit: VisitKey | None = None  # where the run failed at the top before it was retried
    replays: str | None = None  # the visit that the next checkpoint to be seen, a fork of it, stands for
    aliases: dict[str, str] = field(default_factory=dict[str, str])  # from a fork's checkpoint to the visit
    is_renewed: bool = False  # a part of the run was taken back, to be run again
    walked: tuple[str, ...] = ()  # the visits that the first supersteps stand for when the graph was started anew
    visits: dict[str, set[str]] = field(default_factory=dict[str, set[str]])  # by step, skipped ones left out
    taken: Counter[str] = field(default_factory=Counter[str])  # arrivals at steps, by prefix of their ids
    interrupts: list[Exception] = field(default_factory=list[Exception])  # of nodes that wait for somebody outside
    loaded: dict[str, Json] = field(default_factory=dict[str, Json])  # artifacts that were results, by URI
    unrecorded_since: int | None = None  # the attempt from which on this server lived, but could not record the ends
    used: dict[ExecutionKey, Usage] = field(default_factory=dict[ExecutionKey, Usage])  # by tries that are under way
    spending: Spending = field(default_factory=Spending)
    tally: Tally = field(default_factory=Tally)
    guard: Guard | None = None
    most_seconds: float | None = None  # that policies allow the run
    heard: int = 0  # answers that were taken up
    control: RunControl | None = None  # of LangGraph: asks the graphs to stop at their next step
    patch: Fork | None = None  # what it has changed in the state, if it has

    @property
    def is_interrupted(self) -> bool:
        """Tell whether a node of the graph has stopped to wait for somebody outside."""
        return bool(self.interrupts)

    def forget_interrupts(self) -> None:
        """Let go of what stopped the graph: LangGraph keeps it in a frame that it holds, and with it the whole run."""
        for one in self.interrupts:
            traceback.clear_frames(one.__traceback__)
            one.__traceback__ = one.__context__ = None
        self.interrupts.clear()

    @classmethod
    def of(cls, history: History, number: int, program: Program, ports: Ports) -> Attempt:
        """Take up what earlier attempts recorded."""
        attempt = cls(run=history.run, number=number, program=program, ports=ports)
        attempt.spending.around = program.names_around
        for execution in history.steps:
            attempt.remember(execution)
            if execution.usage:
                attempt.spending.recall(execution.step, execution.visit, execution.usage)
        for step, size in history.kept_bytes.items():
            attempt.spending.keep(step, size)
        attempt.is_renewed = attempt.is_renewed or history.run.forked_from is not None
        attempt.patch = history.run.patch
        attempt.questions = {question.interrupt_id: question for question in history.questions}
        attempt.expansions = {(one.step, one.visit): one for one in history.expansions}
        return attempt

    # --- what is known ---------------------------------------------------------------------------------------------

    def remember(self, execution: StepExecution) -> None:
        """Take note of a record, the newest try of a step, item or task winning."""
        key = (execution.step, execution.visit, execution.task)
        self.executions[key] = execution
        counts = {StepStatus.FAILED: self.tries_failed, StepStatus.CRASHED: self.tries_crashed}.get(execution.status)
        if counts is not None and not self.is_past(execution):
            counts[key] = counts.get(key, 0) + 1
        if execution.status is StepStatus.FAILED and execution.error and not self.is_past(execution):
            self.hosts_lost[key] += execution.error.name == CRASHED
        self.is_renewed = self.is_renewed or execution.status in REDONE
        if execution.task:
            return
        path = self._path_of(execution)
        if execution.status in REDONE:
            self._forget(path, execution)
            return
        if execution.status is StepStatus.FAILED and self.is_past(execution) and not path:
            self.failed_visit = key[:2]
        if execution.status is not StepStatus.SKIPPED:
            self._count(execution)
        self.latest[path, execution.step] = execution

    def _forget(self, path: str, execution: StepExecution) -> None:
        """Take back what a rerun has superseded: expressions do not see it, and its visit may be counted anew."""
        if (newest := self.latest.get((path, execution.step))) and newest.visit == execution.visit:
            del self.latest[path, execution.step]

    def _count(self, execution: StepExecution) -> None:
        visits = self.visits.setdefault(execution.step, set())
        if execution.visit in visits:
            return
        visits.add(execution.visit)
        names = execution.step.split("/")[:-1]
        self.taken.update("".join(f"{name}/" for name in names[:depth]) for depth in range(len(names) + 1))

    def _path_of(self, execution: StepExecution) -> str:
        """Return the path of the frame in which a step was executed."""
        program, step = self.program.find(execution.step)
        if step.block is None and program is self.program:
            return ""
        return execution.visit.rpartition(".")[0] if program.member_of_flow(step) else execution.visit

    def begin_anew(self) -> None:
        """Let the supersteps of a graph that starts anew stand for the visits that are recorded, in their order."""
        found: dict[str, None] = {}
        for (_, visit, task), execution in self.executions.items():
            if not task and execution.status is not StepStatus.DISCARDED and not self._path_of(execution):
                found[visit] = None
        self.walked = tuple(found)

    def visit_at(self, checkpoint: str, superstep: int) -> str:
        """Return the visit that a superstep (from 1) which derives from a checkpoint stands for."""
        if superstep <= len(self.walked):
            return self.walked[superstep - 1]
        if self.replays is not None:
            self.aliases[checkpoint], self.replays = self.replays, None
        return self.aliases.get(checkpoint, checkpoint)

    def activity_at(self, visit: str) -> Activity:
        """Return what counts who moves below a node of the graph at this visit."""
        if visit not in self.activities:
            self.activities[visit] = Activity()
        return self.activities[visit]

    def is_past(self, execution: StepExecution) -> bool:
        """Tell whether a record is from before the run was retried, so that what it failed in is tried afresh."""
        return execution.attempt <= self.run.retried_after

    def execution(self, step: str, visit: str, task: str = "") -> StepExecution | None:
        """Return the newest record of a step or task at a visit."""
        return self.executions.get((step, visit, task))

    def failures(self, key: ExecutionKey) -> int:
        """Return how many tries of a step or item have failed; those that the server did not outlive don't count."""
        return self.tries_failed.get(key, 0)

    def allows_retry(self, step: Step, error_name: str, failures: int, hosts_lost: int = 0) -> bool:
        """Tell whether a step may be tried again after `failures` failed tries, the last with this error."""
        if hosts_lost >= MAX_CRASHES:
            return False
        is_meant = "any" in step.retry.errors or error_name in step.retry.errors
        return is_meant and failures <= step.retry.max and error_name not in NEVER_RETRIED

    def has_failed_for_good(self, step: Step, before: StepExecution) -> bool:
        """Tell whether a recorded failure is the end of a step or item; one that was caught always is."""
        if before.status is not StepStatus.FAILED or before.error is None:
            return False
        if before.is_caught:
            return True
        key = (before.step, before.visit, before.task)
        failures, lost = self.failures(key), self.hosts_lost[key]
        return not self.is_past(before) and not self.allows_retry(step, before.error.name, failures, lost)

    def outcome_of(self, step: Step, recorded: StepExecution | None) -> Outcome | None:
        """Return what a record says of a DAG's member; None while it is not over."""
        if recorded is None:
            return None
        if recorded.status is StepStatus.SUCCEEDED or recorded.is_caught:
            return Outcome.DONE
        if recorded.status is StepStatus.SKIPPED and not recorded.error:
            return Outcome.SKIPPED
        if recorded.status is StepStatus.SKIPPED and not self.is_past(recorded):
            return Outcome.BLOCKED
        return Outcome.FAILED if self.has_failed_for_good(step, recorded) else None

    @property
    def deadline(self) -> datetime | None:
        """Return when `limits.duration` is used up."""
        seconds, most = self.program.plan.limits.duration_seconds, self.most_seconds
        if seconds is None and most is None:
            return None
        begun = self.run.retried_at or self.run.started_at or datetime.now(UTC)
        ceiling = None if most is None else begun + timedelta(seconds=most)
        if seconds is None:
            return ceiling
        own = begun + timedelta(seconds=seconds)
        raises = [one for one in self.raises(DURATION) if one.answered_at is not None]
        if raises and raises[-1].answered_at:
            own = raises[-1].answered_at + timedelta(seconds=_more(raises[-1]))
        return own if ceiling is None else min(own, ceiling)

    def raises(self, limit: str) -> list[Question]:
        """Return the questions about a limit that people have answered with yes, in the order of the answers."""
        asked = [one for one in self.questions.values() if one.kind == "limit" and one.key == limit]
        agreed = [one for one in asked if isinstance(one.answer, dict) and one.answer.get("go_on") is True]
        return sorted(agreed, key=lambda one: (one.answered_at is None, one.answered_at))

    def allowed(self, limit: str, most: int) -> int:
        """Return a limit as it stands after what people have answered; `limit` is the key of the questions."""
        return most + int(self.raised(limit))

    def raised(self, limit: str) -> float:
        """Return how much more people have allowed of a limit."""
        return sum(_more(one) for one in self.raises(limit))

    async def result(self, execution: StepExecution) -> Json:
        """Return the result of a recorded step, wherever it lies."""
        return await self.loaded_result(execution.result or {})

    async def loaded_result(self, kept: Mapping[str, Json]) -> Json:
        """Return the result that a row holds, or that it says where to find; raises `UnknownArtifact`."""
        if "artifact" not in kept:
            return kept.get("value")
        uri: str = kept["artifact"]
        if uri not in self.loaded:
            self.loaded[uri] = json.loads(await self.ports.artifacts.read(uri))
        return self.loaded[uri]

    def waits(self, step: str, visit: str) -> bool:
        """Tell whether a step was waiting for somebody outside when it was left, and not at work."""
        return any(
            not one.is_taken and one.kind != "limit"
            for one in self.questions.values()
            if (one.step, one.visit) == (step, visit)
        )

    def waits_inside(self, path: str, *, is_answered: bool = False) -> bool:
        """Tell whether something in the frames whose paths begin so waits for an answer, or for one that is there."""
        return any(
            not one.is_taken and one.kind != "limit" and (one.answered_at is not None or not is_answered)
            for one in self.questions.values()
            if one.visit.startswith(path)
        )

    async def withdraw(self, step: str, visit: str) -> None:
        """Close the questions of a step that is stopped, and of its items: nobody waits for answers any more."""
        for question in list(self.questions.values()):
            is_inside = question.step == step and question.visit.startswith(visit)
            if question.is_open and is_inside and question.kind != "limit":  # that one is the run's
                now = datetime.now(UTC)
                answered = QuestionAnswered(self.run.id, question.interrupt_id, now, by=WITHDRAWN)
                self.questions[question.interrupt_id] = replace(question, answered_at=now, is_taken=True)
                await self.ports.journal.commit(answered, AnswerTaken(self.run.id, question.interrupt_id))

    # --- what is added ---------------------------------------------------------------------------------------------

    def event(self, type_: str, node: str | None = None, /, **data: Json) -> EventRecorded:
        """Make an event of this attempt."""
        return EventRecorded(self.run.id, type_, datetime.now(UTC), node, self.number, data)

    def append(self, *records: Record) -> None:
        """Queue records, and remember the step executions among them."""
        for record in records:
            if isinstance(record, StepExecution):
                self.remember(record)
            elif isinstance(record, ArtifactStored):
                self.spending.keep(record.step, record.bytes)
        self.ports.journal.append(*records)

    async def commit(self, *records: Record) -> None:
        """Queue records and wait until all that is queued is durable."""
        self.append(*records)
        await self.ports.journal.durable()

    def opened(self, step: str, visit: str, try_number: int, *, task: str = "", key: str = "") -> StepExecution:
        """Return the record of a try that begins; `key` is the idempotency key that the author gave it."""
        return StepExecution(
            run_id=self.run.id,
            step=step,
            visit=visit,
            try_number=try_number,
            status=StepStatus.RUNNING,
            attempt=self.number,
            started_at=datetime.now(UTC),
            task=task,
            idempotency_key=key or f"{self.run.id}/{step}/{visit}{task}",
        )

    def used_by(self, execution: StepExecution) -> Usage | None:
        """Return what a try that is under way has used so far."""
        return self.used.get((execution.step, execution.visit, execution.task), execution.usage)

    def next_key(self, before: StepExecution | None, *, holds_steps: bool) -> str:
        """Return the key of the next try: that of the try before, except where everything is done again.

        So it is for a rerun, and for a retry of what holds steps. A try of such a step that was cut off, or that failed
        before the whole run was retried, is gone on with: `before.path` stays.
        """
        if before is None:
            return ""
        has_failed = holds_steps and before.status is StepStatus.FAILED and not self.is_past(before)
        return before.idempotency_key + (AGAIN if has_failed or before.status in REDONE else "")

    def closed(self, execution: StepExecution, status: StepStatus, **fields: Json) -> StepExecution:
        """Return the record of the same try at its end."""
        if self.used and (used := self.used.pop((execution.step, execution.visit, execution.task), None)):
            fields["usage"] = used or None
        return replace(execution, status=status, finished_at=datetime.now(UTC), **fields)


def _more(question: Question) -> float:
    """Return how much more a person allowed, of whatever the limit counts."""
    return float(question.answer.get("more") or question.schema["properties"]["more"]["default"])


def cut_off(attempt: Attempt, before: StepExecution) -> StepExecution:
    """Return the end of an earlier try that has none: the server died, or lived and could not record it."""
    since = attempt.unrecorded_since
    if since is not None and before.attempt >= since:
        lost = RunError(
            name="not-recorded",
            message="how this ended could not be recorded",
            node=before.step,
            attempt=before.attempt,
        )
        return attempt.closed(before, StepStatus.CANCELLED, error=lost)
    died = RunError(
        name="crashed", message="the server died while this was running", node=before.step, attempt=before.attempt
    )
    return attempt.closed(before, StepStatus.CRASHED, error=died)


def error_of(step: str, attempt: int, failure: StepError, log_uri: str | None = None) -> RunError:
    """Return what is recorded of the failure of a step, whose id in the records this is."""
    return RunError(failure.error_name, failure.message, None, step, attempt, log_uri, failure.cause)
