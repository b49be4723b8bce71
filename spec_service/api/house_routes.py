"""The doors of the house itself: the catalog, health, readiness, figures, version."""

from __future__ import annotations

import os

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from spec_service import operations
from spec_service.api.bodies import answer, services_of
from spec_service.api.examples import PROBLEM_RESPONSES
from spec_service.errors import NotReady
from spec_service.product import VERSION
from spec_service.views import EntryView, Page, StagesView, VersionView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["house"])


@router.get("/stages", response_model=StagesView)
async def list_stages(request: Request) -> Response:
    """List the stages and tools of the catalog, and what of it could not be loaded."""
    return answer(await operations.list_stages(services_of(request)))


@router.get("/stages/{name}", response_model=Page[EntryView])
async def get_stage(request: Request, name: str) -> Response:
    """Look at all versions of a stage or tool."""
    return answer(Page[EntryView](items=await operations.get_stage(services_of(request), name)))


@router.get("/healthz")
async def healthz() -> Response:
    """Tell that the process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Tell whether runs can be executed now."""
    services = services_of(request)
    is_open = services.catalog.value is not None and services.checkpoints.value is not None
    if not is_open or services.stopping.is_set or services.health.is_broken:
        raise NotReady
    return PlainTextResponse("ready\n")


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return figures in the text format of Prometheus."""
    counts = await services_of(request).runs.counts()
    lines = ["# HELP specloom_runs Runs by status.", "# TYPE specloom_runs gauge"]
    lines += [f'specloom_runs{{status="{status.value}"}} {number}' for status, number in counts.items()]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


@router.get("/version", response_model=VersionView)
async def version(request: Request) -> Response:
    """Tell which server this is and since when it runs."""
    started_at = services_of(request).started_at
    return answer(VersionView(version=VERSION, pid=os.getpid(), started_at=started_at))
