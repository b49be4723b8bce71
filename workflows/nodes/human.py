"""The verb `human`: asks a person and waits, without holding a process for it.

The question is a row before anybody hears of it, and the answer is a row before the run goes on. Inside a DAG the node
waits live while siblings still work; otherwise, and when all is quiet, it interrupts the graph.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt, interrupt

from workflows.errors import StepError
from workflows.failpoints import hit
from workflows.nodes.call import NodeCall
from workflows.records import AnswerTaken, Question, QuestionAsked
from workflows.rounds import Quiet

Json = Any


async def ask(call: NodeCall) -> Json:
    """Return the person's answer; raises `timeout` when nobody answered in time."""
    interrupt_id = Interrupt.from_ns(value=None, ns=call.visit.namespace).id
    question = call.attempt.questions.get(interrupt_id)
    if question is None:
        question = await _put(call, interrupt_id)
    if question.is_open:
        question = await _wait(call, question)
    return _taken(call, question)


async def _put(call: NodeCall, interrupt_id: str) -> Question:
    attempt, step = call.attempt, call.program.step
    asked: dict[str, Json] = await attempt.evaluate(call.program.question, call.state) if call.program.question else {}
    now = datetime.now(UTC)
    record = QuestionAsked(
        run_id=attempt.run.id,
        interrupt_id=interrupt_id,
        step=step.id,
        visit=call.visit.id,
        title=str(asked.get("title", "")),
        show=asked.get("show"),
        schema=step.result or {},
        assignees=step.human.assignees if step.human else (),
        asked_at=now,
        expires_at=_expiry(call, now),
        description=str(asked.get("description") or ""),
    )
    question = Question(**{one.name: getattr(record, one.name) for one in fields(record)})
    attempt.questions[interrupt_id] = question
    expires_at = question.expires_at.isoformat() if question.expires_at else None
    event = attempt.event(
        "step.asked",
        step.id,
        interrupt_id=interrupt_id,
        title=question.title,
        assignees=list(question.assignees),
        expires_at=expires_at,
    )
    await attempt.commit(record, event)
    hit("question.recorded")
    return question


def _expiry(call: NodeCall, now: datetime) -> datetime | None:
    seconds = call.program.step.timeout_seconds
    ends = [now + timedelta(seconds=seconds)] if seconds is not None else []
    if call.attempt.deadline:
        ends.append(call.attempt.deadline)
    return min(ends, default=None)


async def _wait(call: NodeCall, question: Question) -> Question:
    """Wait live as long as siblings move; then interrupt, which ends this attempt."""
    attempt, name = call.attempt, call.program.step.id
    if call.round is not None:
        attempt.parked[question.interrupt_id] = (call.round, name)
        try:
            await call.round.park(name)
        except Quiet:
            pass
        else:
            return attempt.questions[question.interrupt_id]
        finally:
            attempt.parked.pop(question.interrupt_id, None)
    attempt.is_interrupted = True
    value = {"title": question.title, "show": question.show, "node": name, "assignees": list(question.assignees)}
    schema: dict[str, Any] | None = dict(question.schema) if question.schema else None
    interrupt(value, response_schema=schema)
    # The graph was resumed from outside with a value, but no answer is recorded: go on waiting.
    raise GraphInterrupt(())


def _taken(call: NodeCall, question: Question) -> Json:
    attempt, step = call.attempt, call.program.step
    event = attempt.event("step.answered", step.id, interrupt_id=question.interrupt_id, expired=question.has_expired)
    if not question.is_taken:
        attempt.questions[question.interrupt_id] = replace(question, is_taken=True)
        attempt.append(AnswerTaken(attempt.run.id, question.interrupt_id), event)
        hit("answer.taken")
    if question.has_expired:
        deadline = attempt.deadline
        if deadline and question.expires_at and question.expires_at >= deadline:
            raise StepError("the run took longer than limits.duration allows", error_name="time-limit")
        raise StepError("nobody answered in time", error_name="timeout")
    return question.answer
