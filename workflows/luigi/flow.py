"""The tasks of one step as dataflow: a task starts the moment that all it needs is done, the most urgent first.

Independent branches go on after a failure. A worker keeps its host from one task to the next, unless somebody else
waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from workflows.activity import Quiet
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostProcess, HostSpec
from workflows.luigi.calls import TaskOutcome
from workflows.luigi.errors import MissingExternal, StageError, StageFailed
from workflows.luigi.expansion import ExpandedTask
from workflows.luigi.gates import Gates, Moment
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.schedule import Schedule, Standing
from workflows.luigi.shares import Share, Shares, capacity, lacking


class RunTask(Protocol):
    """Runs one task to its end, and records how it ended."""

    async def __call__(self, task: ExpandedTask, desk: Desk, share: Share | None) -> TaskOutcome:
        """Return how the task ended."""
        ...


class Desk:
    """A worker's place: the host that it keeps as long as nobody else waits for one."""

    def __init__(self, pool: HostPool, spec: HostSpec) -> None:
        self._pool = pool
        self._spec = spec
        self._lease = pool.lease(spec)
        self._host: HostProcess | None = None

    @asynccontextmanager
    async def host(self) -> AsyncGenerator[HostProcess]:
        """Give a live host for one call; raises what a lease raises."""
        if self._host is None:
            self._lease = self._pool.lease(self._spec)
            self._host = await self._lease.__aenter__()
        try:
            yield self._host
        finally:
            if self._pool.is_wanted or not self._host.is_alive:
                await self.leave()

    async def leave(self) -> None:
        """Give the host back."""
        if self._host is not None:
            self._host = None
            await self._lease.__aexit__(None, None, None)


