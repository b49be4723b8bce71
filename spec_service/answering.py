"""Closing a question and setting its run in motion again, whichever of both comes first."""

from __future__ import annotations

from spec_service.ports import Worker
from workflows.failpoints import hit
from workflows.ports import Journal
from workflows.records import EventRecorded, QuestionAnswered, RunMoved
from workflows.run import RunStatus


async def close_question(journal: Journal, worker: Worker, answered: QuestionAnswered, reason: str) -> bool:
    """Record an answer or an expiry and continue the run; False when somebody closed the question before.

    The run may be waiting, or on its way to wait, or busy with other steps. The table of moves decides: it is queued
    if it waits; otherwise its attempt is told, or notices by itself when it wants to wait.
    """
    # A running run may be queued too, by a drain: an answer must not do that.
    queued = RunMoved(answered.run_id, RunStatus.QUEUED, answered.at, only_from=RunStatus.WAITING)
    resumed = EventRecorded(answered.run_id, "run.resumed", answered.at, data={"reason": reason})
    is_queued = await journal.commit(answered, queued, resumed)
    if not is_queued:
        if not await journal.commit(answered):
            return False
        hit("answer.recorded")
        is_queued = await journal.commit(queued, resumed)  # it began to wait between the two
    else:
        hit("answer.recorded")
    if is_queued:
        worker.submit(answered.run_id)
    else:
        worker.deliver(answered.run_id, answered.interrupt_id)
    return True
