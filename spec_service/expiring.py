"""The end of patience: questions whose time is up are closed at that moment, without looking again and again."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from workflows.records import Question, QuestionAsked, Record
from workflows.run import RunId

_MAX_NAP_SECONDS = 3600.0  # so that a changed clock of the machine is noticed some time


class _Due(NamedTuple):
    at: datetime
    run_id: RunId
    interrupt_id: str


class Expiries:
    """Which question ends when; fed by the journal, asked by one task."""

    def __init__(self) -> None:
        self._heap: list[_Due] = []
        self._changed = asyncio.Event()
        self._unknown: dict[RunId, None] = {}  # runs that may have asked something before this process began

    def add(self, question: Question | QuestionAsked) -> None:
        """Take note of a question that has an end."""
        if question.expires_at is not None:
            heapq.heappush(self._heap, _Due(question.expires_at, question.run_id, question.interrupt_id))
            self._changed.set()

    def look_up(self, run_id: RunId) -> None:
        """Have the open questions of a run read before long: an earlier process may have asked them."""
        self._unknown[run_id] = None
        self._changed.set()

    def observe(self, records: Sequence[Record]) -> None:
        """Take note of the questions among records that are durable."""
        for record in records:
            if isinstance(record, QuestionAsked):
                self.add(record)

    async def run(
        self,
        expire: Callable[[RunId, str], Awaitable[None]],
        questions_of: Callable[[RunId], Awaitable[Sequence[Question]]],
    ) -> None:
        """Call `expire` for each question when its time is up, whether or not it was answered meanwhile.

        `questions_of` returns the open questions of a run.
        """
        while True:
            self._changed.clear()
            while self._unknown:
                run_id, _ = self._unknown.popitem()
                for question in await questions_of(run_id):
                    self.add(question)
            while self._heap and self._heap[0].at <= datetime.now(UTC):
                due = heapq.heappop(self._heap)
                await expire(due.run_id, due.interrupt_id)
            await self._wait()

    async def _wait(self) -> None:
        seconds = None
        if self._heap:
            seconds = min((self._heap[0].at - datetime.now(UTC)).total_seconds(), _MAX_NAP_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
