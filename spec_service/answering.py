"""Closing a question and setting its run in motion again, whichever of both comes first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from spec_service.ports import Worker
from workflows.failpoints import hit
from workflows.ports import Journal
from workflows.records import EventRecorded, QuestionAnswered, Record, RunMoved
from workflows.run import RunStatus


class Closing(StrEnum):
    """What became of the run whose question was closed."""

    QUEUED = "queued"  # it waited
    TOLD = "told"  # it was busy, or on its way to wait


@dataclass(frozen=True, slots=True)
class Notes:
    """What is recorded together with the closing of a question."""

    if_queued: tuple[Record, ...] = ()
    if_told: tuple[Record, ...] = ()


async def close_question(
    journal: Journal, worker: Worker, answered: QuestionAnswered, reason: str, notes: Notes | None = None
) -> Closing | None:
    """Record an answer or an expiry and continue the run; None when somebody closed the question before.

    The run may be waiting, or on its way to wait, or busy with other steps. The table of moves decides: it is queued
    if it waits; otherwise its attempt is told, or notices by itself when it wants to wait.
    """
    notes = notes or Notes()
    # A running run may be queued too, by a drain: an answer must not do that.
    queued = RunMoved(answered.run_id, RunStatus.QUEUED, answered.at, only_from=RunStatus.WAITING)
    resumed = EventRecorded(answered.run_id, "run.resumed", answered.at, data={"reason": reason})
    closing = Closing.QUEUED
    is_queued = await journal.commit(answered, queued, resumed, *notes.if_queued)
    if not is_queued:
        closing = Closing.TOLD
        if not await journal.commit(answered, *notes.if_told):
            return None
    hit("answer.recorded")
    if not is_queued:
        is_queued = await journal.commit(queued, resumed)  # it began to wait between the two
    if is_queued:
        worker.submit(answered.run_id)
    else:
        worker.deliver(answered.run_id, answered.interrupt_id)
    return closing
