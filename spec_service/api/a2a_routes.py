"""The doors for agents that speak A2A: the card that says what can be done here, and one endpoint of JSON-RPC."""
# ruff: noqa: PLC0415 - the SDK is an extra, and slow to import

from __future__ import annotations

from typing import Any, cast

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from spec_service.api.bodies import services_of
from spec_service.api.examples import PROBLEM_RESPONSES
from spec_service.exposing import exposed, require_extra

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["a2a"])


@router.get("/.well-known/agent-card.json", response_class=JSONResponse)
async def agent_card(request: Request) -> Response:
    """Describe this server to other agents: workflows with the label `a2a: "true"` are its skills."""
    await _ready()
    from a2a.server.request_handlers.response_helpers import agent_card_to_dict

    from spec_service.api import a2a_views

    services = services_of(request)
    skills = await exposed(services, a2a_views.LABEL)
    url = f"{request.url.scheme}://{request.headers['host']}"
    card = a2a_views.agent_card(skills, url, asks_for_token=services.settings.token is not None)
    return JSONResponse(agent_card_to_dict(card))


@router.post("/a2a", response_class=JSONResponse)
async def a2a(request: Request) -> Response:
    """Answer a message of the Agent2Agent protocol (JSON-RPC): a message starts a run, a task is a run."""
    await _ready()
    from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher

    from spec_service.api.a2a_handler import RunsAsTasks

    dispatcher: Any = JsonRpcDispatcher(RunsAsTasks(services_of(request)))
    return cast("Response", await dispatcher.handle_requests(request))


async def _ready() -> None:
    """Raise `ExtraMissing` where the SDK is not installed; import it beside the loop, since that takes a second."""
    require_extra("a2a", "a2a", "sse_starlette")
    await to_thread.run_sync(_import)


def _import() -> None:
    import a2a.server.routes.jsonrpc_dispatcher  # pyright: ignore[reportUnusedImport]  # noqa: F401
