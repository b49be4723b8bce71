"""Stop a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.errors import AlreadyFinal
from spec_service.keys import RunAnswer, kept, once
from spec_service.ports import RunPosition
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from translator.planning.plan import FINALLY
from workflows.records import CancelRequested, EventRecorded, RunMoved
from workflows.run import RunId, RunStatus

log = get_logger("specloom.operations")


async def cancel_run(services: Services, run_id: str, key: RequestKey | None = None) -> RunAnswer:
    """Ask a run to stop, once for a key; a live one is stopped for real, any other is over at once.

    What stands under `finally` runs before a run that has begun is over.

    Raises `UnknownRun`, `AlreadyFinal`, `KeyMismatch`.
    """
    return await once(services, key, partial(_cancelled, services, RunId(run_id), key))


async def _cancelled(services: Services, run_id: RunId, key: RequestKey | None) -> RunAnswer:
    answer, position = None, await services.runs.get(run_id)
    run = position.run
    if run.started_at is not None and (await services.plans.get(run.plan_digest)).members(FINALLY):
        answer = await _queued(services, position, key) if run.status is RunStatus.WAITING else None
    elif run.status is not RunStatus.RUNNING or not services.worker.is_live(run.id):
        answer = await _ended(services, position, key)
    return answer or await _asked(services, await services.runs.get(run_id), key)


async def _ended(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer | None:
    """End a run that nobody executes; None when it stands otherwise by now."""
    run, now = position.run, datetime.now(UTC)
    if run.status.is_final:
        raise AlreadyFinal
    over = replace(run, status=RunStatus.CANCELLED, cancel_requested=True, finished_at=now)
    answer = RunAnswer(RunView.of(over, usage=position.usage))
    is_over = await services.journal.commit(
        CancelRequested(run.id, now),
        EventRecorded(run.id, "run.cancel-requested", now),
        RunMoved(run.id, RunStatus.CANCELLED, now, only_from=run.status),
        EventRecorded(run.id, "run.cancelled", now),
        *kept(key, answer, now),
    )
    if is_over:
        log.info("run.cancelled", run_id=run.id)
    return answer if is_over else None


async def _queued(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer | None:
    """Queue a waiting run for what stands under `finally`; None when it stands otherwise by now."""
    run, now = position.run, datetime.now(UTC)
    answer = RunAnswer(RunView.of(replace(run, status=RunStatus.QUEUED, cancel_requested=True), usage=position.usage))
    is_queued = await services.journal.commit(
        CancelRequested(run.id, now),
        EventRecorded(run.id, "run.cancel-requested", now),
        RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING),
        *kept(key, answer, now),
    )
    if is_queued:
        services.worker.submit(run.id, run.priority)
    return answer if is_queued else None


async def _asked(services: Services, position: RunPosition, key: RequestKey | None) -> RunAnswer:
    """Ask a run to stop, wherever it is; one that nobody executes is taken up, and ends."""
    run, now = position.run, datetime.now(UTC)
    answer = RunAnswer(RunView.of(replace(run, cancel_requested=True), position.questions, position.usage))
    requested = EventRecorded(run.id, "run.cancel-requested", now)
    if not await services.journal.commit(CancelRequested(run.id, now), requested, *kept(key, answer, now)):
        raise AlreadyFinal
    log.info("run.cancel-requested", run_id=run.id)
    if not services.worker.cancel(run.id):
        await services.journal.commit(RunMoved(run.id, RunStatus.QUEUED, now, only_from=RunStatus.WAITING))
        if not services.worker.is_live(run.id):
            services.worker.submit(run.id, run.priority)
    return answer
