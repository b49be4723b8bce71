"""The runtime of harnesses that are servers beside ours: a conversation is one HTTP answer that comes line by line.

`POST url` has the first message as its body and the harness's messages, as JSON lines, as its answer. What we say
later is posted to `url/SESSION`, and `DELETE url/SESSION` ends a conversation that nobody wants any more.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2

from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import read_message, written
from workflows.errors import StepError, UnknownSecret
from workflows.hosting.programs import LINE_BYTES
from workflows.ports import Secrets
from workflows.tools.scrubbing import Scrubber

Json = Any
_PLACE = re.compile(r"\{([^{}]*)\}")
_CONNECT_SECONDS = 10.0
_END_SECONDS = 2.0  # to tell a harness that nobody listens any more
_QUOTED = 300  # characters of a refusal
_FINE = 200
_LINES = "application/x-ndjson"


class Sidecar:
    """Reaches harnesses by their URLs."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    @asynccontextmanager
    async def open(self, harness: Harness, variables: Mapping[str, str]) -> AsyncGenerator[HttpConversation]:
        """Open a conversation; see the port. The variables go along as headers."""
        values = self._values(harness)
        headers = {name: _PLACE.sub(lambda found: values[found[1]], one) for name, one in harness.headers.items()}
        headers |= {_header(name): value for name, value in variables.items()}
        timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
        async with httpx2.AsyncClient(headers=headers, timeout=timeout) as client:
            talk = HttpConversation(client, harness.url.rstrip("/"), Scrubber(values.values()))
            try:
                yield talk
            finally:
                await talk.hang_up()

    def _values(self, harness: Harness) -> dict[str, str]:
        names = {name for value in harness.headers.values() for name in _PLACE.findall(value)}
        try:
            return {name: self._secrets.value(name) for name in names}
        except UnknownSecret as error:
            raise StepError(error.message, error_name="unavailable") from error


class HttpConversation:
    """Messages over HTTP; the answer to the first one is the stream of all that the harness says."""

    def __init__(self, client: httpx2.AsyncClient, url: str, scrubber: Scrubber) -> None:
        self._client, self._url, self._scrubber = client, url, scrubber
        self._session = uuid.uuid4().hex
        self._answer: httpx2.Response | None = None
        self._lines: AsyncIterator[bytes] | None = None
        self._has_ended = False

    async def say(self, message: Mapping[str, Json]) -> None:
        """Post a message; see the port."""
        try:
            if self._answer is None:
                await self._begin(message)
                return
            answer = await self._client.post(f"{self._url}/{self._session}", content=written(message))
        except httpx2.HTTPError as error:
            raise self._absent(error) from error
        if answer.status_code >= 400:  # noqa: PLR2004
            text = f"it refused a message with status {answer.status_code}"
            raise StepError(text, error_name="agent-failed")

    async def _begin(self, message: Mapping[str, Json]) -> None:
        headers = {"Content-Type": "application/json", "Accept": _LINES}
        content = written({**message, "session": self._session})
        request = self._client.build_request("POST", self._url, content=content, headers=headers)
        self._answer = answer = await self._client.send(request, stream=True)
        if answer.status_code == _FINE:
            self._lines = _lines(answer)
            return
        text = (await answer.aread())[: 4 * _QUOTED].decode("utf-8", "replace")[:_QUOTED]
        name = "unavailable" if answer.status_code in {429, 502, 503, 504} else "agent-failed"
        message_ = self._scrubber.text(f"it answered with status {answer.status_code}: {text}")
        raise StepError(message_, error_name=name)

    async def hear(self) -> Mapping[str, Json] | None:
        """Read a line of the answer; see the port."""
        if self._lines is None:
            return None
        try:
            async for line in self._lines:
                if line.strip():
                    return read_message(line)
        except httpx2.HTTPError as error:
            message = f"the connection broke amid its answer: {type(error).__name__}"
            raise StepError(message, error_name="unavailable") from error
        self._has_ended = True
        return None

    async def end(self) -> None:
        """Do nothing: an answer that came to its end ended well."""

    async def hang_up(self) -> None:
        """End the conversation, whoever still speaks."""
        answer, self._answer = self._answer, None
        if answer is None:
            return
        with suppress(httpx2.HTTPError):
            await answer.aclose()
        if self._lines is not None and not self._has_ended:
            with suppress(httpx2.HTTPError, TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await self._client.delete(f"{self._url}/{self._session}")

    def tail(self) -> str:
        """Return nothing: what it prints is its own."""
        return ""

    def _absent(self, error: Exception) -> StepError:
        text = f"it cannot be reached at {self._url}: {str(error) or type(error).__name__}"
        return StepError(self._scrubber.text(text), error_name="unavailable")


async def _lines(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield the lines of an answer, none longer than is allowed."""
    pending = bytearray()
    async for piece in answer.aiter_bytes():
        pending += piece
        while (end := pending.find(b"\n")) >= 0:
            yield bytes(pending[:end])
            del pending[: end + 1]
        if len(pending) > LINE_BYTES:
            message = f"it wrote a line of more than {LINE_BYTES // 2**20} MiB"
            raise StepError(message, error_name="agent-failed")
    if pending:
        yield bytes(pending)


def _header(variable: str) -> str:
    """Return the header in which a variable goes along: `traceparent`, `idempotency-key`."""
    return {"TRACEPARENT": "traceparent"}.get(variable, variable.removeprefix("SPECLOOM_").lower().replace("_", "-"))
