"""A step that is repeated for every item of a list: some at a time, each recorded by itself.

An item is a row under the step's visit; what it does inside has a visit of its own. After a crash only the items
without an end are worked on again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langgraph.errors import GraphDrained

from translator.language.expressions import ExpressionError
from translator.planning.plan import MapOver
from workflows.activity import Quiet
from workflows.asking import Asking
from workflows.attempt import CRASHED, ITEM, Attempt
from workflows.caps import LimitReached, Overrun
from workflows.errors import StepError
from workflows.frames import Visit
from workflows.limiting import Exceeded, ask_for_more
from workflows.records import StepExecution, StepStatus
from workflows.working import GOES_ON, HAS_EFFECTS, HOLDS_STEPS, Work, pause_before

Json = Any
MAX_ITEMS = 10_000  # of a map whose author set no limit
CONCURRENCY = 16  # items at the same time, where the author says nothing
PROGRESS_SECONDS = 1.0  # between two events that tell how far a map is


@dataclass
class Mapping:
    """The items of one try of a mapped step."""

    work: Work
    over: MapOver
    execution: StepExecution
    _items: list[Json] = field(default_factory=list[Json])
    _ended: int = 0
    _failed: int = 0
    _told_at: float = 0.0
    _running: int = 0
    _is_held: bool = False  # some item waits for somebody outside, or the server drains

    @property
    def attempt(self) -> Attempt:
        """Return the attempt in which this happens."""
        return self.work.attempt

    async def run(self) -> Json:
        """Return `{ok, failed}`; raises `StepError` when too many items failed, and `Quiet`."""
        self._items = await self._listed()
        if self._items:
            await self._work_on_all()
        failed = list(self._failures())
        if len(failed) > self._tolerated():
            first = failed[0]["error"]
            message = f"{len(failed)} of {len(self._items)} items failed, the first with {first['name']}"
            cause = next(one.error for one in map(self._recorded, range(len(self._items))) if one and one.error)
            raise StepError(f"{message}: {first['message']}", error_name="items-failed", cause=cause)
        done = [self._recorded(number) for number in range(len(self._items))]
        succeeded = [one for one in done if one is not None and one.status is StepStatus.SUCCEEDED]
        return {"ok": [await self.attempt.result(one) for one in succeeded], "failed": failed}

    async def _listed(self) -> list[Json]:
        program = self.work.frame.of_step(self.work.step)
        items: Json = await self.work.frame.evaluate(program.items, self.work.state) if program.items else None
        if not isinstance(items, list):
            raise StepError("what the map goes over is no list", error_name="expression-failed")
        listed = cast("list[Json]", items)
        limits, step, key = self.work.frame.plan.limits, self.execution.step, f"fan_out {self.execution.step}"
        while len(listed) > (most := self.attempt.allowed(key, limits.fan_out or MAX_ITEMS)):
            error = StepError(f"the map has {len(listed)} items, its limit is {most}", error_name="fan-out-limit")
            if limits.on_exceed != "pause":
                raise error
            asking = Asking(self.attempt, step, self.work.visit)
            await ask_for_more(asking, Exceeded(key, "items", most, len(listed) - most, error))
        return listed

    def _tolerated(self) -> int:
        if self.over.tolerate_share is not None:
            return int(self.over.tolerate_share * len(self._items))
        return self.over.tolerate

    # --- workers ---------------------------------------------------------------------------------------------------

    async def _work_on_all(self) -> None:
        left = [number for number in range(len(self._items)) if not self._is_over(number)]
        self._ended = len(self._items) - len(left)
        if not left:
            return
        if self.work.step.verb in HAS_EFFECTS:
            await self.attempt.ports.journal.durable()  # once: no item builds on another
        workers = self._running = min(self.over.concurrency or CONCURRENCY, len(left))
        activity, queue = self.work.visit.activity, iter(left)
        activity.begin(workers - 1)  # whoever waits for the workers stands still meanwhile
        strands = [asyncio.ensure_future(self._worker(queue)) for _ in range(workers)]
        try:
            await asyncio.gather(*strands)
        except BaseException:
            activity.begin(1)
            self._is_held = True
            for strand in strands:
                strand.cancel()
            await asyncio.gather(*strands, return_exceptions=True)
            raise
        if self._is_held:
            raise Quiet

    async def _worker(self, queue: Iterator[int]) -> None:
        activity, control = self.work.visit.activity, self.attempt.control
        has_stopped_moving = False
        try:
            for number in queue:
                if self._is_held or (control is not None and control.drain_requested):
                    self._is_held = True
                    break
                await self._item(number)
                self._tell_progress()
        except GraphDrained:
            self._is_held = True
        except Quiet:
            self._is_held = has_stopped_moving = True
        finally:
            self._running -= 1
            if not has_stopped_moving and (self._running or self._is_held):
                activity.end()  # else it is the last one, and leaves its turn to whoever waits

    def _tell_progress(self) -> None:
        self._ended += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            data = {"done": self._ended, "total": len(self._items), "failed": self._failed}
            self.attempt.append(self.attempt.event("step.progress", self.execution.step, **data))

    # --- items -----------------------------------------------------------------------------------------------------

    def _recorded(self, number: int) -> StepExecution | None:
        return self.attempt.execution(self.execution.step, self.execution.visit, f"{ITEM}{number}")

    def _is_over(self, number: int) -> bool:
        recorded = self._recorded(number)
        if recorded is None:
            return False
        return recorded.status is StepStatus.SUCCEEDED or self.attempt.has_failed_for_good(self.work.step, recorded)

    async def _item(self, number: int) -> None:
        """Execute one item within its retries and record how it ended."""
        attempt, step = self.attempt, self.work.step
        work = self._work_on(number)
        while True:
            execution = await self._opened(number, work)
            try:
                _, kept = await work.tried(execution, is_item=True)
            except Overrun as over:
                await self._paused(execution, work, over)
                continue
            except (StepError, ExpressionError) as error:
                cause = error if isinstance(error, StepError) else StepError(error.message, error_name=error.name)
            except asyncio.CancelledError:
                if attempt.used_by(execution) and step.verb not in GOES_ON:  # what it has used is not to be lost
                    attempt.append(attempt.closed(execution, StepStatus.CANCELLED))
                raise
            else:
                attempt.append(attempt.closed(execution, StepStatus.SUCCEEDED, result=kept))
                return
            key = (execution.step, execution.visit, execution.task)
            failures, lost = attempt.failures(key) + 1, attempt.hosts_lost[key] + (cause.error_name == CRASHED)
            found = await work.explained(execution, cause)
            attempt.append(attempt.closed(execution, StepStatus.FAILED, error=found, log_uri=found.log_uri))
            if isinstance(cause, LimitReached):  # the other items would get no further
                raise cause
            if not attempt.allows_retry(step, cause.error_name, failures, lost):
                self._failed += 1
                return
            await asyncio.sleep(pause_before(step.retry, failures, random.uniform))

    async def _paused(self, execution: StepExecution, work: Work, over: Overrun) -> None:
        """Record an item that a limit has stopped, and return once a person allows more; raises the limit's error."""
        found = await work.explained(execution, over)
        self.attempt.append(self.attempt.closed(execution, StepStatus.CANCELLED, error=found))
        try:
            await ask_for_more(Asking(self.attempt, execution.step, self.work.visit), over.exceeded)
        except StepError as refused:
            raise LimitReached(refused.message, error_name=refused.error_name) from None

    def _work_on(self, number: int) -> Work:
        work = self.work
        frame = replace(work.frame, items={**work.frame.items, self.over.each: self._items[number]})
        visit = Visit(f"{work.visit.id}{ITEM}{number}", work.visit.activity)
        return Work(work.bench, frame, work.step, visit, work.state, work.inside)

    async def _opened(self, number: int, work: Work) -> StepExecution:
        """Begin a try of an item; one that keeps rows of its own is recorded from its start, and gone on with."""
        attempt, before = self.attempt, self._recorded(number)
        keeps_rows = self.work.step.verb in GOES_ON
        if before and before.status is StepStatus.RUNNING:  # it keeps rows of its own, or has waited
            return before
        program = work.frame.of_step(work.step)
        key = attempt.next_key(before, holds_steps=self.work.step.verb in HOLDS_STEPS)
        if program.idempotency_key:
            key = str(await work.frame.evaluate(program.idempotency_key, work.state))
        tries = before.try_number if before else 0
        execution = attempt.opened(
            self.execution.step, self.execution.visit, tries + 1, task=f"{ITEM}{number}", key=key
        )
        if keeps_rows:
            attempt.append(execution)
        return execution

    def _failures(self) -> Iterator[dict[str, Json]]:
        for number, item in enumerate(self._items):
            recorded = self._recorded(number)
            if recorded is not None and recorded.status is StepStatus.FAILED and recorded.error:
                error = {name: recorded.error.as_json()[name] for name in ("name", "message", "node")}
                yield {"index": number, "item": item, "error": error}
