"""Specloom as an MCP server: workflows with the label `mcp: "true"` are tools, and a few tools look at runs.

Nothing of a conversation is kept between two requests, so that any server can answer any of them.
"""
# ruff: noqa: PLC0415 - the SDK is an extra, and slow to import

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from spec_service import operations
from spec_service.errors import Refused, UnknownSpec
from spec_service.exposing import Exposed, exposed, find_exposed
from spec_service.ports import RunFilter
from spec_service.product import VERSION
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.views import RunView
from translator.errors import SpecloomError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from mcp.types import CallToolResult, Tool

Json = Any
LABEL = "mcp"
WAIT_SECONDS = 50.0  # for a run: clients give up after a minute
_MOST_EVENTS = 200
_INSTRUCTIONS = (
    "Each workflow is a tool: a call of it starts a run, and gives its outputs when it is done in time. A run that "
    "takes longer, or that waits for somebody, is told with its id: look at it with specloom_get_run."
)
_RUN = {"type": "object", "required": ["run"], "properties": {"run": {"type": "string", "description": "Its id."}}}
_ID: Json = _RUN["properties"]


@dataclass(frozen=True, slots=True)
class _HouseTool:
    """A tool that is no workflow."""

    name: str
    description: str
    parameters: Mapping[str, Json]
    call: Callable[[Services, Mapping[str, Json]], Awaitable[Json]]


def make_server(services: Services) -> Server[Any, Any]:
    """Make the server of one request."""
    from mcp.server.lowlevel import Server

    server: Server[Any, Any] = Server("specloom", version=VERSION, instructions=_INSTRUCTIONS)

    async def list_tools() -> list[Tool]:
        return await _tools(services)

    async def call_tool(name: str, arguments: dict[str, Json]) -> CallToolResult:
        return await _called(services, name, arguments)

    register: Any = server
    register.list_tools()(list_tools)
    register.call_tool(validate_input=False)(call_tool)  # inputs are checked as those of any other run
    return server


async def _tools(services: Services) -> list[Tool]:
    from mcp.types import Tool, ToolAnnotations

    looks = ToolAnnotations(readOnlyHint=True)
    house = [
        Tool(name=one.name, description=one.description, inputSchema=dict(one.parameters), annotations=looks)
        for one in _HOUSE
    ]
    return [*(_tool(one) for one in await exposed(services, LABEL)), *house]


def _tool(one: Exposed) -> Tool:
    from mcp.types import Tool

    return Tool(name=one.name, title=one.stored.name, description=one.description, inputSchema=one.inputs)


async def _called(services: Services, name: str, arguments: dict[str, Json]) -> CallToolResult:
    house = next((one for one in _HOUSE if one.name == name), None)
    try:
        if house is not None:
            return _answer(await house.call(services, arguments))
        found = await find_exposed(services, LABEL, name)
        seconds = min(WAIT_SECONDS, services.settings.max_wait_seconds)
        told = await operations.execute_spec(services, found.stored.id, ExecuteRequest(inputs=arguments), seconds)
        return _of_run(told.run)
    except UnknownSpec:
        return _answer({"error": f"there is no tool {name}"}, is_error=True)
    except Refused as error:
        problems = [one.as_dict() for one in error.problems]
        return _answer({"error": error.message, "problems": problems}, is_error=True)
    except SpecloomError as error:
        return _answer({"error": error.message, "name": error.name}, is_error=True)


def _of_run(run: RunView) -> CallToolResult:
    """Return the outputs of a run that is done, or how it stands and what it waits for."""
    if run.status == "succeeded":
        is_map = isinstance(run.outputs, dict)
        return _answer(cast("dict[str, Json]", run.outputs) if is_map else {"outputs": run.outputs})
    told = {"run": run.id, "status": run.status}
    if run.status in {"failed", "cancelled"}:
        error = run.error.model_dump(mode="json", exclude_none=True) if run.error else None
        return _answer({**told, "error": error}, is_error=True)
    waiting = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in run.waiting_for]
    hint = "it waits for somebody" if waiting else "it goes on; look at it again with specloom_get_run"
    return _answer({**told, "waiting_for": waiting, "note": hint})


def _answer(value: dict[str, Json], *, is_error: bool = False) -> CallToolResult:
    from mcp.types import CallToolResult, TextContent

    text = TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
    return CallToolResult(content=[text], structuredContent=value, isError=is_error)


async def _get_run(services: Services, arguments: Mapping[str, Json]) -> Json:
    run = await operations.get_run(services, str(arguments.get("run", "")))
    return run.model_dump(mode="json", by_alias=True)


async def _list_runs(services: Services, arguments: Mapping[str, Json]) -> Json:
    found = await operations.list_runs(services, RunFilter(spec=arguments.get("spec")), arguments.get("cursor"), 20)
    return found.model_dump(mode="json", by_alias=True)


async def _run_events(services: Services, arguments: Mapping[str, Json]) -> Json:
    after: Json = arguments.get("after", 0)
    seq = after if isinstance(after, int) and after >= 0 else 0
    found = await operations.page_events(services, str(arguments.get("run", "")), seq, _MOST_EVENTS)
    return found.model_dump(mode="json", by_alias=True)


_HOUSE = (
    _HouseTool(
        "specloom_get_run",
        "Looks at a run: its status, outputs or error, and what it waits for.",
        _RUN,
        _get_run,
    ),
    _HouseTool(
        "specloom_list_runs",
        "Lists runs, the newest first.",
        {
            "type": "object",
            "properties": {
                "spec": {"type": "string", "description": "Only runs of this workflow."},
                "cursor": {"type": "string", "description": "The `next` of the page before."},
            },
        },
        _list_runs,
    ),
    _HouseTool(
        "specloom_run_events",
        "Reads the transcript of a run: what happened, step by step.",
        cast(
            "dict[str, Json]",
            {
                **_RUN,
                "properties": {**_ID, "after": {"type": "integer", "description": "Only events after this `seq`."}},
            },
        ),
        _run_events,
    ),
)
