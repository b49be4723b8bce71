"""A run, to follow, to wait for and to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx2

from specloom_client.answering import chosen_question, positive_answer
from specloom_client.asking import Door, new_key, segment
from specloom_client.refusals import RunFailed, Unreachable
from specloom_client.shapes import Artifact, Event, Question, RunState, RunStatus, TaskResult

Json = Any
STOPS = frozenset({"run.waiting", "run.succeeded", "run.failed", "run.cancelled"})
_RECONNECTS = 20  # of a stream that brings nothing, one after the other
_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0


class AsyncRun:
    """A run; `state` is what it was like when it was last looked at."""

    def __init__(self, door: Door, state: RunState) -> None:
        self._door = door
        self.state = state

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """Return its id."""
        return self.state.id

    @property
    def status(self) -> RunStatus:
        """Return its status, as of the last look."""
        return self.state.status

    @property
    def outputs(self) -> Json:
        """Return its outputs; None before it succeeded."""
        return self.state.outputs

    @property
    def error(self) -> Mapping[str, Json] | None:
        """Return why it failed."""
        return self.state.error

    @property
    def waiting_for(self) -> tuple[Question, ...]:
        """Return what it waits for."""
        return self.state.waiting_for

    @property
    def _path(self) -> str:
        return f"/runs/{segment(self.id)}"

    async def refresh(self) -> AsyncRun:
        """Look at it again."""
        self.state = RunState.of(await self._door.get(self._path))
        return self

    async def events(self, after: int = 0) -> AsyncGenerator[Event]:
        """Yield what happened and what happens, until it is over; a broken connection is made again, and nothing lost.

        Raises `Refused`, `Unreachable`.
        """
        failures = 0
        while True:
            before = after
            try:
                async with aclosing(self._door.stream(f"{self._path}/events", str(after))) as stream:
                    async for frame in stream:
                        event = Event.of(json.loads(frame.data))
                        after = event.seq
                        yield event
            except httpx2.TransportError as error:
                failures = 0 if after > before else failures + 1
                if failures > _RECONNECTS:
                    raise Unreachable(f"the events of run {self.id} cannot be followed: {error}") from error
            else:
                if (await self.refresh()).state.is_final:
                    return
                failures = 0 if after > before else failures + 1
            await asyncio.sleep(min(_PAUSE_SECONDS * 2**failures, _LONGEST_PAUSE_SECONDS))

    async def wait(self, timeout: float | None = None) -> AsyncRun:  # noqa: ASYNC109 - as a process has it
        """Return when it is over, or waits for a person; raises `TimeoutError` after so many seconds.

        Waiting for a time, a signal or something outside is no reason to return.
        """
        async with asyncio.timeout(timeout):
            await self._until_it_stops()
        return self

    async def _until_it_stops(self) -> None:
        if await self._has_stopped():
            return
        async with aclosing(self.events()) as events:
            async for event in events:
                if event.type in STOPS and await self._has_stopped():
                    return

    async def _has_stopped(self) -> bool:
        await self.refresh()
        asks = self.status == "waiting" and any(one.kind == "person" for one in self.waiting_for)
        return self.state.is_final or asks

    async def result(self, timeout: float | None = None) -> Json:  # noqa: ASYNC109 - as `wait`
        """Wait, and return the outputs; raises `RunFailed` when it failed, was cancelled or asks a person."""
        await self.wait(timeout)
        if self.status == "succeeded":
            return self.outputs
        raise RunFailed(f"run {self.id} is {self.status}: {(self.error or {}).get('message', 'see waiting_for')}")

    async def approve(self, question: str | None = None, /, **answer: Json) -> AsyncRun:
        """Answer what it asks a person with yes; `answer` holds the fields for which that is not enough.

        `question` is the node that asks, where several do. Raises `NoPlainYes`, `Refused`.
        """
        asked = chosen_question((await self.refresh()).state, question)
        return await self.resume(positive_answer(asked.schema or {}, answer), interrupt_id=asked.interrupt_id)

    async def resume(self, answer: Json, *, interrupt_id: str | None = None) -> AsyncRun:
        """Answer its question with exactly this; raises `Refused`."""
        body = {"answer": answer} | ({"interrupt_id": interrupt_id} if interrupt_id else {})
        return await self._changed("resume", body)

    async def signal(self, name: str, data: Json = None, *, key: str | None = None) -> AsyncRun:
        """Send it a signal; one that comes early is kept."""
        return await self._changed(f"signals/{segment(name)}", {"data": data} | ({"key": key} if key else {}))

    async def cancel(self) -> AsyncRun:
        """Stop it for good."""
        return await self._changed("cancel", {})

    async def retry(self) -> AsyncRun:
        """Try again what failed or is missing."""
        return await self._changed("retry", {})

    async def _changed(self, what: str, body: Json) -> AsyncRun:
        self.state = RunState.of(await self._door.post(f"{self._path}/{what}", body, key=new_key()))
        return self

    async def artifacts(self) -> list[Artifact]:
        """Return what its steps kept."""
        page = await self._door.get(f"{self._path}/artifacts")
        return [Artifact.of(one) for one in page["items"]]

    async def read_artifact(self, path: str) -> bytes:
        """Return the bytes of an artifact."""
        place = "/".join(map(segment, path.split("/")))
        return (await self._door.sent("GET", f"{self._path}/artifacts/{place}")).content

    async def task_result(self) -> TaskResult:
        """Return what became of it so far, as agents read it."""
        return TaskResult.of(await self._door.get(f"/results/{segment(self.id)}"))
