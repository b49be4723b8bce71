"""The door for programs that speak MCP: streamable HTTP, nothing kept between two requests."""

from __future__ import annotations

from anyio import CancelScope
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spec_service.api.bodies import services_of
from spec_service.api.examples import PROBLEM_RESPONSES
from spec_service.exposing import require_extra
from spec_service.services import Services

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["mcp"])


@router.post("/mcp", response_class=Response)
async def post_mcp(request: Request) -> Response:
    """Answer a message of the Model Context Protocol: workflows with the label `mcp: "true"` are tools."""
    return _talk(request)


@router.get("/mcp", response_class=Response)
async def get_mcp(request: Request) -> Response:
    """Open the stream on which an MCP server may speak by itself; this one never does."""
    return _talk(request)


def _talk(request: Request) -> Response:
    require_extra("mcp", "mcp")
    return _Talk(services_of(request))


class _Talk(Response):
    """One request and its answer, which the official SDK writes."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415 - an extra

        from spec_service.api.mcp_server import make_server  # noqa: PLC0415

        manager = StreamableHTTPSessionManager(
            make_server(self._services),
            json_response=True,
            stateless=True,
            max_request_body_size=self._services.settings.max_body_bytes,
        )
        with CancelScope() as ending, self._services.stopping.ends(ending):
            async with manager.run():
                await manager.handle_request(scope, receive, send)
