"""The line to models: an HTTP client that reads no more of an answer than its card allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from workflows.agents.cards import ModelCard
from workflows.agents.failures import AnswerTooLong

_CONNECT_SECONDS = 10.0


def limited_wire(card: ModelCard) -> Mapping[str, Any]:
    """Return the client that a model's package is to use."""
    timeout = httpx2.Timeout(card.seconds, connect=min(_CONNECT_SECONDS, card.seconds))
    transport = _Limited(httpx2.AsyncHTTPTransport(), card.max_bytes)
    return {"http_async_client": httpx2.AsyncClient(transport=transport, timeout=timeout)}


class _Limited(httpx2.AsyncBaseTransport):
    """Counts the bytes of every answer."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, most: int) -> None:
        self._inner = inner
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Counted(stream, self._most)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    """The bytes of one answer; raises `AnswerTooLong`."""

    def __init__(self, inner: httpx2.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            self._left -= len(piece)
            if self._left < 0:
                raise AnswerTooLong
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
