"""Run one stage alone: a run like any other, of a spec that is made for it."""

from __future__ import annotations

from functools import partial

from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, once
from spec_service.queueing import answer_when_it_stops, queue_run, require_room
from spec_service.requests import ExecuteRequest, RequestKey, StageRunRequest
from spec_service.services import Services
from spec_service.single_stage import find_stage, spec_of
from spec_service.stage_views import STAGE_LABEL
from spec_service.storing import store_spec
from workflows.luigi.registry import StageRecord


async def run_stage(
    services: Services, request: StageRunRequest, wait: float | None = None, key: RequestKey | None = None
) -> RunAnswer:
    """Store the spec that runs the stage, queue a run of it, once for a key; with `wait`, as `execute_spec`.

    Raises `UnknownEntry`, `KeyMismatch`, `Refused`, `NotReady`.
    """
    stage = find_stage(await services.catalog.get(), request.stage)
    answer = await once(services, key, partial(_queued, services, stage, request, key))
    return await answer_when_it_stops(services, answer, wait)


async def _queued(
    services: Services, stage: StageRecord, request: StageRunRequest, key: RequestKey | None
) -> RunAnswer:
    require_room(services)
    pointer = f"/{request.inputs_key}"
    await require_fit(stage.parameters, dict(request.inputs), pointer=pointer, name="invalid-inputs")
    stored, _ = await store_spec(services, spec_of(stage, request), "json")
    labels = {**request.labels, STAGE_LABEL: stage.name}
    return await queue_run(services, stored, ExecuteRequest(request.inputs, None, labels, request.priority), key)
