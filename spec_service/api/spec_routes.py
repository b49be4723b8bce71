"""The doors of specs and plans."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, answer_run, read_body, read_document, read_keyed, services_of
from spec_service.api.drawings import DRAWINGS_SHOWN, DRAWN_AS, Drawing, read_drawing
from spec_service.api.examples import EXECUTE_BODY, KEY_HEADER, PLAN_BODY, PROBLEM_RESPONSES, PUBLISH_BODY, SPEC_BODY
from spec_service.api.queries import (
    Commit,
    Cursor,
    Limit,
    Source,
    SourcePath,
    Wait,
    read_limit,
    read_source,
    read_wait,
)
from spec_service.requests import ExecuteRequest, PlanRequest, PublishRequest, read_traceparent
from spec_service.views import Page, PlanChanges, PlanView, Published, RunView, SpecText, SpecView, Validity

router = APIRouter(responses=PROBLEM_RESPONSES)
_ONLY_A_PICTURE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.post("/specs", status_code=201, response_model=SpecView, openapi_extra=SPEC_BODY, tags=["specs"])
async def create_spec(
    request: Request, source: Source = None, path: SourcePath = None, commit: Commit = None
) -> Response:
    """Store a spec: 201, or 200 when the same one is there already."""
    services = services_of(request)
    told = read_source(source, path, commit)
    data, media = await read_body(request, services.settings.max_spec_bytes)
    view, is_new = await operations.create_spec(services, data, media, told)
    return answer(view, 201 if is_new else 200, {"Location": f"/specs/{quote(view.id)}"})


@router.get("/specs", response_model=Page[SpecView], tags=["specs"])
async def list_specs(request: Request, cursor: Cursor = None, limit: Limit = None) -> Response:
    """List the current revisions of all specs."""
    return answer(await operations.list_specs(services_of(request), cursor, read_limit(limit)))


@router.post("/specs/validate", response_model=Validity, openapi_extra=SPEC_BODY, tags=["specs"])
async def validate_spec(request: Request) -> Response:
    """Check a spec as storing and planning would, and store nothing."""
    services = services_of(request)
    data, media = await read_body(request, services.settings.max_spec_bytes)
    return answer(await operations.validate_spec(services, data, media))


@router.get("/specs/{spec_id}", response_model=SpecText, tags=["specs"])
async def get_spec(request: Request, spec_id: str) -> Response:
    """Look at a spec by name, name@version, name@rN or digest."""
    return answer(await operations.get_spec(services_of(request), spec_id))


@router.post("/specs/{spec_id}/plan", response_model=PlanView, openapi_extra=PLAN_BODY, tags=["plans"])
async def plan_spec(request: Request, spec_id: str) -> Response:
    """Plan a spec against the catalog; with `{inputs}`, tell also what its stages would build with them."""
    services = services_of(request)
    document = await read_document(request, services.settings.max_body_bytes)
    return answer(await operations.plan_spec(services, spec_id, PlanRequest.read(document)))


@router.post("/specs/{spec_id}/publish", response_model=Published, openapi_extra=PUBLISH_BODY, tags=["specs"])
async def publish_spec(request: Request, spec_id: str) -> Response:
    """Commit a spec's exact text to the repository that the operator configured."""
    services = services_of(request)
    document = await read_document(request, services.settings.max_body_bytes)
    return answer(await operations.publish_spec(services, spec_id, PublishRequest.read(document)))


@router.post("/specs/plan", response_model=PlanView, openapi_extra=SPEC_BODY, tags=["plans"])
async def preview_plan(request: Request) -> Response:
    """Plan a spec as storing and planning would, tell what it would change, and store nothing."""
    services = services_of(request)
    data, media = await read_body(request, services.settings.max_spec_bytes)
    return answer(await operations.preview_plan(services, data, media))


@router.delete("/specs/{name}", response_model=SpecView, tags=["specs"])
async def retire_spec(request: Request, name: str) -> Response:
    """Retire a name: nothing is planned or run under it until a spec of this name is posted again."""
    return answer(await operations.retire_spec(services_of(request), name))


@router.get("/plans/{digest}/diff/{other}", response_model=PlanChanges, tags=["plans"])
async def compare_plans(request: Request, digest: str, other: str) -> Response:
    """Tell what leads from one plan to the other, and whether waiting runs could go on with it."""
    return answer(await operations.compare_plans(services_of(request), digest, other))


@router.get("/plans/{digest}/graph", response_class=Response, responses=DRAWINGS_SHOWN, tags=["plans"])
async def draw_plan(request: Request, digest: str, drawing: Drawing = None) -> Response:
    """Draw a plan as Mermaid, DOT or SVG."""
    kind = read_drawing(drawing)
    text = await operations.draw_plan(services_of(request), digest, kind)
    return Response(text, headers=_ONLY_A_PICTURE, media_type=DRAWN_AS[kind])


@router.get("/plans/{digest}", response_model=PlanView, tags=["plans"])
async def get_plan(request: Request, digest: str) -> Response:
    """Look at a stored plan."""
    return answer(await operations.get_plan(services_of(request), digest))


@router.post(
    "/specs/{spec_id}/execute",
    status_code=202,
    response_model=RunView,
    responses={200: {"model": RunView, "description": "With `wait`: the run as it is."}},
    openapi_extra=EXECUTE_BODY | KEY_HEADER,
    tags=["runs"],
)
async def execute_spec(request: Request, spec_id: str, wait: Wait = None) -> Response:
    """Start a run: 202, or with `wait` 200 and the run as it is when it stops or the time is up."""
    services = services_of(request)
    seconds = read_wait(wait, services.settings.max_wait_seconds)
    document, key = await read_keyed(request)
    wanted = replace(
        ExecuteRequest.read(document), traceparent=read_traceparent(request.headers.getlist("traceparent"))
    )
    told = await operations.execute_spec(services, spec_id, wanted, seconds, key)
    return answer_run(told, {"Location": f"/runs/{told.run.id}"})
