"""Runs that agents start: made like all others, of the plan that was pinned, and steered through the operations."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spec_service.errors import AlreadyFinal, Refused, ServiceError
from spec_service.eventually import Eventually
from spec_service.operations.cancel_run import cancel_run
from spec_service.operations.send_signal import send_signal
from spec_service.ports import RunFilter, RunPosition, StoredSpec
from spec_service.queueing import Child, queue_run, require_room, stopped_within
from spec_service.requests import ExecuteRequest, RequestKey, SignalRequest
from spec_service.services import Services
from workflows.delegating import ChildOrder, ChildRun
from workflows.errors import StepError, UnknownRun
from workflows.records import Question
from workflows.run import RunId

Json = Any
_PAGE = 500


@dataclass(frozen=True, slots=True)
class ServedChildRuns:
    """The runs that other runs of this process have started; the services are there once all is open."""

    services: Eventually[Services]

    async def start(self, order: ChildOrder) -> ChildRun:
        """Start a run, or return the one that this order has started; raises `StepError` with what is wrong."""
        # In a context of its own: what the caller waits for later is what its own run has queued.
        return await asyncio.create_task(self._start(order))

    async def _start(self, order: ChildOrder) -> ChildRun:
        services = await self.services.get()
        with suppress(UnknownRun):
            return await self.look(order.parent.id, order.id)
        parent, plan = order.parent, order.plan
        try:
            require_room(services)
            stored = await _stored(services, plan.spec_name, plan.spec_digest)
            await services.plans.put(plan, datetime.now(UTC))
            request = ExecuteRequest(order.inputs, plan.digest, {}, parent.priority, order.traceparent)
            await queue_run(services, stored, request, None, Child(order.id, parent.id, parent.labels))
        except ServiceError as error:
            raise _refused(error) from error
        return await self.look(parent.id, order.id)

    async def look(self, parent: RunId, child: RunId) -> ChildRun:
        """Return how a child stands; raises `UnknownRun` for a run that this one has not started."""
        position = await (await self.services.get()).runs.get(child)
        if position.run.parent != parent:
            raise UnknownRun
        return child_of(position)

    async def of(self, parent: RunId) -> tuple[ChildRun, ...]:
        """Return all children of a run, the oldest first."""
        return tuple(child_of(one) for one in await children_of(await self.services.get(), parent))

    async def settle(self, child: RunId, seconds: float) -> None:
        """Wait until a run is over or waits itself, or until the time is up."""
        await stopped_within(await self.services.get(), child, seconds)

    async def signal(self, child: RunId, name: str, data: Json, key: str | None, once: str) -> None:
        """Send a signal, once for the key `once`; raises `StepError` with what is wrong."""
        asked = RequestKey(once, f"agent signal {child} {name}", "")
        request = SignalRequest(data, key)
        try:
            await asyncio.create_task(send_signal(await self.services.get(), child, name, request, asked))
        except ServiceError as error:
            raise _refused(error) from error

    async def cancel(self, child: RunId) -> None:
        """Ask a run to stop; nothing happens to one that is over."""
        with suppress(AlreadyFinal):
            await asyncio.create_task(cancel_run(await self.services.get(), child))


async def children_of(services: Services, parent: RunId) -> list[RunPosition]:
    """Return the runs that a run has started, the oldest first."""
    found: list[RunPosition] = []
    cursor: str | None = None
    while True:
        items, cursor = await services.runs.page(RunFilter(parent=parent), cursor, _PAGE)
        found += items
        if cursor is None:
            return found[::-1]


def child_of(position: RunPosition) -> ChildRun:
    """Return what is told of a run to the one that started it."""
    run = position.run
    return ChildRun(
        id=run.id,
        spec=run.spec_name,
        version=run.spec_version or f"r{run.spec_revision}",
        status=run.status,
        outputs=run.outputs,
        error=run.error,
        waits_for=waits_of(position.questions),
    )


def waits_of(questions: tuple[Question, ...]) -> tuple[str, ...]:
    """Return what a run waits for that somebody outside has to do: titles of questions, names of signals."""
    open_ = [one for one in questions if one.is_open]
    return tuple(
        one.title if one.is_for_people else f"the signal {one.signal}" for one in open_ if is_from_outside(one)
    )


def is_from_outside(question: Question) -> bool:
    """Tell whether somebody has to answer or to send a signal."""
    return question.is_for_people or question.kind == "signal"


async def _stored(services: Services, name: str, digest: str) -> StoredSpec:
    """Return the stored spec that a plan was made of; raises `StepError` when it is not in use any more."""
    for one in await services.specs.revisions(name):
        if one.digest == digest:
            return await services.specs.get(f"{name}@r{one.revision}")
    raise StepError(f"the workflow {name} is not in use any more", error_name="unavailable")


def _refused(error: ServiceError) -> StepError:
    if isinstance(error, Refused):
        said = "; ".join(f"{one.path or '/'}: {one.message}" for one in error.problems)
        return StepError(said, error_name=error.problems[0].name if error.problems else error.name)
    return StepError(error.message, error_name=error.name)
