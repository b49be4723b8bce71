"""The doors of runs: how they stand, what happened, what they keep, and how people answer them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from spec_service import operations
from spec_service.api.bodies import answer, answer_run, read_keyed, services_of
from spec_service.api.examples import EVENT_STREAM, KEY_HEADER, MESSAGE_BODY, PROBLEM_RESPONSES, RERUN_BODY, RESUME_BODY
from spec_service.api.queries import (
    After,
    Cursor,
    Every,
    Label,
    Limit,
    Parent,
    SpecName,
    Status,
    read_after,
    read_filter,
    read_flag,
    read_limit,
)
from spec_service.api.streams import as_event_stream
from spec_service.requests import MessageRequest, RerunRequest, ResumeRequest, read_nothing
from spec_service.views import ArtifactView, CheckpointView, EventView, Page, RunItem, RunView, StateView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["runs"])
EVENTS_OF_A_PAGE = 200
# What stages wrote is not ours: shown in a browser, it may neither run scripts nor load anything.
_ARTIFACT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@router.get("/runs", response_model=Page[RunItem])
async def list_runs(  # noqa: PLR0913 - each is a parameter of the query
    request: Request,
    *,
    status: Status = None,
    spec: SpecName = None,
    label: Label = None,
    parent: Parent = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """List runs, the newest first, without their inputs and outputs."""
    wanted = read_filter(status, spec, label, parent)
    return answer(await operations.list_runs(services_of(request), wanted, cursor, read_limit(limit)))


@router.get("/runs/{run_id}", response_model=RunView)
async def get_run(request: Request, run_id: str) -> Response:
    """Look at a run."""
    return answer(await operations.get_run(services_of(request), run_id))


@router.get("/runs/{run_id}/events", response_model=Page[EventView], responses=EVENT_STREAM)
async def run_events(request: Request, run_id: str, after: After = None, limit: Limit = None) -> Response:
    """Read the transcript in pages, or follow it with `Accept: text/event-stream` until the run is over."""
    services = services_of(request)
    is_stream = "text/event-stream" in request.headers.get("accept", "")
    seq = read_after(request, after, is_stream=is_stream)
    if not is_stream:
        return answer(await operations.page_events(services, run_id, seq, read_limit(limit, EVENTS_OF_A_PAGE)))
    await operations.get_run(services, run_id)  # an unknown run is refused before the stream begins
    frames = as_event_stream(operations.follow_events(services, run_id, seq))
    return StreamingResponse(frames, media_type="text/event-stream")


@router.get("/runs/{run_id}/state", response_model=StateView)
async def run_state(request: Request, run_id: str) -> Response:
    """Look at the values of a run's channels."""
    return answer(await operations.run_state(services_of(request), run_id))


@router.get("/runs/{run_id}/checkpoints", response_model=Page[CheckpointView])
async def run_checkpoints(request: Request, run_id: str, cursor: Cursor = None, limit: Limit = None) -> Response:
    """List a run's checkpoints, the newest first."""
    return answer(await operations.run_checkpoints(services_of(request), run_id, cursor, read_limit(limit)))


@router.get("/runs/{run_id}/artifacts", response_model=Page[ArtifactView])
async def list_artifacts(request: Request, run_id: str, every: Every = None) -> Response:
    """List what the steps of a run kept."""
    return answer(await operations.list_artifacts(services_of(request), run_id, everything=read_flag(every, "all")))


@router.get("/runs/{run_id}/artifacts/{path:path}", response_class=Response)
async def get_artifact(request: Request, run_id: str, path: str) -> Response:
    """Read an artifact."""
    view, content = await operations.get_artifact(services_of(request), run_id, path)
    headers = {"ETag": f'"{view.sha256}"', "Content-Security-Policy": _ARTIFACT_POLICY}
    return StreamingResponse(content, headers=headers, media_type=view.media_type)


@router.post(
    "/runs/{run_id}/resume",
    status_code=202,
    response_model=RunView,
    responses={200: {"model": RunView, "description": "It goes on already."}},
    openapi_extra=RESUME_BODY | KEY_HEADER,
)
async def resume_run(request: Request, run_id: str) -> Response:
    """Answer the question of a waiting run, or, without an answer, go on with a run that nobody executes."""
    document, key = await read_keyed(request)
    return answer_run(await operations.resume_run(services_of(request), run_id, ResumeRequest.read(document), key))


@router.post("/runs/{run_id}/cancel", status_code=202, response_model=RunView, openapi_extra=KEY_HEADER)
async def cancel_run(request: Request, run_id: str) -> Response:
    """Stop a run; needs no body."""
    document, key = await read_keyed(request)
    read_nothing(document)
    return answer_run(await operations.cancel_run(services_of(request), run_id, key))


@router.post("/runs/{run_id}/retry", status_code=202, response_model=RunView, openapi_extra=KEY_HEADER)
async def retry_run(request: Request, run_id: str) -> Response:
    """Try again what failed or is missing in a failed or cancelled run; needs no body."""
    document, key = await read_keyed(request)
    read_nothing(document)
    return answer_run(await operations.retry_run(services_of(request), run_id, key))


@router.post(
    "/runs/{run_id}/messages", status_code=202, response_model=RunView, openapi_extra=MESSAGE_BODY | KEY_HEADER
)
async def send_message(request: Request, run_id: str) -> Response:
    """Tell a Luigi task of the run something, as Luigi's scheduler does."""
    document, key = await read_keyed(request)
    return answer_run(await operations.send_message(services_of(request), run_id, MessageRequest.read(document), key))


@router.post("/runs/{run_id}/rerun", status_code=202, response_model=RunView, openapi_extra=RERUN_BODY | KEY_HEADER)
async def rerun_run(request: Request, run_id: str) -> Response:
    """Run a node, or a task, of a run that is over again, and what follows from it; all the rest is walked over."""
    document, key = await read_keyed(request)
    return answer_run(await operations.rerun_run(services_of(request), run_id, RerunRequest.read(document), key))
