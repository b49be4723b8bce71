"""The verb `human`: asks a person and waits, without holding a process for it.

The question is a row before anybody hears of it, and the answer is a row before the run goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from translator.language.standalone import standalone
from workflows.asking import answered, check_deadline, expiry, interrupt_id, put
from workflows.errors import StepError
from workflows.masking import masked
from workflows.nodes.call import NodeCall
from workflows.records import Question, QuestionAsked

Json = Any


async def ask(call: NodeCall) -> Json:
    """Return the person's answer; raises `timeout` when nobody answered in time."""
    question = call.attempt.questions.get(interrupt_id(call)) or await _put(call)
    question = await answered(call, question)
    if question.has_expired:
        check_deadline(call)
        raise StepError("nobody answered in time", error_name="timeout")
    return question.answer


async def _put(call: NodeCall) -> Question:
    step, now = call.program.step, datetime.now(UTC)
    asked: dict[str, Json] = await call.evaluate(call.program.question) if call.program.question else {}
    own = None if step.timeout_seconds is None else now + timedelta(seconds=step.timeout_seconds)
    record = QuestionAsked(
        run_id=call.attempt.run.id,
        interrupt_id=interrupt_id(call),
        step=call.step_id,
        visit=call.visit.id,
        title=str(asked.get("title", "")),
        show=masked(asked.get("show"), step.mask),
        schema=standalone(step.result or {}, call.frame.plan.defs),
        assignees=step.human.assignees if step.human else (),
        asked_at=now,
        expires_at=expiry(call, own),
        description=str(asked.get("description") or ""),
    )
    return await put(call, record)