@dataclass
class Flow:
    """Works on a schedule until nothing of it can go on."""

    schedule: Schedule
    group: LuigiGroup
    shares: Shares
    pool: HostPool
    spec: HostSpec
    slots: int
    run_task: RunTask
    is_done: Callable[[str], bool]  # whether a task is recorded as done, by its key
    gates: Gates | None = None  # None: nothing is injected
    failures: list[tuple[ExpandedTask, StageError]] = field(default_factory=list[tuple[ExpandedTask, StageError]])
    suspended: dict[str, MissingExternal] = field(default_factory=dict[str, MissingExternal])
    retried: set[str] = field(default_factory=set[str])
    _failed_at: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    _shares: dict[str, Share] = field(default_factory=dict[str, Share])  # by the tasks that wait for one, or have it
    _timers: set[asyncio.TimerHandle] = field(default_factory=set[asyncio.TimerHandle])
    _working: int = 0
    _workers: asyncio.TaskGroup | None = None
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Return when nothing can go on any more; raises what recording raises."""
        try:
            async with asyncio.TaskGroup() as self._workers:
                self._start_workers()
                while self._is_busy or (self.gates and self.gates.passing):
                    self._moved.clear()
                    if self.gates and not self._is_busy and not self.gates.is_quiet:
                        await self.gates.stand_still()
                    else:
                        await self._moved.wait()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._workers = None
            for timer in self._timers:
                timer.cancel()
            while self._shares:
                self.shares.release(self._shares.popitem()[1])

    @property
    def _is_busy(self) -> bool:
        """Tell whether anything goes on but held tasks."""
        return bool(self._working or self._shares or self._timers)

    def _start_workers(self) -> None:
        """Have as many at work as there is work for."""
        if self._workers is None:  # it is over, and somebody else has given something back
            return
        for _ in range(min(self.slots - self._working, self.schedule.ready)):
            self._working += 1
            self._workers.create_task(self._work())

    async def _work(self) -> None:
        desk = Desk(self.pool, self.spec)
        try:
            while (task := self._next()) is not None:
                if self._is_held(task):
                    continue
                outcome = await self.run_task(task, desk, self._shares.get(task.key))
                self._release(task)
                self._settle(task, outcome)
                self._start_workers()
        finally:
            self._working -= 1
            self._moved.set()
            await desk.leave()

    # --- what is injected ------------------------------------------------------------------------------------------

    def _is_held(self, task: ExpandedTask) -> bool:
        """Tell whether a task cannot start, or is done and cannot be left, before what is injected there is done."""
        moment: Moment = "after" if self.is_done(task.key) else "before"
        if self._holds(task, moment):
            return True
        if moment == "before":
            return False
        self.schedule.settle(task, Standing.SUCCEEDED)
        return True

    def _holds(self, task: ExpandedTask, moment: Moment) -> bool:
        if self.gates is None or self._workers is None or not self.gates.is_shut(task, moment):
            return False
        self._release(task)
        self.gates.begin()
        self._workers.create_task(self._pass(task, moment, self.gates))
        return True

    async def _pass(self, task: ExpandedTask, moment: Moment, gates: Gates) -> None:
        """Do what is injected there, then let the task go on."""
        try:
            error = await gates.open(task, moment)
            if error is not None:
                self.schedule.settle(task, Standing.FAILED)
                self.failures.append((task, error))
            elif moment == "before":
                self.schedule.give_back(task)
            else:
                self.schedule.settle(task, Standing.SUCCEEDED)
            self._start_workers()
        except Quiet:
            return  # it goes on when the run does
        finally:
            self._moved.set()

    # --- tasks -----------------------------------------------------------------------------------------------------

    def _next(self) -> ExpandedTask | None:
        """Return a task that may start now; those that lack resources come back when they have them."""
        while (task := self.schedule.take()) is not None:
            if not task.resources or task.key in self._shares:
                return task
            if name := lacking(self.group, task.resources):
                there = f"it wants {task.resources[name]} of the resource {name}, of which there is"
                hint = f"name it in `resources` of [luigi.{self.group.name}]"
                error = StageFailed(f"{task.name}: {there} {capacity(self.group, name)}: {hint}")
                self.failures.append((task, error))
                continue
            self._ask(task)
        return None

    def _ask(self, task: ExpandedTask) -> None:
        share: Share | None = None

        def granted() -> None:
            self.schedule.give_back(task)
            if share is not None:  # else it is granted at once, and whoever asks takes it
                self._start_workers()

        urgency = self.schedule.urgency(task)
        share = self._shares[task.key] = self.shares.ask(self.group, task.resources, urgency, granted)

    def _release(self, task: ExpandedTask) -> None:
        if share := self._shares.pop(task.key, None):
            self.shares.release(share)

    def _settle(self, task: ExpandedTask, outcome: TaskOutcome) -> None:
        if outcome.is_tried_again:
            self.retried.add(task.key)
            self._again_later(task)
        elif outcome.error is None:
            if not self._holds(task, "after"):
                self.schedule.settle(task, Standing.SUCCEEDED)
        elif isinstance(outcome.error, MissingExternal):
            self.schedule.settle(task, Standing.SUSPENDED)
            self.suspended[task.key] = outcome.error
        else:
            self.schedule.settle(task, Standing.FAILED)
            self.failures.append((task, outcome.error))

    def _again_later(self, task: ExpandedTask) -> None:
        def again() -> None:
            self._timers.discard(timer)
            self.schedule.give_back(task)
            self._start_workers()
            self._moved.set()

        timer = asyncio.get_running_loop().call_later(task.retry_delay, again)
        self._timers.add(timer)

    def may_fail_once_more(self, task: ExpandedTask) -> bool:
        """Count a failure of a task, and tell whether its own policy lets it be tried again."""
        if task.retry_count is None:
            return False
        now = asyncio.get_running_loop().time()
        failed = self._failed_at.setdefault(task.key, [])
        failed.append(now)
        if task.disable_hard_timeout is not None and now - failed[0] >= task.disable_hard_timeout:
            return False
        window = float("inf") if task.disable_window is None else task.disable_window
        return sum(now - at <= window for at in failed) < task.retry_count
