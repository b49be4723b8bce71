"""Stop a run."""

from __future__ import annotations

from datetime import UTC, datetime

from structlog.stdlib import get_logger

from spec_service.errors import AlreadyFinal
from spec_service.services import Services
from spec_service.views import RunView
from workflows.records import CancelRequested, EventRecorded, RunMoved
from workflows.run import RunId, RunStatus

log = get_logger("specloom.operations")


async def cancel_run(services: Services, run_id: str) -> RunView:
    """Ask a run to stop; a live one is stopped for real, a waiting or queued one is over at once.

    Raises `UnknownRun`, `AlreadyFinal`.
    """
    run, now = RunId(run_id), datetime.now(UTC)
    await services.runs.get(run)
    if not await services.journal.commit(CancelRequested(run, now), EventRecorded(run, "run.cancel-requested", now)):
        raise AlreadyFinal
    log.info("run.cancel-requested", run_id=run_id)
    if not services.worker.cancel(run):
        await services.journal.commit(RunMoved(run, RunStatus.CANCELLED, now), EventRecorded(run, "run.cancelled", now))
    position = await services.runs.get(run)
    return RunView.of(position.run, position.questions)
