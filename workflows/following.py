"""Following a run's transcript: what is recorded first, then each event as it is announced, without a gap or a poll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing

from workflows.records import Event
from workflows.run import RunId

PAGE_SIZE = 500
MAX_UNREAD = 1000  # events that wait for a slow reader; beyond that it reads the log again
YOUNG_RUNS, YOUNG_EVENTS = 128, 8  # whose transcript is still in memory: whoever starts a run follows it without a read
FINAL_TYPES = frozenset({"run.succeeded", "run.failed", "run.cancelled"})

ReadPage = Callable[[RunId, int, int], Awaitable[tuple[tuple[Event, ...], bool]]]
"""Returns the events after a seq, at most so many, and whether the run is final (or unknown), from one snapshot."""


class Follower:
    """One reader of one run: the events announced since it last looked."""

    def __init__(self) -> None:
        self._unread: list[Event] = []
        self._has_lost = False
        self._changed = asyncio.Event()

    def tell(self, event: Event) -> None:
        """Take an announced event; a reader that is too slow loses it, and reads the log again."""
        if len(self._unread) >= MAX_UNREAD:
            self._unread.clear()
            self._has_lost = True
        if not self._has_lost:
            self._unread.append(event)
        self._changed.set()

    async def take(self) -> list[Event]:
        """Wait for events and return them; an empty list tells to read the log again."""
        await self._changed.wait()
        self._changed.clear()
        taken, self._unread, self._has_lost = self._unread, [], False
        return taken


class Followers:
    """All readers of all runs in this process."""

    def __init__(self) -> None:
        self._by_run: dict[RunId, list[Follower]] = {}
        self._young: dict[RunId, list[Event]] = {}  # all events so far of the newest runs, the oldest run first

    def announce(self, events: Iterable[Event]) -> None:
        """Tell events that are durable; called on the loop, in the order of their numbers."""
        for event in events:
            self._remember(event)
            for follower in self._by_run.get(event.run_id, ()):
                follower.tell(event)

    async def follow(self, run_id: RunId, after: int, read: ReadPage) -> AsyncGenerator[Event]:
        """Yield the events after `after`, then new ones; ends when all is read and the run is final."""
        follower = Follower()
        self._by_run.setdefault(run_id, []).append(follower)  # before the first read, so that nothing is missed
        remembered = tuple(event for event in self._young.get(run_id, ()) if event.seq > after)
        try:
            while True:
                events, is_final = (remembered, False) if remembered else await read(run_id, after, PAGE_SIZE)
                remembered = ()
                for event in events:
                    yield event
                    after = event.seq
                if len(events) == PAGE_SIZE:
                    continue
                if is_final:
                    return
                async with aclosing(_live(follower, after)) as live:
                    async for event in live:
                        yield event
                        after = event.seq
        finally:
            self._remove(run_id, follower)

    def _remember(self, event: Event) -> None:
        """Keep the beginning of a transcript until it is long, or at its end."""
        known = self._young.setdefault(event.run_id, []) if event.seq == 1 else self._young.get(event.run_id)
        if known is None:
            return
        known.append(event)
        if len(known) > YOUNG_EVENTS or event.type in FINAL_TYPES or event.seq != len(known):
            del self._young[event.run_id]
        elif len(self._young) > YOUNG_RUNS:
            del self._young[next(iter(self._young))]

    def _remove(self, run_id: RunId, follower: Follower) -> None:
        left = [one for one in self._by_run.get(run_id, []) if one is not follower]
        if left:
            self._by_run[run_id] = left
        else:
            self._by_run.pop(run_id, None)


async def _live(follower: Follower, after: int) -> AsyncGenerator[Event]:
    """Yield announced events as long as they continue the log; ends when the log must be read again."""
    while True:
        events = await follower.take()
        if not events:
            return
        for event in events:
            if event.seq <= after:
                continue
            if event.seq != after + 1:
                return
            yield event
            after = event.seq
            if event.type in FINAL_TYPES:
                return
