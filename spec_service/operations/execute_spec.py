"""Start a run of a spec."""

from __future__ import annotations

from functools import partial

from spec_service.keys import RunAnswer, once
from spec_service.queueing import answer_when_it_stops, queue_run, require_room
from spec_service.requests import ExecuteRequest, RequestKey
from spec_service.services import Services


async def execute_spec(
    services: Services,
    spec_id: str,
    request: ExecuteRequest,
    wait: float | None = None,
    key: RequestKey | None = None,
) -> RunAnswer:
    """Queue a run, once for a key; with `wait`, return it as it is when it stops or after so many seconds.

    Raises `UnknownSpec`, `SpecRetired`, `UnknownPlan`, `PlanMismatch`, `KeyMismatch`, `Refused`, `NotReady`.
    """
    answer = await once(services, key, partial(_queued, services, spec_id, request, key))
    return await answer_when_it_stops(services, answer, wait)


async def _queued(services: Services, spec_id: str, request: ExecuteRequest, key: RequestKey | None) -> RunAnswer:
    require_room(services)
    return await queue_run(services, await services.specs.get(spec_id), request, key)
