"""The HTTP application around a bundle of services, and the server that carries it."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from socket import socket
from typing import cast

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spec_service.api import (
    a2a_routes,
    house_routes,
    mcp_routes,
    policy_routes,
    run_routes,
    signal_routes,
    spec_routes,
    stage_routes,
    travel_routes,
    upload_routes,
)
from spec_service.api.guard import Guard
from spec_service.api.problems import answer_error, answer_problem
from spec_service.bootstrap import open_services
from spec_service.errors import FencedOff, TokenNeeded
from spec_service.product import VERSION
from spec_service.services import Services
from spec_service.settings import Settings
from translator.errors import SpecloomError

_ROUTERS = (
    spec_routes.router,
    run_routes.router,
    travel_routes.router,
    signal_routes.router,
    upload_routes.router,
    stage_routes.router,
    policy_routes.router,
    mcp_routes.router,
    a2a_routes.router,
    house_routes.router,
)
_COLLECTOR = (10_000, 10, 50)  # more seldom than Python's own, as runs live longer than requests
_LEFT_TO_CLOSE_SECONDS = 5  # for connections, once everything is drained


def create_app(services: Services) -> FastAPI:
    """Make the application; the services belong to the caller."""
    app = make_doors()
    app.state.services = services
    app.add_middleware(Guard, settings=services.settings)
    return app


def make_doors() -> FastAPI:
    """Make the routes without services: enough for the OpenAPI document."""
    app = FastAPI(
        title="Specloom",
        version=VERSION,
        description="Specs become plans, plans become runs.",
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # a door of ours, as the stages are in it
        redirect_slashes=False,
    )
    for router in _ROUTERS:
        app.include_router(router)
    app.add_exception_handler(SpecloomError, _answer_ours)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    return app


async def serve(
    settings: Settings, on_started: Callable[[str], None] | None = None, stop: asyncio.Event | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`, then drain; `on_started` hears the URL.

    Raises `TokenNeeded`, `FencedOff` once another server has taken the data directory, and what `open_services` raises.
    """
    if settings.token is None and not settings.is_on_loopback:
        raise TokenNeeded
    gc.set_threshold(*_COLLECTOR)
    async with open_services(settings) as services:
        config = uvicorn.Config(
            create_app(services),
            host=settings.host,
            port=settings.port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LEFT_TO_CLOSE_SECONDS,
        )
        server = _Server(config, services, on_started)
        fenced_off = services.ownership.fenced_off
        reasons = [asyncio.ensure_future(_stop_on(one, server)) for one in (stop, fenced_off) if one is not None]
        try:
            await server.serve()
        finally:
            for reason in reasons:
                reason.cancel()
    if fenced_off.is_set():
        raise FencedOff


async def _stop_on(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


class _Server(uvicorn.Server):
    """Uvicorn that tells where it listens, and ends streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, services: Services, on_started: Callable[[str], None] | None) -> None:
        super().__init__(config)
        self._services = services
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """End on SIGTERM and SIGINT; uvicorn's own way raises them again afterwards, before anything is drained."""
        loop, signals = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        with suppress(RuntimeError, ValueError):  # outside the main thread nobody can listen to signals
            for one in signals:
                loop.add_signal_handler(one, self.handle_exit, one, None)
        try:
            yield
        finally:
            for one in signals:
                with suppress(RuntimeError, ValueError):
                    loop.remove_signal_handler(one)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_started is not None and self.servers:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            self._services.ownership.listens(url)
            self._on_started(url)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._services.stopping.set()
        await super().shutdown(sockets)


def _request_id(request: Request) -> str:
    return cast("str", getattr(request.state, "request_id", ""))


async def _answer_ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, SpecloomError):
        raise error
    return answer_error(error, _request_id(request))


async def _answer_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:  # noqa: PLR2004
        allowed = ", ".join(sorted(_methods(request)))
        detail = f"This door knows {allowed}."
        return answer_problem("method-not-allowed", detail, _request_id(request), headers={"Allow": allowed})
    if status == 404:  # noqa: PLR2004
        return answer_problem("not-found", "There is no such door.", _request_id(request))
    return answer_problem("invalid-request", "The request cannot be understood.", _request_id(request))


async def _answer_validation(request: Request, _error: Exception) -> Response:
    """Answer what FastAPI refused by itself, without giving anything back."""
    return answer_problem("invalid-request", "A parameter cannot be understood.", _request_id(request))


def _methods(request: Request) -> set[str]:
    """Return the methods of all routes of the path; Starlette names those of the first one only."""
    found: set[str] = set()
    for route in (route for router in _ROUTERS for route in router.routes):
        if isinstance(route, Route) and route.path_regex.match(request.scope["path"]):
            found |= route.methods or set()
    return found
