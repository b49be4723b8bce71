"""Send a signal: to a run, or to whichever run waits for its key."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.answering import Notes, close_question
from spec_service.errors import AlreadyFinal, NotReady, NotWaiting, Refused
from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, kept, once
from spec_service.ports import RunPosition
from spec_service.requests import RequestKey, SignalRequest, read_signal_name
from spec_service.run_answers import close_and_tell
from spec_service.services import Services
from spec_service.views import RunView, SignalView
from translator.language.problems import Problem, did_you_mean
from workflows.records import NO_RUN, EventRecorded, Question, QuestionAnswered, SignalKept
from workflows.run import Run, RunId

TRIES = 100  # each one ends only because something else happened to the run meanwhile
log = get_logger("specloom.operations")


async def send_signal(
    services: Services, run_id: str, name: str, request: SignalRequest, key: RequestKey | None = None
) -> RunAnswer:
    """Answer the run's first wait for such a signal, or keep the signal until the run waits for it; once for a key.

    Raises `UnknownRun`, `AlreadyFinal`, `KeyMismatch`, `Refused` (a bad name, one that no step waits for, or data that
    the wait does not take).
    """
    return await once(services, key, partial(_sent, services, RunId(run_id), read_signal_name(name), request, key))


async def _sent(
    services: Services, run_id: RunId, name: str, request: SignalRequest, key: RequestKey | None
) -> RunAnswer:
    for _ in range(TRIES):
        position = await services.runs.get(run_id)
        if position.run.status.is_final:
            raise AlreadyFinal("the run has ended: it takes no signals")
        await _require_known(services, position.run, name)
        signal = _signal(run_id, name, request)
        question = next((one for one in position.questions if one.is_answered_by(signal)), None)
        if question is None:
            answer = await _kept(services, position, signal, key)
        else:
            answer = await _delivered(services, position, question, signal, key)
        if answer is not None:
            return answer
        if key is not None and await services.journal.kept(key.text) is not None:
            raise NotWaiting  # the same request was faster
    raise NotReady


async def _require_known(services: Services, run: Run, name: str) -> None:
    plan = await services.plans.get(run.plan_digest)
    waits = [step.wait for one in (plan, *plan.workflows.values()) for step in one.steps]
    known = sorted({wait.signal for wait in waits if wait and wait.signal})
    if name not in known:
        listed = f"it waits for {', '.join(known)}" if known else "it waits for none"
        message = "no step of the run waits for a signal of this name"
        raise Refused([Problem("unknown-signal", message, suggestion=did_you_mean(name, known) or listed)])


def _signal(run_id: RunId, name: str, request: SignalRequest) -> SignalKept:
    return SignalKept(run_id, uuid.uuid4().hex, name, request.key, request.data, datetime.now(UTC))


def _received(run_id: RunId, signal: SignalKept, node: str | None) -> EventRecorded:
    data = {"name": signal.name, "key": signal.key, "is_kept": node is None}
    return EventRecorded(run_id, "signal.received", signal.at, node, data=data)


async def _delivered(
    services: Services, position: RunPosition, question: Question, signal: SignalKept, key: RequestKey | None
) -> RunAnswer | None:
    await require_fit(question.schema or {}, signal.data, pointer="/data", name="invalid-answer")
    answered = QuestionAnswered(question.run_id, question.interrupt_id, signal.at, answer=signal.data)
    received = _received(question.run_id, signal, question.step)
    answer = await close_and_tell(services, position, answered, "signal", key, received)
    if answer is not None:
        log.info("signal.delivered", run_id=question.run_id, signal=signal.name)
    return answer


async def _kept(
    services: Services, position: RunPosition, signal: SignalKept, key: RequestKey | None
) -> RunAnswer | None:
    answer = RunAnswer(RunView.of(position.run, position.questions, position.usage))
    received = _received(signal.run_id, signal, None)
    if not await services.journal.commit(signal, received, *kept(key, answer, signal.at)):
        return None
    log.info("signal.kept", run_id=signal.run_id, signal=signal.name)
    return answer


async def send_keyed_signal(services: Services, name: str, request: SignalRequest) -> SignalView:
    """Answer the first wait for such a signal of every run that has one; if none has, keep it for a week at most.

    Raises `Refused` (a bad name, or data that one of the waits does not take: then nobody gets it).
    """
    read_signal_name(name)
    for _ in range(TRIES):
        signal = _signal(NO_RUN, name, request)
        questions = await services.runs.waiting_for_signal(name, request.key or "")
        for question in questions:
            await require_fit(question.schema or {}, signal.data, pointer="/data", name="invalid-answer")
        runs = tuple([one.run_id for one in questions if await _closed(services, one, signal)])
        if runs or (not questions and await services.journal.commit(signal)):
            log.info("signal.sent", signal=name, runs=len(runs))
            return SignalView(name=name, key=request.key or "", delivered_to=runs, is_kept=not runs)
    raise NotReady


async def _closed(services: Services, question: Question, signal: SignalKept) -> bool:
    answered = QuestionAnswered(question.run_id, question.interrupt_id, signal.at, answer=signal.data)
    received = (_received(question.run_id, signal, question.step),)
    notes = Notes(received, received)
    return bool(await close_question(services.journal, services.worker, answered, "signal", notes))
