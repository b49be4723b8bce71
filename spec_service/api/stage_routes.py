"""The doors of stages: what there is, one run of one stage, and the same by shorter names that other clients know."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, answer_run, read_with_key, services_of
from spec_service.api.examples import KEY_HEADER, PROBLEM_RESPONSES
from spec_service.api.queries import Wait, read_wait
from spec_service.api.stage_descriptions import STAGE_RUN_BODY, TASK_RUN_BODY, TASK_RUN_NAMED_BODY
from spec_service.keys import RunAnswer
from spec_service.requests import StageRunRequest
from spec_service.stage_views import EntryView, StagesView, TaskResult, TaskView
from spec_service.views import Page, RunView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["stages"])
_ACCEPTED, _FINE = 202, 200


@router.get("/stages", response_model=StagesView)
async def list_stages(request: Request) -> Response:
    """List the stages and tools of the catalog, and what of it could not be loaded."""
    return answer(await operations.list_stages(services_of(request)))


@router.get("/stages/{name}", response_model=Page[EntryView])
async def get_stage(request: Request, name: str) -> Response:
    """Look at all versions of a stage or tool."""
    return answer(Page[EntryView](items=await operations.get_stage(services_of(request), name)))


@router.post(
    "/stages/{name}/run",
    status_code=202,
    response_model=RunView,
    responses={200: {"model": RunView, "description": "With `wait`: the run as it is."}},
    openapi_extra=STAGE_RUN_BODY | KEY_HEADER,
)
async def run_stage(request: Request, name: str, wait: Wait = None) -> Response:
    """Run one stage alone, and what it requires: a run like any other, answered as `POST /specs/{spec_id}/execute`."""
    services = services_of(request)
    seconds = read_wait(wait, services.settings.max_wait_seconds)
    document, key = await read_with_key(request)
    told = await operations.run_stage(services, StageRunRequest.read_body(document, name), seconds, key)
    return answer_run(told, {"Location": f"/runs/{told.run.id}"})


@router.get("/tasks", response_model=Page[TaskView])
async def list_tasks(request: Request) -> Response:
    """List the stages as agents call them, with the schemas of what they take and leave."""
    return answer(await operations.list_tasks(services_of(request)))


@router.get("/tasks/{name}", response_model=TaskView)
async def get_task(request: Request, name: str) -> Response:
    """Look at one stage, by the name of its agent or its own."""
    return answer(await operations.get_task(services_of(request), name))


@router.post(
    "/run",
    response_model=TaskResult,
    responses={202: {"model": TaskResult, "description": "It is not over: ask `/results/{run_id}`."}},
    openapi_extra=TASK_RUN_BODY | KEY_HEADER,
)
async def run_task(request: Request, wait: Wait = None) -> Response:
    """Run the stage that the body names, and wait for its result, unless `wait` says otherwise."""
    return await _run_task(request, None, wait)


@router.post(
    "/run/{name}",
    response_model=TaskResult,
    responses={202: {"model": TaskResult, "description": "It is not over: ask `/results/{run_id}`."}},
    openapi_extra=TASK_RUN_NAMED_BODY | KEY_HEADER,
)
async def run_named_task(request: Request, name: str, wait: Wait = None) -> Response:
    """Run a stage, by the name of its agent or its own, and wait for its result, unless `wait` says otherwise."""
    return await _run_task(request, name, wait)


@router.get(
    "/results/{run_id}",
    response_model=TaskResult,
    responses={202: {"model": TaskResult, "description": "It is not over: ask again."}},
)
async def get_result(request: Request, run_id: str) -> Response:
    """Look at what became of a run: 202 while it is not over."""
    return _answer_result(await operations.get_result(services_of(request), run_id), {})


async def _run_task(request: Request, name: str | None, wait: str | None) -> Response:
    services = services_of(request)
    longest = services.settings.max_wait_seconds
    seconds = longest if wait is None else read_wait(wait, longest)
    document, key = await read_with_key(request)
    wanted = StageRunRequest.read_body(document, name, is_short=True)
    told: RunAnswer = await operations.run_stage(services, wanted, seconds, key)
    headers = {"Idempotent-Replayed": "true"} if told.is_replayed else {}
    return _answer_result(TaskResult.of(told.run), {**headers, "Location": f"/results/{told.run.id}"})


def _answer_result(result: TaskResult, headers: dict[str, str]) -> Response:
    return answer(result, _FINE if result.is_final else _ACCEPTED, headers)
