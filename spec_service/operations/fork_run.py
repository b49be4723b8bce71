"""Start a new run from a step of an old one."""

from __future__ import annotations

from functools import partial

from spec_service.forking import Forking
from spec_service.keys import RunAnswer, once
from spec_service.queueing import require_room
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.travel_requests import ForkRequest
from workflows.run import RunId


async def fork_run(services: Services, run_id: str, request: ForkRequest, key: RequestKey | None = None) -> RunAnswer:
    """Queue a new run, once for a key: what was done before a step is taken over, the rest is done anew.

    Raises `UnknownRun`, `UnknownPlan`, `NotForkable`, `PlanMismatch`, `KeyMismatch`, `Refused`, `NotReady`.
    """
    return await once(services, key, partial(_forked, services, RunId(run_id), request, key))


async def _forked(services: Services, run_id: RunId, request: ForkRequest, key: RequestKey | None) -> RunAnswer:
    require_room(services)
    history = await services.journal.history(run_id)
    plan = await services.plans.get(history.run.plan_digest)
    await services.replayer.get()  # what reads records is loaded with it
    return await Forking(services, history, plan, request).queued(key)
