"""One round of a DAG block as dataflow: who still waits for whom, and when nothing moves any more.

All members of a block are triggered in one superstep. Each waits here for its own needs, so it starts the moment they
are done. A member that asks a person parks; when every member that could move is parked, the round is *quiet*, and
only then do the parked ones interrupt: an answer that comes while siblings still run is taken live.

A block inside a block is two things to wait for: that it was entered, and that all its members are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from translator.planning.plan import Plan, Step


class Outcome(Enum):
    """How a member ended."""

    DONE = "done"
    SKIPPED = "skipped"  # its `when` was false: its dependants see a null result and go on
    FAILED = "failed"
    BLOCKED = "blocked"  # something that it needs failed


class Quiet(Exception):
    """Nothing in the round can move before a person answers."""


@dataclass(slots=True)
class _Member:
    needs: set[str]  # what it still waits for
    outcome: Outcome | None = None
    is_parked: bool = False
    waiter: asyncio.Future[bool] | None = None  # True: go on; False: the round is quiet

    @property
    def is_busy(self) -> bool:
        """Tell whether it works or is about to."""
        return self.outcome is None and not self.needs and not self.is_parked

    def wake(self, *, goes_on: bool) -> bool:
        """Let the waiting member go on, or tell it that the round is quiet; False when it does not wait."""
        if self.waiter is None or self.waiter.done():
            return False
        self.waiter.set_result(goes_on)
        return True


def entered(block: str) -> str:
    """Name the moment at which a nested block is entered."""
    return block + ">"


def inside(plan: Plan, block: str | None) -> Iterator[Step]:
    """Yield all steps of a block, however deep, in the order of the document."""
    for step in plan.members(block):
        yield step
        if step.verb == "dag":
            yield from inside(plan, step.id)


class Round:
    """The members of one block in one round."""

    def __init__(self, plan: Plan, block: str | None, known: Mapping[str, Outcome]) -> None:
        self._members: dict[str, _Member] = {}
        self._dependants: dict[str, list[str]] = {}
        self._is_quiet = False
        self._busy = 0
        self._tasks: list[tuple[str | None, asyncio.Task[Any]]] = []
        self._stopped: set[str | None] = set()
        for step in inside(plan, block):
            self._add(plan, step, block)
        self._busy = sum(member.is_busy for member in self._members.values())
        for name, outcome in known.items():
            self.finish(name, outcome)

    def _add(self, plan: Plan, step: Step, root: str | None) -> None:
        needs = {*step.needs, *([entered(step.block)] if step.block != root and step.block else ())}
        if step.verb == "dag":
            self._put(entered(step.id), needs)
            needs = {entered(step.id), *(member.id for member in plan.members(step.id))}
        self._put(step.id, needs)

    def _put(self, name: str, needs: set[str]) -> None:
        self._members[name] = _Member(set(needs))
        for need in needs:
            self._dependants.setdefault(need, []).append(name)

    async def ready(self, name: str) -> None:
        """Wait until everything that a member needs is done; raises `Quiet` when that takes a person."""
        member = self._members[name]
        if member.needs:
            await self._wait(member)

    async def park(self, name: str) -> None:
        """Wait for `wake` as long as anything else moves; raises `Quiet` afterwards."""
        member = self._members[name]
        member.is_parked = True
        waiting = self._wait(member)
        self._moved(-1)
        await waiting

    def wake(self, name: str) -> bool:
        """Let a parked member go on; False when it is not parked, or no longer."""
        member = self._members[name]
        if not member.is_parked or not member.wake(goes_on=True):
            return False
        member.is_parked = False
        self._moved(+1)
        return True

    def _wait(self, member: _Member) -> Awaitable[None]:
        waiter = member.waiter = asyncio.get_running_loop().create_future()
        if self._is_quiet:
            waiter.set_result(False)

        async def wait() -> None:
            if not await waiter:
                raise Quiet

        return wait()

    def finish(self, name: str, outcome: Outcome) -> None:
        """Take note of how a member ended, and let go what waited for it; the first outcome counts."""
        member = self._members[name]
        if member.outcome is not None:
            return
        freed = -1 if member.is_busy else 0
        member.outcome = outcome
        for dependant in self._dependants.get(name, ()):
            waiting = self._members[dependant]
            waiting.needs.discard(name)
            if not waiting.needs and waiting.outcome is None:
                waiting.wake(goes_on=True)
                freed += 1
        self._moved(freed)

    def _moved(self, change: int) -> None:
        self._busy += change
        if self._busy == 0 and not self._is_quiet:
            self._is_quiet = True
            for member in self._members.values():
                member.wake(goes_on=False)

    def outcome(self, name: str) -> Outcome | None:
        """Return how a member ended; None while it has not."""
        return self._members[name].outcome

    def is_blocked(self, names: Iterable[str]) -> bool:
        """Tell whether any of these failed or was blocked itself."""
        return any(self._members[name].outcome in {Outcome.FAILED, Outcome.BLOCKED} for name in names)

    def is_skipped(self, block: str | None) -> bool:
        """Tell whether a nested block is not entered at all."""
        member = self._members.get(block or "")
        return member is not None and member.outcome in {Outcome.SKIPPED, Outcome.BLOCKED}

    def track(self, step: Step, task: asyncio.Task[Any]) -> None:
        """Remember what works for a member, so that a block that fails fast can stop it."""
        self._tasks.append((step.block, task))

    def stop(self, block: str | None) -> None:
        """Stop all that works in a block, and let nothing else begin there."""
        self._stopped.add(block)
        for around, task in self._tasks:
            if around == block:
                task.cancel()

    def is_stopped(self, block: str | None) -> bool:
        """Tell whether a block has failed fast."""
        return block in self._stopped
