"""Limits that an author wrote, with `on_exceed: pause`: beyond them the run waits for a person who allows more.

The question is a row, as every other one, and so is the answer: how much is allowed is read off the answers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workflows.activity import Activity
from workflows.asking import Asking, answered, put
from workflows.attempt import DURATION, Attempt
from workflows.errors import StepError
from workflows.frames import Visit
from workflows.records import Question, QuestionAsked

Json = Any


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that a step would go beyond."""

    limit: str  # the key of the questions about it: "steps", "steps check/", "visits judge", "fan_out fetch"
    unit: str  # what it counts
    most: float  # as it stands now
    more: float | None  # what is offered when a person allows more; None: it is not counted, only let be
    error: StepError  # what the step fails with when nobody does


def _to_allow_more(exceeded: Exceeded) -> dict[str, Json]:
    """Return the schema of an answer."""
    if exceeded.more is None:
        return {
            "type": "object",
            "required": ["go_on"],
            "additionalProperties": False,
            "properties": {"go_on": {"type": "boolean"}},
        }
    amount = {
        "type": "number" if exceeded.unit in {"seconds", "USD"} else "integer",
        "exclusiveMinimum": 0,
        "default": exceeded.more,
        "description": f"How many {exceeded.unit} more; {exceeded.more:g} when it is left out.",
    }
    return {
        "type": "object",
        "required": ["go_on"],
        "additionalProperties": False,
        "properties": {"go_on": {"type": "boolean"}, "more": amount},
    }


async def ask_for_more(asking: Asking, exceeded: Exceeded) -> None:
    """Return when a person allows more; raises the limit's error when one does not, and `Quiet`."""
    attempt, name = asking.attempt, f"{exceeded.limit} {exceeded.most}"
    question = attempt.questions.get(_id(attempt, name))
    if question is None:
        question = await put(asking, _asked(asking, exceeded, name))
    question = await answered(asking, question)
    if not _agrees(question):
        raise exceeded.error


def is_asked(attempt: Attempt, exceeded: Exceeded) -> bool:
    """Tell whether a person was asked about this already."""
    return _id(attempt, f"{exceeded.limit} {exceeded.most}") in attempt.questions


async def take_up(attempt: Attempt) -> None:
    """Take up what people answered while the run waited: no step comes back to such a question once it may go on."""
    for question in tuple(attempt.questions.values()):
        if question.kind == "limit" and not question.is_open and not question.is_taken:
            await answered(Asking(attempt, question.step, Visit(question.visit, Activity())), question)


async def asked_for_time(attempt: Attempt) -> bool:
    """Ask a person whether the run may take longer than `limits.duration`; False when nobody is to be asked."""
    limits, name = attempt.program.plan.limits, f"{DURATION} {len(attempt.raises(DURATION))}"
    if limits.on_exceed != "pause" or limits.duration_seconds is None:
        return False
    question = attempt.questions.get(_id(attempt, name))
    if question is None:
        error = StepError("the run took longer than limits.duration allows", error_name="time-limit")
        exceeded = Exceeded(DURATION, "seconds", 0, limits.duration_seconds, error)
        asking = Asking(attempt, "", Visit("", Activity()))
        question = await put(asking, _asked(asking, exceeded, name))
    return question.is_open


def _id(attempt: Attempt, name: str) -> str:
    named = f"{attempt.run.id}/limit/{name}/{attempt.run.retried_after}"  # who retries a run is asked again
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _asked(asking: Asking, exceeded: Exceeded, name: str) -> QuestionAsked:
    attempt, reason = asking.attempt, exceeded.error.message
    return QuestionAsked(
        run_id=attempt.run.id,
        interrupt_id=_id(attempt, name),
        step=asking.step_id,
        visit=asking.visit.id,
        title=f"Limit reached: {reason}. Go on?",
        show=None,
        schema=_to_allow_more(exceeded),
        assignees=(),
        asked_at=datetime.now(UTC),
        kind="limit",
        key=exceeded.limit,
    )


def _agrees(question: Question) -> bool:
    return isinstance(question.answer, dict) and question.answer.get("go_on") is True
