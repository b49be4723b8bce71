"""Run a part of a run again that is over."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.errors import NotRetryable, Refused
from spec_service.keys import RunAnswer, kept, once
from spec_service.requests import RequestKey, RerunRequest
from spec_service.services import Services
from spec_service.views import RunView
from translator.language.problems import Problem, did_you_mean
from workflows.records import REDONE, EventRecorded, History, RunRetried, StepExecution, used_in
from workflows.renewing import taken_back
from workflows.run import RERUN_FROM, RunId

log = get_logger("specloom.operations")


async def rerun_run(services: Services, run_id: str, request: RerunRequest, key: RequestKey | None = None) -> RunAnswer:
    """Queue a run again that is over, once for a key: a node and what follows from it are executed again.

    Everything else is walked over. Raises `UnknownRun`, `NotRetryable`, `KeyMismatch`, `Refused`.
    """
    return await once(services, key, partial(_queued, services, RunId(run_id), request, key))


async def _queued(services: Services, run_id: RunId, request: RerunRequest, key: RequestKey | None) -> RunAnswer:
    history, now = await services.journal.history(run_id), datetime.now(UTC)
    run = history.run
    if run.status not in RERUN_FROM:
        raise NotRetryable(f"only a run that is over can be run again in part; this one is {run.status}")
    changed = taken_back(await services.plans.get(run.plan_digest), history, request.from_)
    if not changed:
        raise Refused([_unknown(history, request.from_)])
    answer = RunAnswer(RunView.of(run.retried(now), usage=used_in(history.steps)))
    redone = sorted({_shown(one) for one in changed if one.status in REDONE})
    data = {"after": run.attempt, "from": request.from_, "redone": redone}
    event = EventRecorded(run.id, "run.rerun", now, attempt=run.attempt, data=data)
    moved = RunRetried(run.id, now, is_rerun=True)
    if not await services.journal.commit(moved, *changed, event, *kept(key, answer, now)):
        raise NotRetryable
    log.info("run.rerun", run_id=run.id, after=run.attempt)
    services.worker.submit(run.id, run.priority)
    return answer


def _shown(execution: StepExecution) -> str:
    return f"{execution.step}/{execution.name}" if execution.name else execution.step


def _unknown(history: History, name: str) -> Problem:
    family = sorted({one.name for one in history.steps if one.name.partition("(")[0] == name})
    if len(family) > 1:
        message = f"{len(family)} tasks of this family were executed in the run; say which"
        return Problem("unknown-node", message, "/from", suggestion=f"such as {family[0]}")
    known = {one.step for one in history.steps} | {one.name for one in history.steps if one.name}
    message = "no node and no task of this name was executed in the run"
    return Problem("unknown-node", message, "/from", suggestion=did_you_mean(name, known))
