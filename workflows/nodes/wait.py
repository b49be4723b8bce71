"""The verb `wait`: for a time, for a signal, or until something that is asked again and again is so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from translator.language.standalone import standalone
from workflows.asking import answered, check_deadline, expiry, interrupt_id, put
from workflows.errors import NotReady, StepError
from workflows.nodes.call import NodeCall
from workflows.records import Question, QuestionAsked, QuestionKind

Json = Any
SHORT_SECONDS = 1.0  # so short a wait is not worth ending an attempt for


async def wait(call: NodeCall) -> Json:
    """Return null, the data of the signal, or what the last poll gave; raises `timeout`."""
    spec = call.program.step.wait
    if spec is None:
        return None
    if spec.every_seconds is not None:
        return await _poll(call, spec.every_seconds)
    if spec.signal is not None:
        return await _signal(call, spec.signal)
    await _until(call, await _wake_at(call, spec.seconds))
    return None


async def _wake_at(call: NodeCall, seconds: float | None) -> datetime:
    if seconds is not None:
        return call.execution.started_at + timedelta(seconds=seconds)
    text = await call.evaluate(call.program.until) if call.program.until else None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        message = "`until` is no time as RFC 3339 writes it, such as 2030-01-31T09:00:00Z"
        raise StepError(message, error_name="expression-failed") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _until(call: NodeCall, at: datetime) -> None:
    """Wait for a time; raises `timeout` when the step's own, or what is around it, is over before."""
    question, seconds = call.attempt.questions.get(interrupt_id(call)), (at - datetime.now(UTC)).total_seconds()
    if question is None and seconds <= SHORT_SECONDS:
        await asyncio.sleep(max(0.0, seconds))
        return
    await answered(call, question or await _put(call, "time", expiry(call, at, _own_end(call))))
    if datetime.now(UTC) < at:
        _raise_timeout(call)


async def _signal(call: NodeCall, name: str) -> Json:
    question = call.attempt.questions.get(interrupt_id(call))
    if question is None:
        key = str(await call.evaluate(call.program.key)) if call.program.key else None
        question = await _put(call, "signal", expiry(call, _own_end(call)), signal=name, key=key)
    question = await answered(call, question)
    if question.has_expired:
        _raise_timeout(call)
    return question.answer


async def _poll(call: NodeCall, every: float) -> Json:
    """Call until the condition holds; between two calls the run may wait without holding anything."""
    binding = call.program.step.call
    node = call.nodes["luigi" if binding and binding.kind == "stage" else "tool"]
    question = call.attempt.questions.get(interrupt_id(call))
    if question is not None and not question.is_taken:
        await answered(call, question)
    while True:
        end = _own_end(call)
        if end is not None and end <= datetime.now(UTC):
            _raise_timeout(call)
        with suppress(NotReady):
            result = await node(call)
            if call.program.until is None or await call.evaluate(call.program.until, result=result):
                return result
        at = datetime.now(UTC) + timedelta(seconds=every)
        await answered(call, await _put(call, "poll", expiry(call, at, end)))


def _own_end(call: NodeCall) -> datetime | None:
    seconds = call.program.step.timeout_seconds
    return None if seconds is None else call.execution.started_at + timedelta(seconds=seconds)


def _raise_timeout(call: NodeCall) -> None:
    check_deadline(call)
    raise StepError("what was waited for did not come in time", error_name="timeout")


async def _put(
    call: NodeCall,
    kind: QuestionKind,
    expires_at: datetime | None,
    *,
    signal: str | None = None,
    key: str | None = None,
) -> Question:
    step = call.program.step
    record = QuestionAsked(
        run_id=call.attempt.run.id,
        interrupt_id=interrupt_id(call),
        step=call.step_id,
        visit=call.visit.id,
        title="",
        show=None,
        schema=standalone(step.result or {}, call.frame.plan.defs) if kind == "signal" else {},
        assignees=(),
        asked_at=datetime.now(UTC),
        expires_at=expires_at,
        kind=kind,
        signal=signal,
        key=key,
    )
    return await put(call, record)
