"""The in-memory twin of child runs: for tests of specs and of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from translator.language.schemas import Validator, with_defaults
from workflows.delegating import ChildOrder, ChildRun
from workflows.errors import StepError, UnknownRun
from workflows.memory import MemoryJournal, MemoryPlans
from workflows.records import EventRecorded, QuestionAnswered, RunCreated, RunMoved, SignalKept
from workflows.run import Run, RunId, RunStatus

Json = Any


class MemoryChildren:
    """Runs that other runs have started, executed in this process by `execute`, which a test gives."""

    def __init__(
        self, journal: MemoryJournal, plans: MemoryPlans, execute: Callable[[RunId], Coroutine[Any, Any, Any]]
    ) -> None:
        self._journal, self._plans, self._execute = journal, plans, execute
        self._tasks: dict[RunId, asyncio.Task[Any]] = {}

    async def start(self, order: ChildOrder) -> ChildRun:
        """Start a run, or return the one that this order has started; raises `StepError` for inputs that do not fit."""
        if order.id not in self._tasks:
            plan, now = order.plan, datetime.now(UTC)
            inputs = with_defaults(plan.inputs, order.inputs)
            if wrong := Validator(plan.inputs, plan.defs).problems(inputs, ""):
                raise StepError(f"/inputs{wrong[0].path}: {wrong[0].message}", error_name="invalid-inputs")
            await self._plans.put(plan)
            digest, parent = plan.spec_digest, order.parent.id
            run = Run(order.id, plan.spec_name, 1, digest, plan.digest, inputs, now, parent=parent)
            event = EventRecorded(run.id, "run.queued", now, data={"parent": parent})
            await asyncio.create_task(self._journal.commit(RunCreated(run), event))  # in a context of its own
            self._tasks[order.id] = asyncio.create_task(self._execute(run.id))
        return await self.look(order.parent.id, order.id)

    async def look(self, parent: RunId, child: RunId) -> ChildRun:
        """Return how a child stands; raises `UnknownRun` for a run that this one has not started."""
        history = await self._journal.history(child)
        run = history.run
        if run.parent != parent:
            raise UnknownRun
        waits = tuple(one.title or f"the signal {one.signal}" for one in history.questions if one.is_open)
        version = run.spec_version or f"r{run.spec_revision}"
        return ChildRun(run.id, run.spec_name, version, run.status, run.outputs, run.error, waits)

    async def of(self, parent: RunId) -> tuple[ChildRun, ...]:
        """Return all children of a run, the oldest first."""
        runs = [(await self._journal.history(one)).run for one in sorted(self._tasks)]
        return tuple([await self.look(parent, run.id) for run in runs if run.parent == parent])

    async def settle(self, child: RunId, seconds: float) -> None:
        """Wait until an execution of a run is over, however long that takes."""
        del seconds
        await asyncio.wait({self._tasks[child]})

    async def signal(self, child: RunId, name: str, data: Json, key: str | None, once: str) -> None:
        """Answer the run's wait for a signal, or keep the signal; raises `StepError` when the run is over."""
        history, now = await self._journal.history(child), datetime.now(UTC)
        if history.run.status.is_final:
            raise StepError("the run has ended: it takes no signals", error_name="already-final")
        signal = SignalKept(child, once, name, key, data, now)
        question = next((one for one in history.questions if one.is_answered_by(signal)), None)
        if question is None:
            await self._journal.commit(signal)
            return
        answered = QuestionAnswered(child, question.interrupt_id, now, answer=data)
        if await self._journal.commit(answered, RunMoved(child, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)):
            self._tasks[child] = asyncio.create_task(self._execute(child))

    async def cancel(self, child: RunId) -> None:
        """Stop a run where it stands."""
        task, now = self._tasks[child], datetime.now(UTC)
        task.cancel()
        await asyncio.wait({task})
        await self._journal.reopen(child)
        await self._journal.commit(
            RunMoved(child, RunStatus.CANCELLED, now), EventRecorded(child, "run.cancelled", now)
        )

    async def aclose(self) -> None:
        """Stop whatever still works."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
