"""The doors of the house itself: health, readiness, figures, version, and the description of all doors."""

from __future__ import annotations

import os

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from spec_service.api.bodies import answer, services_of
from spec_service.api.examples import PROBLEM_RESPONSES
from spec_service.api.stage_descriptions import with_stages
from spec_service.errors import NotReady
from spec_service.product import VERSION
from spec_service.views import VersionView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["house"])


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
    services = services_of(request)
    text = services.figures.text(await services.runs.counts())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


@router.get("/version", response_model=VersionView)
async def version(request: Request) -> Response:
    """Tell which server this is and since when it runs."""
    started_at = services_of(request).started_at
    return answer(VersionView(version=VERSION, pid=os.getpid(), started_at=started_at))


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """Describe all doors, with one for each stage of the catalog."""
    loaded = await services_of(request).catalog.get()
    return JSONResponse(with_stages(request.app.openapi(), loaded.records.values()))
