"""Runs that an agent starts: a workflow that it calls as a tool, and the tools with which it delegates.

A call that waits for a run waits as everything does that waits for the world outside: a while here, then as a row, and
the agent's run holds nothing. docs/adr/0006 says why these are runs of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from translator.planning.delegation import by_name
from translator.planning.plan import AgentTool, Binding
from workflows.agents.talk import Talk
from workflows.asking import answered, check_deadline, expiry, put
from workflows.delegating import MOST_CHILDREN, ChildOrder, ChildRun, ChildRuns, child_id
from workflows.errors import StepError, UnknownRun
from workflows.failpoints import hit
from workflows.nodes.call import NodeCall
from workflows.records import Question, QuestionAnswered, QuestionAsked, StepExecution
from workflows.run import RunId, RunStatus

Json = Any
LIVE_SECONDS = 2.0  # that a call waits here before the run waits without holding anything
KINDS = frozenset({"workflow", "delegation"})
"""The kinds of tools that start or steer runs."""


async def used(talk: Talk, tool: AgentTool, row: StepExecution, number: str, span: str | None) -> Json:
    """Return the result of a tool of one of `KINDS`; raises `StepError`, and `Quiet` while the run waits."""
    children = talk.conversation.attempt.ports.children
    if children is None:
        raise StepError("no runs can be started here", error_name="unavailable")
    tasks = _Tasks(talk, children, row, number, span)
    arguments: dict[str, Json] = dict(row.arguments or {})
    if tool.call.kind == "workflow":
        return await tasks.called(tool.call, arguments)
    return await _WAYS[tool.call.name](tasks, arguments)


def waits(talk: Talk, number: str) -> bool:
    """Tell whether a call has come to wait for a run before: then it is gone on with."""
    return _interrupt_id(talk, number, 0) in talk.conversation.attempt.questions


@dataclass(frozen=True, slots=True)
class _Tasks:
    """One call that has to do with runs of its own."""

    talk: Talk
    children: ChildRuns
    row: StepExecution
    number: str
    span: str | None  # the traceparent of the call

    @property
    def _call(self) -> NodeCall:
        return self.talk.conversation.call

    @property
    def _run_id(self) -> RunId:
        return self._call.attempt.run.id

    async def called(self, binding: Binding, inputs: Mapping[str, Json]) -> Json:
        """Return the outputs of a workflow; raises its error."""
        child = await self._started(binding, inputs)
        child = await self._ended(child, None)
        if child.status is RunStatus.SUCCEEDED:
            return child.outputs
        if child.error is None:
            raise StepError(f"the run {child.id} was stopped", error_name="task-cancelled")
        raise StepError(child.error.message, error_name=child.error.name, cause=child.error)

    # --- delegation ------------------------------------------------------------------------------------------------

    async def start(self, arguments: Mapping[str, Json]) -> Json:
        """Start a task."""
        agent = self._call.program.step.agent
        known = by_name(agent.delegates if agent else ())
        binding = known.get(str(arguments.get("workflow")))
        if binding is None:  # the schema says so, too; nothing but this decides
            raise StepError(f"you may start: {', '.join(known)}", error_name="not-allowed")
        return (await self._started(binding, arguments.get("inputs") or {})).as_json()

    async def check(self, arguments: Mapping[str, Json]) -> Json:
        """Tell how a task stands, at its end if that comes in time."""
        child = await self._known(arguments)
        seconds = float(arguments.get("wait_seconds") or 0)
        return (await self._ended(child, self.row.started_at + timedelta(seconds=seconds))).as_json()

    async def list_all(self, arguments: Mapping[str, Json]) -> Json:
        """Tell how all tasks stand."""
        del arguments
        return [one.as_json() for one in await self.children.of(self._run_id)]

    async def update(self, arguments: Mapping[str, Json]) -> Json:
        """Send a signal to a task."""
        child = await self._known(arguments)
        once = f"agent/{self._run_id}/{self.row.idempotency_key}"
        await self.children.signal(child.id, arguments["signal"], arguments.get("data"), arguments.get("key"), once)
        return (await self._known(arguments)).as_json()

    async def cancel(self, arguments: Mapping[str, Json]) -> Json:
        """Stop a task."""
        child = await self._known(arguments)
        if not child.is_over:
            await self.children.cancel(child.id)
        return (await self._known(arguments)).as_json()

    async def _known(self, arguments: Mapping[str, Json]) -> ChildRun:
        return await self._look(RunId(str(arguments.get("task"))))

    async def _look(self, child: RunId) -> ChildRun:
        try:
            return await self.children.look(self._run_id, child)
        except UnknownRun:
            raise StepError("you have started no such task", error_name="unknown-task") from None

    # --- starting --------------------------------------------------------------------------------------------------

    async def _started(self, binding: Binding, inputs: Mapping[str, Json]) -> ChildRun:
        """Start a run, or find the one that this call has started before."""
        attempt, conversation = self._call.attempt, self.talk.conversation
        turn, _, place = self.number.partition(".")
        said = conversation.recorded(turn)
        at = said.finished_at if said and said.finished_at else attempt.run.created_at
        at += timedelta(milliseconds=int(place))  # ids keep the order of the calls of one answer
        name = child_id(f"{attempt.run.id}/{self.row.idempotency_key}", at)
        try:
            return await self.children.look(attempt.run.id, name)
        except UnknownRun:
            await self._check_room()
        plan = attempt.program.plan.plan_of(binding.source_digest)
        order = ChildOrder(name, attempt.run, plan, inputs, self.span)
        child = await self.children.start(order)
        hit("child.started")
        attempt.append(conversation.tell("agent.task-started", {"run": child.id, "workflow": child.spec}))
        return child

    async def _check_room(self) -> None:
        at_work = sum(not one.is_over for one in await self.children.of(self._run_id))
        if at_work >= MOST_CHILDREN:
            message = f"{at_work} tasks are at work already; wait for some, or stop some"
            raise StepError(message, error_name="too-many-tasks")

    # --- waiting ---------------------------------------------------------------------------------------------------

    async def _ended(self, child: ChildRun, until: datetime | None) -> ChildRun:
        """Return a run once it is over, or as it is when the time is up; raises `Quiet` while the run waits for it."""
        again, is_patient = 0, True
        while not child.is_over and (left := _left(until)) > 0:
            question = self._call.attempt.questions.get(_interrupt_id(self.talk, self.number, again))
            if question is not None and question.is_taken:
                check_deadline(self._call)
                again += 1
                continue
            if question is None and is_patient:
                is_patient = False
                await self.children.settle(child.id, min(left, LIVE_SECONDS))
            else:
                await self._wait(question or await self._asked(child, again, until))
            child = await self._look(child.id)
        return child

    async def _wait(self, question: Question) -> None:
        async with self.talk.standing_still():
            await answered(self._call, question)
        check_deadline(self._call)

    async def _asked(self, child: ChildRun, again: int, until: datetime | None) -> Question:
        """Record that the run waits for another one; one that has ended just now answers at once."""
        call = self._call
        record = QuestionAsked(
            run_id=call.attempt.run.id,
            interrupt_id=_interrupt_id(self.talk, self.number, again),
            step=call.step_id,
            visit=call.visit.id,
            title=f"The run of {child.spec} is not over.",
            show=None,
            schema={},
            assignees=(),
            asked_at=datetime.now(UTC),
            expires_at=expiry(call, until),
            kind="run",
            key=child.id,
        )
        question = await put(call, record)
        if not (await self._look(child.id)).is_over:
            return question
        journal = call.attempt.ports.journal
        await journal.commit(QuestionAnswered(question.run_id, question.interrupt_id, datetime.now(UTC)))
        question = await journal.question(question.run_id, question.interrupt_id) or question
        call.attempt.questions[question.interrupt_id] = question
        return question


def _left(until: datetime | None) -> float:
    return float("inf") if until is None else (until - datetime.now(UTC)).total_seconds()


def _interrupt_id(talk: Talk, number: str, again: int) -> str:
    """Return the id of what a call waits for: the same on resume and after a crash."""
    call = talk.conversation.call
    named = f"{call.attempt.run.id}/{call.step_id}/{call.visit.id}/{talk.conversation.prefix}.{number}/run/{again}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


_WAYS: Mapping[str, Callable[[_Tasks, Mapping[str, Json]], Awaitable[Json]]] = {
    "start_task": _Tasks.start,
    "check_task": _Tasks.check,
    "list_tasks": _Tasks.list_all,
    "update_task": _Tasks.update,
    "cancel_task": _Tasks.cancel,
}
