"""A small server that speaks the chat completions of OpenAI over real HTTP, streaming and not, well and badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Json = Any
USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 2}}


@dataclass
class Exchange:
    """One request, and the line on which it is answered."""

    body: Json
    headers: dict[str, str]
    writer: asyncio.StreamWriter

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    async def head(self, status: int = 200, kind: str = "application/json", length: int | None = None) -> None:
        size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
        text = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{size}\r\nConnection: close\r\n\r\n"
        self.writer.write(text.encode())
        await self.writer.drain()

    async def whole(self, content: bytes, status: int = 200) -> None:
        await self.head(status, length=len(content))
        self.writer.write(content)
        await self.writer.drain()

    async def piece(self, content: bytes) -> None:
        self.writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        await self.writer.drain()

    async def event(self, value: Json) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        await self.piece(f"data: {text}\n\n".encode())

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


Answer = Callable[[Exchange], Awaitable[None]]


@dataclass
class ModelServer:
    """Gives its answers one after the other, the last one for ever; keeps what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Exchange] = field(default_factory=list)
    url: str = ""

    @property
    def bodies(self) -> list[Json]:
        return [one.body for one in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            exchange = Exchange(json.loads(body or b"{}"), headers, writer)
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            self.asked.append(exchange)
            await answer(exchange)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def model_server(*answers: Answer) -> AsyncIterator[ModelServer]:
    """Serve on a free port of this machine."""
    server = ModelServer(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        listening.close()


# --- answers ---------------------------------------------------------------------------------------------------------


def says(text: str = "", *, calls: Sequence[tuple[str, Json]] = (), usage: Json = USAGE) -> Answer:
    """Answer with a text and calls of tools; arguments that are a text are sent as they are."""

    async def answer(exchange: Exchange) -> None:
        made = [
            {
                "id": f"call_{place}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for place, (name, given) in enumerate(calls)
        ]
        if exchange.streams:
            await _streamed(exchange, text, made, usage)
            return
        message = {"role": "assistant", "content": text or None} | ({"tool_calls": made} if made else {})
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if made else "stop"}
        await exchange.whole(json.dumps(_envelope("chat.completion", [choice], usage)).encode())

    return answer


async def _streamed(exchange: Exchange, text: str, calls: Sequence[Json], usage: Json) -> None:
    await exchange.head(kind="text/event-stream")
    for piece in [text[start : start + 5] for start in range(0, len(text), 5)]:
        await exchange.event(chunk({"role": "assistant", "content": piece}))
    if calls:
        await exchange.event(chunk({"tool_calls": [{"index": place, **one} for place, one in enumerate(calls)]}))
    await exchange.event(chunk({}, "tool_calls" if calls else "stop"))
    if (exchange.body.get("stream_options") or {}).get("include_usage"):
        await exchange.event(_envelope("chat.completion.chunk", [], usage))
    await exchange.event("[DONE]")
    await exchange.end()


def chunk(delta: Json, reason: str | None = None, usage: Json = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _envelope("chat.completion.chunk", [choice], usage)


def _envelope(kind: str, choices: Json, usage: Json) -> Json:
    made = {"id": "c1", "object": kind, "created": 1, "model": "m", "choices": choices}
    return made | ({"usage": usage} if usage else {})


def refuses(status: int, message: str = "no") -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.whole(json.dumps({"error": {"message": message, "type": "x"}}).encode(), status)

    return answer


def sends(content: bytes) -> Answer:
    """Answer with bytes that are no chat completion."""

    async def answer(exchange: Exchange) -> None:
        await exchange.whole(content)

    return answer


async def hangs(exchange: Exchange) -> None:
    """Take the request and say nothing."""
    del exchange
    await asyncio.sleep(3600)


async def drops(exchange: Exchange) -> None:
    """Break off in the middle of an answer."""
    if exchange.streams:
        await exchange.head(kind="text/event-stream")
        await exchange.event(chunk({"role": "assistant", "content": "Once upon"}, usage=USAGE))
    else:
        await exchange.head(length=1000)
        exchange.writer.write(b'{"id": "c1", ')
    await exchange.writer.drain()
    exchange.writer.transport.abort()


async def breaks(exchange: Exchange) -> None:
    """Break off in the middle of a stream, before anything was counted."""
    await exchange.head(kind="text/event-stream")
    for piece in ("Once upon ", "a time"):
        await exchange.event(chunk({"role": "assistant", "content": piece}))
        await asyncio.sleep(0.05)
    exchange.writer.transport.abort()


def counts(each: int) -> Answer:
    """Stream for as long as somebody listens, so many tokens in each chunk, counted as they go."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(kind="text/event-stream")
        told = 0
        while not exchange.writer.is_closing():
            told += each
            usage = {"prompt_tokens": 10, "completion_tokens": told, "total_tokens": 10 + told}
            await exchange.event(chunk({"role": "assistant", "content": "on " * each}, usage=usage))
            await asyncio.sleep(0.002)

    return answer


async def never_ends(exchange: Exchange) -> None:
    """Stream for as long as somebody listens, counting as it goes."""
    await exchange.head(kind="text/event-stream")
    told = 0
    while not exchange.writer.is_closing():
        told += 1
        usage = {"prompt_tokens": 10, "completion_tokens": told, "total_tokens": 10 + told}
        await exchange.event(chunk({"role": "assistant", "content": "on "}, usage=usage))
        await asyncio.sleep(0.002)


async def floods(exchange: Exchange) -> None:
    """Answer with a hundred megabytes."""
    letters = b"x" * 2**20
    if exchange.streams:
        await exchange.head(kind="text/event-stream")
        for _ in range(100):
            await exchange.event(chunk({"role": "assistant", "content": letters.decode()}))
        return
    await exchange.head()
    await exchange.piece(b'{"id": "')
    for _ in range(100):
        await exchange.piece(letters)
