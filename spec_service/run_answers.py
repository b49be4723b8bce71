"""What is told to whoever closes a question of a run: how the run stands right after that."""

from __future__ import annotations

from dataclasses import replace

from spec_service.answering import Closing, Notes, close_question
from spec_service.keys import RunAnswer, kept
from spec_service.ports import RunPosition
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from workflows.records import QuestionAnswered, Record
from workflows.run import RunStatus


async def close_and_tell(
    services: Services,
    position: RunPosition,
    answered: QuestionAnswered,
    reason: str,
    key: RequestKey | None,
    *also: Record,
) -> RunAnswer | None:
    """Close a question of a run and let the run go on; None when somebody closed the question before.

    `also` is recorded with it.
    """
    run, now = position.run, answered.at
    questions = tuple(one for one in position.questions if one.interrupt_id != answered.interrupt_id)
    queued = RunAnswer(RunView.of(replace(run, status=RunStatus.QUEUED), questions, position.usage))
    status = RunStatus.QUEUED if run.status is RunStatus.WAITING else run.status  # it has just ceased to wait
    told = RunAnswer(RunView.of(replace(run, status=status), questions, position.usage))
    notes = Notes((*also, *kept(key, queued, now)), (*also, *kept(key, told, now)))
    closing = await close_question(services.journal, services.worker, answered, reason, notes)
    if closing is None:
        return None
    return queued if closing is Closing.QUEUED else told
