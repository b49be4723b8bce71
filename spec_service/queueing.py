"""A run on its way: recorded, handed to the worker, and waited for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import anyio
from structlog.stdlib import get_logger

from spec_service.artifact_inputs import require_artifacts
from spec_service.errors import NotReady, PlanMismatch, SpecRetired
from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, kept
from spec_service.ports import RunPosition, StoredSpec
from spec_service.requests import ExecuteRequest, Media, RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from translator.language.standalone import standalone
from translator.planning.plan import JsonSchema, Plan
from workflows.records import EventRecorded, RunCreated
from workflows.run import Run, RunId, RunStatus

Json = Any
STOPS = frozenset({"run.waiting", "run.succeeded", "run.failed", "run.cancelled"})
_ON_ITS_WAY = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
log = get_logger("specloom.operations")


@dataclass(frozen=True, slots=True)
class Child:
    """What makes a run one that another run has started."""

    id: RunId
    parent: RunId
    labels: Mapping[str, str]  # of the parent; the spec's own come first


def require_room(services: Services) -> None:
    """Raise `NotReady` while more is queued than can be written."""
    if services.health.is_full:
        raise NotReady("More is queued than can be written at the moment; ask again in a second.")


async def queue_run(
    services: Services,
    stored: StoredSpec,
    request: ExecuteRequest,
    key: RequestKey | None,
    child: Child | None = None,
) -> RunAnswer:
    """Record a run of a spec with the key that it was asked for with, and hand it to the worker.

    Raises `SpecRetired`, `UnknownPlan`, `PlanMismatch`, `Refused`, `NotReady`.
    """
    if stored.retired_at is not None:
        raise SpecRetired
    plan = await _plan(services, stored, request.plan)
    inputs = await _inputs(standalone(plan.inputs, plan.defs), request.inputs)
    await require_artifacts(services, plan.inputs, inputs)
    run = _run(stored, plan, request, inputs, child)
    data = {"spec": stored.id, "plan": plan.digest} | ({"parent": child.parent} if child else {})
    queued = EventRecorded(run.id, "run.queued", run.created_at, data=data)
    answer = RunAnswer(RunView.of(run))
    if key is not None and not await services.journal.commit(
        RunCreated(run), queued, *kept(key, answer, run.created_at)
    ):
        raise NotReady
    if key is None:
        services.journal.append(RunCreated(run), queued)
    log.info("run.queued", run_id=run.id, spec=stored.id)
    services.worker.start(run)  # its first effect shares the flush with its creation
    await services.journal.durable()
    return answer


async def _plan(services: Services, stored: StoredSpec, digest: str | None) -> Plan:
    if digest is not None:
        plan = await services.plans.get(digest)
        if plan.spec_digest != stored.digest:
            raise PlanMismatch
        return plan
    plan = await services.planner.plan_text(stored.text, cast("Media", stored.media_type), stored.digest)
    await services.plans.put(plan, datetime.now(UTC))
    return plan


def _run(
    stored: StoredSpec, plan: Plan, request: ExecuteRequest, inputs: Mapping[str, Json], child: Child | None
) -> Run:
    return Run(
        id=child.id if child else new_run_id(),
        spec_name=stored.name,
        spec_revision=stored.revision,
        spec_version=stored.version,
        spec_digest=stored.digest,
        plan_digest=plan.digest,
        inputs=inputs,
        created_at=datetime.now(UTC),
        labels={**(child.labels if child else {}), **stored.labels, **request.labels},
        priority=request.priority,
        traceparent=request.traceparent,
        parent=child.parent if child else None,
    )


async def _inputs(schema: JsonSchema, given: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the inputs with defaults filled in; raises `Refused` with pointers into the body."""
    from translator.language.schemas import with_defaults  # noqa: PLC0415 - jsonschema loads slowly

    inputs = with_defaults(schema, given)
    await require_fit(schema, inputs, pointer="/inputs", name="invalid-inputs")
    return inputs


def new_run_id() -> RunId:
    """Return a UUIDv7 (RFC 9562): ids sort by the time at which runs were created."""
    random = uuid.uuid4().int
    value = (time.time_ns() // 1_000_000) << 80 | (0x7 << 76) | (random & ((1 << 76) - 1))
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return RunId(str(uuid.UUID(int=value)))


async def answer_when_it_stops(services: Services, answer: RunAnswer, seconds: float | None) -> RunAnswer:
    """Return the answer with the run as it is when it waits or is over, or when the time is up; at once for None."""
    if seconds is None:
        return answer
    position = await stopped_within(services, RunId(answer.run.id), seconds)
    view = RunView.of(position.run, position.questions, position.usage)
    return replace(answer, run=view, is_accepted=False)


async def stopped_within(services: Services, run_id: RunId, seconds: float) -> RunPosition:
    """Return a run as it is when it waits or is over, or when the time is up."""
    with anyio.move_on_after(seconds) as scope, services.stopping.ends(scope):
        async with aclosing(services.events.follow(run_id, 0)) as events:
            async for event in events:
                if event.type in STOPS:
                    position = await services.runs.get(run_id)
                    if not _goes_on(position.run):
                        return position
    return await services.runs.get(run_id)


def _goes_on(run: Run) -> bool:
    """Return whether a run has gone on since it stopped, or will: one that is to end does not wait for long."""
    return run.status in _ON_ITS_WAY or (run.status is RunStatus.WAITING and run.cancel_requested)
