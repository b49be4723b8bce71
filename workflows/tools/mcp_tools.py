"""Tools of MCP servers: described for the catalog, and called as all tools that run on the server's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, cast

from translator.language.schemas import SchemaError, Validator
from workflows.tools.mcp_servers import INSTALL, Connection, Gone, McpServer, digest_of
from workflows.tools.registry import ToolDescription, ToolFailure, ToolGroup, ToolRecord
from workflows.tools.scrubbing import Scrubber
from workflows.tools.tool_host import ToolError, error_kind, error_text

Json = Any
_CLOSED, _TIMED_OUT = -32000, 408  # codes of the SDK's own


def as_tool_group(server: McpServer) -> ToolGroup:
    """Return the group under which the tools of a server stand in the catalog."""
    group = server.group
    approved = group.requires_approval
    return ToolGroup(group.name, (place_of(server),), version=group.version, requires_approval=approved)


def place_of(server: McpServer) -> str:
    """Return where a server is, for messages: its program, or its address."""
    return server.group.url or " ".join(server.group.command)


async def describe_mcp(server: McpServer) -> ToolDescription:
    """Ask a server what tools it has; what cannot be used is reported, not raised."""
    place = place_of(server)
    if not is_installed():
        return ToolDescription(failures=(ToolFailure(place, INSTALL),))
    try:
        connection = await server.connection()
    except ToolError as error:
        return ToolDescription(failures=(ToolFailure(place, str(error)),))
    tools: list[ToolRecord] = []
    failures: list[ToolFailure] = []
    for tool in connection.tools.values():
        if message := _mistake(tool):
            failures.append(ToolFailure(place, f"{tool.name} {message}"))
        else:
            tools.append(_record(server, tool))
    return ToolDescription(tuple(tools), tuple(failures))


def is_installed() -> bool:
    """Tell whether the extra that MCP needs is there, without importing it."""
    return all(find_spec(name) is not None for name in ("mcp", "langchain_mcp_adapters"))


def _mistake(tool: Any) -> str | None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - loads slowly
    from jsonschema.exceptions import SchemaError as BadSchema  # noqa: PLC0415

    for name, schema in (("parameters", tool.inputSchema), ("result", tool.outputSchema)):
        try:
            Draft202012Validator.check_schema(schema or {})
            Validator(schema or {})
        except (BadSchema, SchemaError, RecursionError) as error:
            return f"has a schema of its {name} that is none: {str(error).splitlines()[0]}"
    return None


def _record(server: McpServer, tool: Any) -> ToolRecord:
    given = cast("dict[str, Json]", tool.inputSchema)
    parameters: dict[str, Json] = {"properties": {}, "additionalProperties": False, **given, "type": "object"}
    return ToolRecord(
        name=f"{server.group.name}.{tool.name}",
        version=server.group.version,
        source_digest=digest_of(tool),
        description=tool.description or "",
        parameters=parameters,
        result=tool.outputSchema or {},
        is_async=True,
        tool=tool.name,
        module=place_of(server),
        attribute=tool.name,
        file="",
    )


class McpTool:
    """A tool of an MCP server, as it was when the catalog was read."""

    def __init__(self, server: McpServer, record: ToolRecord) -> None:
        self._server, self._record = server, record

    async def ainvoke(self, arguments: Mapping[str, Json], config: Json = None) -> Json:
        """Call it and return its structured result, or its text; raises `ToolError`.

        It is not called when the server describes it otherwise by now: whoever wrote or approved the call relied on
        what it was.
        """
        del config
        try:
            connection = await self._server.connection()
            tool = self._found(connection)
            return await self._answer(connection, tool, dict(arguments))
        except ToolError as error:
            raise ToolError(error.kind, self._scrubber.text(str(error))) from None

    @property
    def _scrubber(self) -> Scrubber:
        return self._server.scrubber()

    def _found(self, connection: Connection) -> Any:
        name, server = self._record.tool, self._server.group.name
        tool = connection.tools.get(name)
        if tool is None:
            message = f"the MCP server {server} does not offer {name} any more: start again to read its list anew"
            raise ToolError("unavailable", message)
        if digest_of(tool) != self._record.source_digest:
            message = (
                f"the MCP server {server} has changed {name} since the catalog was read (it was "
                f"{self._record.source_digest[:15]}, and is {digest_of(tool)[:15]}), so it was not called: "
                "look at what has changed, and start again to take it over"
            )
            raise ToolError("unavailable", message)
        return tool

    async def _answer(self, connection: Connection, tool: Any, arguments: dict[str, Json]) -> Json:
        from langchain_core.tools import ToolException  # noqa: PLC0415 - slow to import
        from langchain_mcp_adapters.tools import convert_mcp_tool_to_langchain_tool  # noqa: PLC0415 - an extra
        from mcp import McpError  # noqa: PLC0415

        converted: Any = convert_mcp_tool_to_langchain_tool(connection.session, tool, handle_tool_errors=False)
        try:
            content, artifact = await connection.ask(converted.coroutine(**arguments))
        except asyncio.CancelledError:
            connection.is_suspect = True
            raise
        except Gone:
            raise self._lost() from None
        except ToolException as error:
            raise ToolError("tool-failed", str(error)) from error
        except McpError as error:
            raise self._refused(connection, error.error) from error
        except Exception as error:
            raise ToolError(error_kind(error), error_text(error)) from error
        return artifact["structured_content"] if artifact else _plain(content)

    def _lost(self) -> ToolError:
        return ToolError("unavailable", f"the MCP server {self._server.group.name} went away during the call")

    def _refused(self, connection: Connection, error: Any) -> ToolError:
        if error.code == _TIMED_OUT:
            return ToolError("timeout", error.message)
        if error.code == _CLOSED or not connection.is_alive:
            connection.over.set()
            return self._lost()
        return ToolError("tool-failed", error.message)


def _plain(content: Json) -> Json:
    """Return text as text, and anything else as a list of blocks."""
    blocks = cast("list[Json]", content if isinstance(content, list) else [content])
    texts: list[str] = [one["text"] for one in blocks if type(one) is dict and one.get("type") == "text"]
    return "\n".join(texts) if len(texts) == len(blocks) else blocks
