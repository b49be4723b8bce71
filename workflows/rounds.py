"""One round of a DAG as dataflow: who still waits for whom.

All members are triggered in one superstep. Each waits here for its own needs, so it starts the moment they are done,
and not when a whole layer is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from translator.planning.plan import Step
from workflows.activity import Activity


class Outcome(Enum):
    """How a member ended."""

    DONE = "done"
    SKIPPED = "skipped"  # its `when` was false: its dependants see a null result and go on
    FAILED = "failed"
    BLOCKED = "blocked"  # something that it needs failed, or the round was over before it could start


@dataclass(slots=True)
class _Member:
    needs: set[str]  # what it still waits for
    outcome: Outcome | None = None
    waiter: asyncio.Future[None] | None = None
    task: asyncio.Task[Any] | None = None


class Round:
    """The members of one DAG in one round. `join` successes are enough; None: all have to end."""

    def __init__(
        self, members: Sequence[Step], known: Mapping[str, Outcome], activity: Activity, join: int | None = None
    ) -> None:
        self._activity, self._join = activity, join
        self._members = {step.id: _Member(set(step.needs)) for step in members}
        self._dependants: dict[str, list[str]] = {}
        for step in members:
            for need in step.needs:
                self._dependants.setdefault(need, []).append(step.id)
        self.is_stopped = False
        for name, outcome in known.items():
            self._settle(name, outcome)
        self._left = sum(member.outcome is None for member in self._members.values())
        activity.begin(max(self._left - 1, 0))  # whoever made the round stands still meanwhile
        self._stop_if_enough()

    async def ready(self, name: str) -> None:
        """Wait until everything that a member needs is done; raises `Quiet` when that takes somebody outside."""
        member = self._members[name]
        if member.needs and not self.is_stopped:
            member.waiter = asyncio.get_running_loop().create_future()
            await self._activity.wait(member.waiter)

    def finish(self, name: str, outcome: Outcome) -> None:
        """Take note of how a member ended, and let go what waited for it; the first outcome counts."""
        if self._members[name].outcome is not None:
            return
        self._settle(name, outcome)
        self._stop_if_enough()
        self._left -= 1
        if self._left:
            self._activity.end()  # the last one leaves its turn to whoever made the round

    def give_back(self) -> None:
        """Leave one turn to whoever made the round, after its members were cancelled."""
        if self._left:
            self._activity.end(self._left - 1)

    def _settle(self, name: str, outcome: Outcome) -> None:
        self._members[name].outcome = outcome
        for dependant in self._dependants.get(name, ()):
            waiting = self._members[dependant]
            waiting.needs.discard(name)
            if not waiting.needs and waiting.waiter:
                self._activity.wake(waiting.waiter)

    def _stop_if_enough(self) -> None:
        if self._join is not None and self.successes >= self._join:
            self.stop()

    @property
    def successes(self) -> int:
        """Return how many members have done their work."""
        return sum(member.outcome is Outcome.DONE for member in self._members.values())

    def outcome(self, name: str) -> Outcome | None:
        """Return how a member ended; None while it has not."""
        return self._members[name].outcome

    def is_blocked(self, names: Iterable[str]) -> bool:
        """Tell whether any of these failed or was blocked itself."""
        return any(self._members[name].outcome in {Outcome.FAILED, Outcome.BLOCKED} for name in names)

    def track(self, name: str, task: asyncio.Task[Any]) -> None:
        """Remember what works for a member, so that it can be stopped."""
        self._members[name].task = task

    def stop(self) -> None:
        """Stop all that works or waits, and let nothing else begin."""
        if self.is_stopped:
            return
        self.is_stopped = True
        current = asyncio.current_task()
        for member in self._members.values():
            if member.outcome is None and member.task is not None and member.task is not current:
                self._activity.stop(member.task)
