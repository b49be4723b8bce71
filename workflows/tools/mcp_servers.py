"""Conversations with MCP servers: opened when somebody needs one, and opened anew when the last one broke.

A conversation belongs to the task that opened it, since the SDK's task groups do; all others send through it. A
server that is a program runs in a host, so it dies with all its children, at the latest with us.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, cast

from workflows.errors import UnknownSecret
from workflows.hosting.errors import HostFailure
from workflows.hosting.group_notes import GroupNotes
from workflows.hosting.pool import HostPool
from workflows.ports import Secrets
from workflows.tools.mcp_registry import McpGroup
from workflows.tools.mcp_wire import spoken
from workflows.tools.scrubbing import Scrubber
from workflows.tools.tool_host import ToolError

if TYPE_CHECKING:
    from mcp import ClientSession

Json = Any
INSTALL = "MCP needs an extra: install `specloom[mcp]` (pip install 'specloom[mcp]')"
CALL_SECONDS = 3600.0  # of a call whose step has no timeout
_MOST_PAGES = 100  # of a list of tools
_PLACE = re.compile(r"\{([^{}]*)\}")


class Gone(Exception):
    """The server went away before it answered."""


@dataclass(slots=True)
class Connection:
    """An open conversation with a server."""

    session: ClientSession
    tells_changes: bool  # it announces that its list of tools has changed
    tools: dict[str, Any] = field(default_factory=dict[str, Any])  # as the SDK describes them, by name
    is_stale: bool = False  # the list may not hold any more
    is_suspect: bool = False  # a call was given up: perhaps it hangs
    over: asyncio.Event = field(default_factory=asyncio.Event)  # nobody answers any more, or nobody asks
    holding: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Tell whether the server still answers, as far as anybody knows."""
        return not self.over.is_set() and self.holding is not None and not self.holding.done()

    async def ask(self, asking: Coroutine[Any, Any, Any]) -> Any:
        """Await an answer for as long as there is somebody to give it; raises `Gone`, and what the SDK raises."""
        question = asyncio.ensure_future(asking)
        over = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({question, over}, return_when=asyncio.FIRST_COMPLETED)
            if not question.done():
                raise Gone
            return question.result()
        finally:
            over.cancel()
            if not question.done():
                question.cancel()
                await asyncio.wait({question})


