"""Waiting for the world outside: a person, the clock, a signal. What is waited for is a row before anybody waits.

As long as anything else in the run moves, the wait is live; then everything that waits raises `Quiet`, the node of the
graph interrupts, and the run waits without holding anything.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from workflows.attempt import Attempt
from workflows.errors import StepError
from workflows.failpoints import hit
from workflows.frames import Visit
from workflows.nodes.call import NodeCall
from workflows.records import AnswerTaken, Question, QuestionAsked

Json = Any


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks: a step at a visit of an attempt."""

    attempt: Attempt
    step_id: str
    visit: Visit


def interrupt_id(call: NodeCall) -> str:
    """Return the id of what a step waits for at a visit: the same on resume and after a crash."""
    again = call.execution.path.removeprefix(call.execution.visit + call.execution.task)
    named = f"{call.attempt.run.id}/{call.step_id}/{call.visit.id}{again}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


async def put(call: NodeCall | Asking, record: QuestionAsked) -> Question:
    """Record what is waited for; a signal that was kept answers it at once."""
    attempt = call.attempt
    question = Question(**{one.name: getattr(record, one.name) for one in fields(record)})
    attempt.questions[question.interrupt_id] = question
    event = attempt.event(
        "step.asked" if question.is_for_people else "step.waiting",
        call.step_id or None,
        interrupt_id=question.interrupt_id,
        **_about(question),
    )
    await attempt.commit(record, event)
    hit("question.recorded")
    if record.kind == "signal":
        question = await attempt.ports.journal.question(attempt.run.id, record.interrupt_id) or question
        attempt.questions[question.interrupt_id] = question
    return question


def _about(question: Question) -> dict[str, Json]:
    expires_at = question.expires_at.isoformat() if question.expires_at else None
    if question.is_for_people:
        return {"title": question.title, "assignees": list(question.assignees), "expires_at": expires_at}
    about = {"for": question.kind, "until": expires_at}
    if question.kind == "run":
        return about | {"run": question.key}
    return about | ({"signal": question.signal, "key": question.key} if question.kind == "signal" else {})


async def answered(call: NodeCall | Asking, question: Question) -> Question:
    """Return the question once it is closed; raises `Quiet` when nothing else moves before that."""
    attempt, activity = call.attempt, call.visit.activity
    if question.is_open:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        parked = attempt.parked.setdefault(question.interrupt_id, [])
        parked.append((activity, waiter))
        try:
            await activity.wait(waiter)
        finally:
            parked.remove((activity, waiter))
            if not parked:
                attempt.parked.pop(question.interrupt_id, None)
        question = attempt.questions[question.interrupt_id]
    if not question.is_taken:
        attempt.questions[question.interrupt_id] = replace(question, is_taken=True)
        event = attempt.event(
            "step.answered",
            call.step_id or None,
            **{"interrupt_id": question.interrupt_id, "for": question.kind, "expired": question.has_expired},
        )
        attempt.append(AnswerTaken(attempt.run.id, question.interrupt_id), event)
        attempt.heard += 1
        hit("answer.taken")
    return question


def expiry(call: NodeCall, *ends: datetime | None) -> datetime | None:
    """Return when a wait is over: at its own end, or when whatever is around it has to be."""
    return min((at for at in (*ends, call.deadline) if at is not None), default=None)


def check_deadline(call: NodeCall) -> None:
    """Raise the error of a wait that ended because the time of what is around it was up."""
    run_deadline = call.attempt.deadline
    if run_deadline is not None and run_deadline <= datetime.now(UTC):
        raise StepError("the run took longer than limits.duration allows", error_name="time-limit")
    if call.deadline is not None and call.deadline <= datetime.now(UTC):
        raise StepError("the time of what is around this was up", error_name="timeout")
