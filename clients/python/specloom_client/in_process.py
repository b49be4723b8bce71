"""The service in this process, behind the same doors: requests reach the application without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

Message = MutableMapping[str, Any]
App = Callable[
    [dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


@asynccontextmanager
async def opened(data: Path | None, catalog: Path | None) -> AsyncGenerator[httpx2.AsyncBaseTransport]:
    """Open the service and give what carries requests to it; raises what the service raises when it cannot open."""
    from spec_service.app import create_app  # noqa: PLC0415 - the whole service
    from spec_service.bootstrap import open_services  # noqa: PLC0415
    from spec_service.settings import Settings  # noqa: PLC0415

    _log_as_the_program_does()
    chosen: dict[str, Any] = {"data": data, "catalog": catalog}
    settings = Settings(**{key: value for key, value in chosen.items() if value is not None})
    settings = settings.model_copy(update={"token": None, "host": "127.0.0.1"})  # nobody else can ask
    async with open_services(settings) as services:
        try:
            yield Carrier(create_app(services))
        finally:
            services.stopping.set()  # streams end


def _log_as_the_program_does() -> None:
    """Send our logs through Python's logging, which the program may have configured, unless it configured structlog."""
    import structlog  # noqa: PLC0415 - comes with the service

    if not structlog.is_configured():
        structlog.configure(
            processors=[structlog.stdlib.filter_by_level, structlog.processors.KeyValueRenderer(key_order=["event"])],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


class Carrier(httpx2.AsyncBaseTransport):
    """Carries requests to an application; unlike httpx2's own, it gives answers while they are still being written."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer as soon as it begins; raises what the application raises before that."""
        exchange = _Exchange(await request.aread())
        work = asyncio.ensure_future(self._app(_scope(request), exchange.receive, exchange.send))
        work.add_done_callback(lambda _: exchange.end())
        begun = await exchange.begun()
        if begun is None:
            await work
            raise httpx2.RemoteProtocolError("the service gave no answer", request=request)
        return httpx2.Response(begun["status"], headers=begun.get("headers", []), stream=_Body(exchange, work))


class _Exchange:
    """What goes back and forth for one request."""

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self._begin: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = asyncio.Event()

    async def receive(self) -> Message:
        """Give the body, and, once nobody reads the answer any more, say so."""
        if self._content is not None:
            content, self._content = self._content, None
            return {"type": "http.request", "body": content, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            if not self._begin.done():
                self._begin.set_result(message)
        elif message["type"] == "http.response.body" and message.get("body"):
            self._parts.put_nowait(message["body"])

    async def begun(self) -> Message | None:
        """Return the head of the answer, None when there is none."""
        return await self._begin

    def end(self) -> None:
        """Say that nothing more comes."""
        if not self._begin.done():
            self._begin.set_result(None)
        self._parts.put_nowait(None)

    def leave(self) -> None:
        """Say that nobody reads any more."""
        self._left.set()

    async def part(self) -> bytes | None:
        """Return the next part, None at the end."""
        return await self._parts.get()


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, part by part."""

    def __init__(self, exchange: _Exchange, work: asyncio.Future[None]) -> None:
        self._exchange = exchange
        self._work = work

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self._exchange.part()) is not None:
            yield part

    async def aclose(self) -> None:
        self._exchange.leave()
        if not self._work.done():
            self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
        "state": {},
    }
