"""Let a run go on: with an answer to its question, or as it is when nobody executes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.answering import Closing, Notes, close_question
from spec_service.errors import AlreadyFinal, NotWaiting, Refused, SeveralQuestions
from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, kept, once
from spec_service.ports import RunPosition
from spec_service.requests import RequestKey, ResumeRequest
from spec_service.services import Services
from spec_service.views import RunView
from translator.language.problems import Problem
from workflows.records import EventRecorded, Question, QuestionAnswered, RunMoved
from workflows.run import RunId, RunStatus

log = get_logger("specloom.operations")


async def resume_run(
    services: Services, run_id: str, request: ResumeRequest, key: RequestKey | None = None
) -> RunAnswer:
    """Record an answer and let the run go on; without an answer, execute a run that nobody executes. Once for a key.

    Raises `UnknownRun`, `NotWaiting`, `SeveralQuestions`, `AlreadyFinal`, `KeyMismatch`, `Refused` (the run then goes
    on waiting). Of two answers at the same time, one is taken.
    """
    return await once(services, key, partial(_resumed, services, RunId(run_id), request, key))


async def _resumed(services: Services, run_id: RunId, request: ResumeRequest, key: RequestKey | None) -> RunAnswer:
    position = await services.runs.get(run_id)
    if request.has_answer:
        return await _answered(services, position, request, key)
    if position.run.status.is_final:
        raise AlreadyFinal("the run has ended; a failed or cancelled one can be retried")
    if position.run.status is RunStatus.WAITING:
        return await _queued(services, position, key)
    return await _submitted(services, position, key)


async def _answered(
    services: Services, position: RunPosition, request: ResumeRequest, key: RequestKey | None
) -> RunAnswer:
    run, now = position.run, datetime.now(UTC)
    question = _question(position, request.interrupt_id)
    await require_fit(question.schema or {}, request.answer, pointer="/answer", name="invalid-answer")
    questions = tuple(one for one in position.questions if one is not question)
    queued = RunAnswer(RunView.of(replace(run, status=RunStatus.QUEUED), questions))
    status = RunStatus.QUEUED if run.status is RunStatus.WAITING else run.status  # it has just ceased to wait
    told = RunAnswer(RunView.of(replace(run, status=status), questions))
    answered = QuestionAnswered(run.id, question.interrupt_id, now, answer=request.answer)
    notes = Notes(kept(key, queued, now), kept(key, told, now))
    closing = await close_question(services.journal, services.worker, answered, "answer", notes)
    if closing is None:
        raise NotWaiting
    log.info("run.answered", run_id=run.id)
    return queued if closing is Closing.QUEUED else told


async def _queued(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Go on with a waiting run that has all its answers; raises `Refused` when it lacks one."""
    run, now = position.run, datetime.now(UTC)
    lacking = [_lack(question) for question in position.questions if question.is_open]
    if lacking:
        raise Refused(lacking)
    answer = RunAnswer(RunView.of(replace(run, status=RunStatus.QUEUED)))
    moved = RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)
    resumed = EventRecorded(run.id, "run.resumed", now, data={"reason": "request"})
    if not await services.journal.commit(moved, resumed, *kept(key, answer, now)):
        raise NotWaiting
    services.worker.submit(run.id, run.priority)
    return answer


async def _submitted(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Execute a queued or running run that nobody executes; a live one goes on as it does."""
    run, is_live = position.run, services.worker.is_live(position.run.id)
    answer = RunAnswer(RunView.of(run, position.questions), is_accepted=not is_live)
    note = kept(key, answer, datetime.now(UTC))
    if note and not await services.journal.commit(*note):
        raise NotWaiting
    if not is_live:
        log.info("run.submitted", run_id=run.id)
        services.worker.submit(run.id, run.priority)
    return answer


def _lack(question: Question) -> Problem:
    message = f"{question.step} asks {question.title!r} (interrupt_id {question.interrupt_id})"
    suggestion = "send `answer`; `waiting_for` of the run has the schema that it must fit"
    return Problem("answer-needed", message, "/answer", suggestion=suggestion)


def _question(position: RunPosition, interrupt_id: str | None) -> Question:
    open_ = [one for one in position.questions if one.is_open and interrupt_id in (None, one.interrupt_id)]
    if not open_ or position.run.status.is_final:
        raise NotWaiting
    if len(open_) > 1:
        listed = ", ".join(f"{one.interrupt_id} ({one.step})" for one in open_)
        raise SeveralQuestions(f"the run asks {len(open_)} questions; say which with `interrupt_id`, one of: {listed}")
    return open_[0]
