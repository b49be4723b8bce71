"""Streams of events: lines become frames, and breaks lose and repeat nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from specloom_client.asking import Door
from specloom_client.async_runs import AsyncRun
from specloom_client.frames import Frame, frames
from specloom_client.refusals import Refused
from specloom_client.shapes import RunState

pytestmark = pytest.mark.anyio


async def lines(text: str) -> AsyncIterator[str]:
    for line in text.split("\n"):
        yield line


async def test_lines_become_frames():
    text = "retry: 1000\n\n: nothing new\n\nid: 1\nevent: a\ndata: x\ndata: y\n\ndata:z\n\nid: 3\ndata: cut off"
    assert [one async for one in frames(lines(text))] == [Frame("x\ny", "1"), Frame("z", "1")]


class Tape(httpx2.AsyncBaseTransport):
    """Plays a transcript of five events, three at a time, and breaks each connection but the last."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/events"):
            return httpx2.Response(200, json={"id": "r", "status": "succeeded"})
        after = request.headers["last-event-id"]
        self.asked.append(after)
        return httpx2.Response(200, stream=Broken(int(after)))


class Broken(httpx2.AsyncByteStream):
    def __init__(self, after: int) -> None:
        self.after = after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for seq in range(self.after + 1, min(self.after + 3, 5) + 1):
            told = {"seq": seq, "type": "run.succeeded" if seq == 5 else "node.started", "at": "", "data": {}}
            yield f"id: {seq}\ndata: {json.dumps(told)}\n\n".encode()
        if self.after + 3 < 5:
            yield b"id: 9\ndata: {"
            raise httpx2.ReadError("gone")


async def test_a_broken_stream_goes_on_where_it_broke():
    tape = Tape()
    async with httpx2.AsyncClient(transport=tape, base_url="http://localhost") as client:
        run = AsyncRun(Door(client), RunState.of({"id": "r", "status": "running"}))
        assert [event.seq async for event in run.events()] == [1, 2, 3, 4, 5]
        assert tape.asked == ["0", "3"]
        assert run.status == "succeeded"


class Proxy(httpx2.AsyncBaseTransport):
    """Answers as a proxy does whose server is gone."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(502, text="<html>", request=request)


async def test_a_refusal_without_a_body_is_one_too():
    async with httpx2.AsyncClient(transport=Proxy(), base_url="http://localhost") as client:
        with pytest.raises(Refused) as refused:
            await Door(client).get("/runs")
    assert (refused.value.status, refused.value.name, refused.value.problems) == (502, "refused", ())
