"""Let a run go on: with an answer to its question, or as it is when nobody executes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.errors import AlreadyFinal, NotWaiting, Refused, SeveralQuestions
from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, kept, once
from spec_service.ports import RunPosition
from spec_service.requests import RequestKey, ResumeRequest
from spec_service.run_answers import close_and_tell
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
    question = _question(position, request.interrupt_id)
    await require_fit(question.schema or {}, request.answer, pointer="/answer", name="invalid-answer")
    answered = QuestionAnswered(question.run_id, question.interrupt_id, datetime.now(UTC), answer=request.answer)
    answer = await close_and_tell(services, position, answered, "answer", key)
    if answer is None:
        raise NotWaiting
    log.info("run.answered", run_id=question.run_id)
    return answer


async def _queued(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Go on with a waiting run that has all its answers, or looks again at what it polls; raises `Refused` otherwise.

    One that waits for times only goes on by itself.
    """
    run, now = position.run, datetime.now(UTC)
    open_ = [one for one in position.questions if one.is_open]
    if any(one.kind == "poll" for one in open_):
        return await _looking_again(services, position, key)
    if open_ and all(one.kind == "run" for one in open_) and await _goes_on_below(services, open_):
        return RunAnswer(RunView.of(run, position.questions, position.usage), is_accepted=False)
    if open_ and all(one.kind == "time" for one in open_):
        services.worker.expect(open_)  # it goes on by itself, here at the latest
        return RunAnswer(RunView.of(run, position.questions, position.usage), is_accepted=False)
    if open_:
        raise Refused([_lack(one) for one in open_])
    answer = RunAnswer(RunView.of(replace(run, status=RunStatus.QUEUED), usage=position.usage))
    moved = RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)
    resumed = EventRecorded(run.id, "run.resumed", now, data={"reason": "request"})
    if not await services.journal.commit(moved, resumed, *kept(key, answer, now)):
        raise NotWaiting
    services.worker.submit(run.id, run.priority)
    return answer


async def _looking_again(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Let a run look at once at what it would look at later."""
    now, polls = datetime.now(UTC), [one for one in position.questions if one.is_open and one.kind == "poll"]
    first, *others = (QuestionAnswered(one.run_id, one.interrupt_id, now, by="request") for one in polls)
    answer = await close_and_tell(services, position, first, "request", key, *others)
    if answer is None:  # its time came meanwhile
        raise NotWaiting
    log.info("run.looks-again", run_id=position.run.id)
    return answer


async def _submitted(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Execute a queued or running run that nobody executes; a live one goes on as it does."""
    run, is_live = position.run, services.worker.is_live(position.run.id)
    answer = RunAnswer(RunView.of(run, position.questions, position.usage), is_accepted=not is_live)
    note = kept(key, answer, datetime.now(UTC))
    if note and not await services.journal.commit(*note):
        raise NotWaiting
    if not is_live:
        log.info("run.submitted", run_id=run.id)
        services.worker.submit(run.id, run.priority)
    return answer


async def _goes_on_below(services: Services, questions: Sequence[Question]) -> bool:
    """Execute the runs that a run waits for, where nobody does; False when one of them waits itself."""
    runs = [(await services.runs.get(RunId(one.key or ""))).run for one in questions]
    if any(run.status is RunStatus.WAITING for run in runs):
        return False
    for run in runs:
        if not run.status.is_final and not services.worker.is_live(run.id):
            services.worker.submit(run.id, run.priority)
    return True


def _lack(question: Question) -> Problem:
    if not question.is_for_people:
        return Problem("answer-needed", _wait(question), suggestion=_way_out(question))
    message = f"{question.step} asks {question.title!r} (interrupt_id {question.interrupt_id})"
    suggestion = "send `answer`; `waiting_for` of the run has the schema that it must fit"
    return Problem("answer-needed", message, "/answer", suggestion=suggestion)


def _wait(question: Question) -> str:
    """Return what a question waits for that no person answers."""
    if question.kind == "signal":
        key = f" with the key {question.key!r}" if question.key is not None else ""
        return f"{question.step} waits for the signal {question.signal}{key}"
    if question.kind == "run":
        return f"{question.step} waits for the end of the run {question.key}"
    what = "something outside, and looks again" if question.kind == "poll" else "a time, which comes"
    return f"{question.step} waits for {what}{f' at {question.expires_at:%FT%TZ}' if question.expires_at else ''}"


def _way_out(question: Question) -> str:
    if question.kind == "signal":
        return f"send it with POST /runs/{question.run_id}/signals/{question.signal}"
    if question.kind == "run":
        return f"what that run waits for stands in GET /runs/{question.key}"
    return "the run goes on by itself, as long as a server runs"


def _question(position: RunPosition, interrupt_id: str | None) -> Question:
    named = [one for one in position.questions if one.is_open and interrupt_id in (None, one.interrupt_id)]
    open_ = [one for one in named if one.is_for_people]
    if named and not open_ and not position.run.status.is_final:
        raise NotWaiting(f"the run waits for no person: {_wait(named[0])}; {_way_out(named[0])}")
    if not open_ or position.run.status.is_final:
        raise NotWaiting
    if len(open_) > 1:
        listed = ", ".join(f"{one.interrupt_id} ({one.step})" for one in open_)
        raise SeveralQuestions(f"the run asks {len(open_)} questions; say which with `interrupt_id`, one of: {listed}")
    return open_[0]
