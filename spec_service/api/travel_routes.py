"""The doors through time: replaying a run, forking one, and comparing two."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, answer_run, read_document, read_keyed, services_of
from spec_service.api.examples import FORK_BODY, KEY_HEADER, PROBLEM_RESPONSES, REPLAY_BODY
from spec_service.travel_requests import ForkRequest, ReplayRequest
from spec_service.travel_views import ComparisonView, ReplayView
from spec_service.views import RunView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["runs"])


@router.post("/runs/{run_id}/replay", response_model=ReplayView, openapi_extra=REPLAY_BODY)
async def replay_run(request: Request, run_id: str) -> Response:
    """Execute the graph again with recorded results in place of steps, and tell what is different; changes nothing."""
    services = services_of(request)
    wanted = ReplayRequest.read(await read_document(request, services.settings.max_body_bytes))
    return answer(await operations.replay_run(services, run_id, wanted))


@router.post("/runs/{run_id}/fork", status_code=202, response_model=RunView, openapi_extra=FORK_BODY | KEY_HEADER)
async def fork_run(request: Request, run_id: str) -> Response:
    """Start a new run from a node of one that is over or waits; what was done before is taken over."""
    document, key = await read_keyed(request)
    return answer_run(await operations.fork_run(services_of(request), run_id, ForkRequest.read(document), key))


@router.get("/runs/{run_id}/compare/{other_id}", response_model=ComparisonView)
async def compare_runs(request: Request, run_id: str, other_id: str) -> Response:
    """Lay two runs beside each other: their ways, inputs, outputs, usage and times."""
    return answer(await operations.compare_runs(services_of(request), run_id, other_id))
