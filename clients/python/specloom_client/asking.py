"""One question to a server: sent, sent again when the connection is lost and that is safe, and read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx2

from specloom_client.frames import Frame, frames
from specloom_client.refusals import Refused, Unreachable

Json = Any
Query = Mapping[str, "str | None"]
TRIES = 4
FIRST_PAUSE_SECONDS = 0.25  # doubled each time
CONNECT_SECONDS = 5.0
SOON = 503  # the server starts, stops or mends itself


class Door:
    """Sends requests, with the token of the server."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, query: Query | None = None) -> dict[str, Json]:
        """Return the JSON behind a path; raises `Refused`, `Unreachable`."""
        return _json(await self.sent("GET", path, query=query))

    async def post(
        self, path: str, body: Json = None, *, key: str | None = None, query: Query | None = None
    ) -> dict[str, Json]:
        """Send a body and return the answer; with a key, sent again when the connection is lost."""
        headers = {"Idempotency-Key": key} if key else {}
        return _json(await self.sent("POST", path, json=body or {}, headers=headers, query=query, is_safe=bool(key)))

    async def sent(
        self, method: str, path: str, *, query: Query | None = None, is_safe: bool = False, **parts: Any
    ) -> httpx2.Response:
        """Return the answer to a request; raises `Refused`, `Unreachable`."""
        params = {name: value for name, value in (query or {}).items() if value is not None}
        tries = TRIES if is_safe or method == "GET" else 1
        for left in reversed(range(tries)):
            try:
                response = await self._client.request(method, path, params=params, **parts)
            except httpx2.TransportError as error:
                if not left:
                    raise Unreachable(f"{self._client.base_url} does not answer: {error}") from error
            else:
                if response.status_code != SOON or not left:
                    return _checked(response)
            await asyncio.sleep(FIRST_PAUSE_SECONDS * 2 ** (tries - 1 - left))
        raise AssertionError  # the last try returns or raises

    async def stream(self, path: str, last_id: str) -> AsyncGenerator[Frame]:
        """Yield the frames of a stream after `last_id` until it ends or breaks; raises `Refused`, httpx2's errors."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        timeout = httpx2.Timeout(CONNECT_SECONDS, read=60.0)  # a pulse comes every 15 seconds
        async with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
                _checked(response)
            async for frame in frames(response.aiter_lines()):
                yield frame


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="@")


def new_key() -> str:
    """Return a key for one request."""
    return uuid.uuid4().hex


def _checked(response: httpx2.Response) -> httpx2.Response:
    if response.is_success:
        return response
    try:
        body = response.json()
    except ValueError:
        body = None
    raise Refused(response.status_code, cast("dict[str, Json]", body) if isinstance(body, dict) else {})


def _json(response: httpx2.Response) -> dict[str, Json]:
    return cast("dict[str, Json]", response.json())
