"""A call of a tool that a person has to approve: a question of the run, which waits for it without holding anything."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from workflows.agents.talk import Talk
from workflows.asking import answered, check_deadline, expiry, put
from workflows.errors import StepError
from workflows.masking import masked
from workflows.records import Question, QuestionAsked

Json = Any
DECISIONS = ("approve", "edit", "reject", "respond")
ANSWER: dict[str, Json] = {
    "type": "object",
    "required": ["decision"],
    "properties": {
        "decision": {
            "enum": list(DECISIONS),
            "description": "approve: call it so; edit: call it with other `arguments`; reject: do not call it, and "
            "tell the agent `message`; respond: do not call it, and give the agent `message` as its result",
        },
        "arguments": {"type": "object", "description": "With edit: what the tool is called with instead."},
        "message": {"type": "string", "description": "With reject: why. With respond: what the tool would have said."},
    },
    "additionalProperties": False,
    "allOf": [
        {"if": {"properties": {"decision": {"const": "edit"}}}, "then": {"required": ["decision", "arguments"]}},
        {"if": {"properties": {"decision": {"const": "respond"}}}, "then": {"required": ["decision", "message"]}},
    ],
}
"""What a person may answer."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said about a call."""

    kind: str
    arguments: Json = None
    message: str = ""


async def approval(talk: Talk, number: str, tool: str, arguments: Json) -> Decision:
    """Return what a person decides about a call; raises `Quiet` when nothing else moves before that."""
    call = talk.conversation.call
    question = await _question(talk, number, tool, arguments)
    async with talk.standing_still():
        question = await answered(call, question)
    if question.has_expired:
        check_deadline(call)
        raise StepError(f"nobody approved the call of {tool} in time", error_name="timeout")
    answer = cast("dict[str, Json]", question.answer if isinstance(question.answer, dict) else {})
    return Decision(str(answer.get("decision", "reject")), answer.get("arguments"), str(answer.get("message") or ""))


async def _question(talk: Talk, number: str, tool: str, arguments: Json) -> Question:
    """Return the question about a call; one that was withdrawn with a failed try is asked anew."""
    call, again = talk.conversation.call, 0
    while True:
        name = _interrupt_id(talk, number, again)
        known = call.attempt.questions.get(name)
        if known is None:
            break
        is_withdrawn = known.is_taken and known.answer is None and not known.has_expired
        if not is_withdrawn and not (known.has_expired and known.is_taken):
            return known
        again += 1
    record = QuestionAsked(
        run_id=call.attempt.run.id,
        interrupt_id=name,
        step=call.step_id,
        visit=call.visit.id,
        title=f"May the agent {call.step_id} call {tool}?",
        show=masked({"tool": tool, "arguments": arguments}, call.program.step.mask),
        schema=ANSWER,
        assignees=(),
        asked_at=datetime.now(UTC),
        expires_at=expiry(call),
    )
    return await put(call, record)


def _interrupt_id(talk: Talk, number: str, again: int) -> str:
    """Return the id of the question about a call: the same on resume and after a crash."""
    call = talk.conversation.call
    named = f"{call.attempt.run.id}/{call.step_id}/{call.visit.id}/{talk.conversation.prefix}.{number}/{again}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]