class McpServer:
    """One MCP server of the catalog."""

    def __init__(self, group: McpGroup, pool: HostPool, secrets: Secrets) -> None:
        self.group = group
        self._pool, self._secrets = pool, secrets
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    async def connection(self) -> Connection:
        """Return a conversation with a current list of tools; raises `ToolError` (`unavailable`)."""
        async with self._turn:
            found = self._connection
            if found is None or not found.is_alive or not await self._is_current(found):
                await self._close()
                found = self._connection = await self._opened()
            return found

    async def aclose(self) -> None:
        """End the conversation, and the server if it is a program."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        found, self._connection = self._connection, None
        if found is not None and found.holding is not None:
            found.over.set()
            await asyncio.wait({found.holding})
            _reason(found.holding)  # it is over: what it failed with has been told by whoever waited for an answer

    async def _opened(self) -> Connection:
        opened: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        holding = asyncio.create_task(self._hold(opened))
        try:
            async with asyncio.timeout(self.group.timeout_seconds):
                await asyncio.wait({opened, holding}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException as error:
            holding.cancel()
            await asyncio.wait({holding})
            if isinstance(error, TimeoutError):
                raise self._absent(f"it did not answer within {self.group.timeout_seconds:g} s") from None
            raise
        if not opened.done():
            raise self._absent(_reason(holding))
        connection = opened.result()
        connection.holding = holding
        return connection

    async def _hold(self, opened: asyncio.Future[Connection]) -> None:
        """Open a conversation and keep it until it is over."""
        from mcp import ClientSession  # noqa: PLC0415 - slow to import, and an extra

        connection: Connection | None = None

        async def take(message: Any) -> None:
            kind = getattr(getattr(message, "root", None), "method", "")
            if connection is not None and kind == "notifications/tools/list_changed":
                connection.is_stale = True

        over = asyncio.Event()
        try:
            async with AsyncExitStack() as stack:
                read, write = await stack.enter_async_context(self._streams(over))
                session = await stack.enter_async_context(
                    ClientSession(read, write, timedelta(seconds=CALL_SECONDS), message_handler=take)
                )
                hello = await session.initialize()
                tools = hello.capabilities.tools
                connection = Connection(session, bool(tools and tools.listChanged), over=over)
                await self._list(connection)
                opened.set_result(connection)
                await over.wait()
        finally:
            over.set()

    async def _is_current(self, connection: Connection) -> bool:
        """Bring what is known of a server up to date; False when it does not answer, so that it is started anew."""
        try:
            async with asyncio.timeout(self.group.timeout_seconds):
                if connection.is_stale or not connection.tells_changes:
                    await self._list(connection)
                elif connection.is_suspect:
                    await connection.ask(connection.session.send_ping())
        except Exception:  # noqa: BLE001 - whatever it is, a new conversation will tell
            return False
        connection.is_suspect = False
        return True

    async def _list(self, connection: Connection) -> None:
        from mcp.types import PaginatedRequestParams  # noqa: PLC0415

        connection.is_stale = False
        found: dict[str, Any] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await connection.ask(connection.session.list_tools(params=PaginatedRequestParams(cursor=cursor)))
            found |= {tool.name: tool for tool in page.tools}
            cursor = page.nextCursor
            if not cursor:
                break
        connection.tools = found

    def _streams(self, over: asyncio.Event) -> Any:
        return self._remote() if self.group.url else spoken(self._pool, self.group, over)

    @asynccontextmanager
    async def _remote(self) -> AsyncGenerator[tuple[Any, Any]]:
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415
        from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415

        headers = {name: self._filled(value) for name, value in self.group.headers.items()}
        async with (
            create_mcp_http_client(headers) as client,
            streamable_http_client(self.group.url, http_client=client) as (read, write, _),
        ):
            yield read, write

    def _filled(self, value: str) -> str:
        return _PLACE.sub(lambda found: self._secrets.value(found[1]), value)

    def scrubber(self) -> Scrubber:
        """Return what takes the values of the headers' secrets out of a text."""
        names = {name for value in self.group.headers.values() for name in _PLACE.findall(value)}
        values: list[str] = []
        for name in names:
            with suppress(UnknownSecret):
                values.append(self._secrets.value(name))
        return Scrubber(values)

    def _absent(self, reason: str) -> ToolError:
        return ToolError(
            "unavailable", self.scrubber().text(f"the MCP server {self.group.name} is not there: {reason}")
        )


class McpServers:
    """The MCP servers of the catalog, by name; an async context manager that ends them.

    Those that are programs have a pool of their own: they keep their hosts for as long as they live.
    """

    def __init__(
        self,
        groups: Iterable[McpGroup],
        secrets: Secrets,
        environ: Mapping[str, str],
        notes: GroupNotes | None = None,
    ) -> None:
        found = tuple(groups)
        self._pool = HostPool(environ=environ, limit=max(1, sum(1 for one in found if one.command)), notes=notes)
        self._servers = {one.name: McpServer(one, self._pool, secrets) for one in found}

    def __getitem__(self, name: str) -> McpServer:
        return self._servers[name]

    def __iter__(self) -> Iterator[McpServer]:
        return iter(self._servers.values())

    async def __aenter__(self) -> Self:
        """Open nothing yet: a server is asked when somebody needs it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all conversations, and all servers that are programs of ours."""
        await asyncio.gather(*(one.aclose() for one in self._servers.values()))
        await self._pool.aclose()


def digest_of(tool: Any) -> str:
    """Return the sha256 of all that a model or an author relies on: name, description, and both schemas."""
    told = [tool.name, tool.description, tool.inputSchema, tool.outputSchema]
    return f"sha256:{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"


def _reason(holding: asyncio.Task[None]) -> str:
    error: BaseException | None = None if holding.cancelled() else holding.exception()
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if error is None:
        return "it ended at once"
    if isinstance(error, HostFailure):
        return error.in_one_line()
    return str(error) or type(error).__name__
