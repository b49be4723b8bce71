"""Runs and the runs that they have started: a child's end is told to whoever waits for it, a parent's end ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from structlog.stdlib import get_logger

from spec_service.answering import close_question
from spec_service.child_runs import waits_of
from spec_service.errors import AlreadyFinal
from spec_service.operations.cancel_run import cancel_run
from spec_service.ports import Announcer
from spec_service.services import Services
from translator.errors import SpecloomError
from workflows.records import EventRecorded, QuestionAnswered, Record, RunCreated, RunMoved, RunRetried
from workflows.run import RunId, RunStatus

_PATIENCE_SECONDS = 0.5  # before something is tried again that could not be recorded
log = get_logger("specloom.families")


@dataclass(slots=True)
class Families:
    """Watches the runs that have a parent; whoever has neither parent nor children costs nothing."""

    services: Services
    _parents: dict[RunId, RunId] = field(default_factory=dict[RunId, RunId])  # of runs that are not over
    _children: dict[RunId, set[RunId]] = field(default_factory=dict[RunId, set[RunId]])
    _moved: asyncio.Queue[tuple[RunId, RunStatus]] = field(default_factory=asyncio.Queue[tuple[RunId, RunStatus]])

    def observe(self, records: Sequence[Record]) -> None:
        """Take note of what has become durable."""
        for record in records:
            if isinstance(record, RunCreated) and record.run.parent is not None:
                self._add(record.run.id, record.run.parent)
            elif isinstance(record, RunRetried):
                self._moved.put_nowait((record.run_id, RunStatus.QUEUED))
            elif isinstance(record, RunMoved) and self._parents and self._concerns(record):
                self._moved.put_nowait((record.run_id, record.to))

    def _concerns(self, moved: RunMoved) -> bool:
        is_stop = moved.to.is_final or moved.to is RunStatus.WAITING
        return (moved.to.is_final and moved.run_id in self._children) or (is_stop and moved.run_id in self._parents)

    def _add(self, child: RunId, parent: RunId) -> None:
        self._parents[child] = parent
        self._children.setdefault(parent, set()).add(child)

    def _drop(self, child: RunId) -> None:
        parent = self._parents.pop(child, None)
        siblings = self._children.get(parent, set()) if parent else set[RunId]()
        siblings.discard(child)
        if parent is not None and not siblings:
            self._children.pop(parent, None)

    async def keep(self, *, recover: bool) -> None:
        """Know what earlier processes left, with `recover` act on it, too; then act on every move, until cancelled."""
        for kin in await self.services.runs.families():
            self._add(kin.child, kin.parent)
            if recover and kin.parent_status.is_final:
                self._moved.put_nowait((kin.parent, kin.parent_status))
            if recover and kin.child_status.is_final:
                self._moved.put_nowait((kin.child, kin.child_status))
        while True:
            run_id, status = await self._moved.get()
            await self._insisting(run_id, status)

    async def _insisting(self, run_id: RunId, status: RunStatus) -> None:
        """Act on a move; what cannot be recorded now is tried again."""
        try:
            await self._act(run_id, status)
        except SpecloomError as error:
            log.warning("family.not-told", run_id=run_id, reason=error.message)
            await asyncio.sleep(_PATIENCE_SECONDS)
            self._moved.put_nowait((run_id, status))
        except Exception:
            log.exception("family.broke", run_id=run_id)

    async def _act(self, run_id: RunId, status: RunStatus) -> None:
        if status is RunStatus.QUEUED:  # it was retried: there is somebody again who cares for its end
            run = (await self.services.runs.get(run_id)).run
            if run.parent is not None and not run.status.is_final:
                self._add(run_id, run.parent)
            return
        parent = self._parents.get(run_id)
        if status.is_final:
            await self._end_children(run_id)
        if parent is None:
            return
        if status.is_final:
            await self._tell_end(parent, run_id)
            self._drop(run_id)
        else:
            await self._tell_wait(parent, run_id)

    async def _end_children(self, parent: RunId) -> None:
        """Stop what a run has started that is over, except what somebody has retried since."""
        if parent not in self._children:
            return
        above = (await self.services.runs.get(parent)).run
        if not above.status.is_final or above.finished_at is None:
            return
        for child in tuple(self._children[parent]):
            run = (await self.services.runs.get(child)).run
            is_wanted = run.retried_at is not None and run.retried_at > above.finished_at
            if run.status.is_final or run.cancel_requested or is_wanted:
                continue
            with suppress(AlreadyFinal):
                await cancel_run(self.services, child)
                log.info("child.cancelled", run_id=child, parent=parent)

    async def _tell_end(self, parent: RunId, child: RunId) -> None:
        """Answer the questions of the parent that wait for this run."""
        services, position = self.services, await self.services.runs.get(parent)
        for question in position.questions:
            if question.is_open and question.kind == "run" and question.key == child:
                answered = QuestionAnswered(parent, question.interrupt_id, datetime.now(UTC))
                await close_question(services.journal, services.worker, answered, "task")

    async def _tell_wait(self, parent: RunId, child: RunId) -> None:
        """Note in the parent's transcript that a child waits for somebody outside."""
        position = await self.services.runs.get(child)
        waits = waits_of(position.questions)
        if position.run.status is not RunStatus.WAITING or not waits:
            return
        if (await self.services.runs.get(parent)).run.status.is_final:
            return
        data = {"run": child, "workflow": position.run.spec_name, "for": list(waits)}
        await self.services.journal.commit(EventRecorded(parent, "agent.task-waits", datetime.now(UTC), data=data))


@asynccontextmanager
async def keeping_families(services: Services, announcer: Announcer, *, recover: bool) -> AsyncGenerator[None]:
    """Watch families until the block ends."""
    families = Families(services)
    announcer.observe(families.observe)
    task = asyncio.ensure_future(_kept(families, recover=recover))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _kept(families: Families, *, recover: bool) -> None:
    try:
        await families.keep(recover=recover)
    except Exception:
        log.exception("families.broke")
