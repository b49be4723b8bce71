"""Try again what made a run fail."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from structlog.stdlib import get_logger

from spec_service.errors import NotRetryable
from spec_service.keys import RunAnswer, kept, once
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from workflows.records import EventRecorded, RunRetried
from workflows.run import RETRIED_FROM, RunId

log = get_logger("specloom.operations")


async def retry_run(services: Services, run_id: str, key: RequestKey | None = None) -> RunAnswer:
    """Queue a failed or cancelled run again, once for a key; what succeeded in it is not run again.

    Raises `UnknownRun`, `NotRetryable`, `KeyMismatch`.
    """
    return await once(services, key, partial(_retried, services, RunId(run_id), key))


async def _retried(services: Services, run_id: RunId, key: RequestKey | None) -> RunAnswer:
    position, now = await services.runs.get(run_id), datetime.now(UTC)
    run = position.run
    if run.status not in RETRIED_FROM:
        raise NotRetryable(f"only a run that failed or was cancelled can be retried; this one is {run.status}")
    questions = tuple(one for one in position.questions if one.is_for_people and not one.has_expired)
    answer = RunAnswer(RunView.of(run.retried(now), questions, position.usage))
    queued = EventRecorded(run.id, "run.retried", now, attempt=run.attempt, data={"after": run.attempt})
    if not await services.journal.commit(RunRetried(run.id, now), queued, *kept(key, answer, now)):
        raise NotRetryable
    log.info("run.retried", run_id=run.id, after=run.attempt)
    services.worker.submit(run.id, run.priority)
    return answer
