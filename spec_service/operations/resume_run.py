"""Answer a question of a run, which then goes on."""

from __future__ import annotations

from datetime import UTC, datetime

from structlog.stdlib import get_logger

from spec_service.answering import close_question
from spec_service.errors import NotWaiting, SeveralQuestions
from spec_service.fitting import require_fit
from spec_service.ports import RunPosition
from spec_service.requests import ResumeRequest
from spec_service.services import Services
from spec_service.views import RunView
from workflows.records import Question, QuestionAnswered
from workflows.run import RunId

log = get_logger("specloom.operations")


async def resume_run(services: Services, run_id: str, request: ResumeRequest) -> RunView:
    """Record an answer and let the run go on.

    Raises `UnknownRun`, `NotWaiting`, `SeveralQuestions`, `Refused` (the run then goes on waiting). Of two answers at
    the same time, one is taken.
    """
    position = await services.runs.get(RunId(run_id))
    question = _question(position, request.interrupt_id)
    await require_fit(question.schema or {}, request.answer, pointer="/answer", name="invalid-answer")
    answered = QuestionAnswered(RunId(run_id), question.interrupt_id, datetime.now(UTC), answer=request.answer)
    if not await close_question(services.journal, services.worker, answered, "answer"):
        raise NotWaiting
    log.info("run.answered", run_id=run_id)
    position = await services.runs.get(RunId(run_id))
    return RunView.of(position.run, position.questions)


def _question(position: RunPosition, interrupt_id: str | None) -> Question:
    open_ = [one for one in position.questions if one.is_open and interrupt_id in (None, one.interrupt_id)]
    if not open_ or position.run.status.is_final:
        raise NotWaiting
    if len(open_) > 1:
        listed = ", ".join(f"{one.interrupt_id} ({one.step})" for one in open_)
        raise SeveralQuestions(f"the run asks {len(open_)} questions; say which with `interrupt_id`, one of: {listed}")
    return open_[0]
