"""The doors of signals: to a run, and to whichever run waits for a key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, answer_run, read_document, read_keyed, services_of
from spec_service.api.examples import KEY_HEADER, PROBLEM_RESPONSES, json_body
from spec_service.requests import SignalRequest
from spec_service.views import RunView, SignalView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["signals"])
_DATA = {"description": "What the wait gets as its result; any JSON."}
_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "data": _DATA,
            "key": {"type": "string", "description": "For a wait that has a `key`: the same text."},
        },
        "additionalProperties": False,
    },
    {"data": {"amount": 12}},
    is_required=False,
)
_KEYED_BODY = json_body(
    {
        "type": "object",
        "properties": {"data": _DATA, "key": {"type": "string"}},
        "required": ["key"],
        "additionalProperties": False,
    },
    {"key": "order-4711", "data": {"amount": 12}},
)


@router.post("/runs/{run_id}/signals/{name}", status_code=202, response_model=RunView, openapi_extra=_BODY | KEY_HEADER)
async def send_signal(request: Request, run_id: str, name: str) -> Response:
    """Send a signal to a run; one that comes too early is kept until the run waits for it."""
    document, key = await read_keyed(request)
    return answer_run(
        await operations.send_signal(services_of(request), run_id, name, SignalRequest.read(document), key)
    )


@router.post("/signals/{name}", status_code=202, response_model=SignalView, openapi_extra=_KEYED_BODY)
async def send_keyed_signal(request: Request, name: str) -> Response:
    """Send a signal to every run that waits for its key; if none does, it is kept for the first, at most 7 days."""
    services = services_of(request)
    document = await read_document(request, services.settings.max_body_bytes)
    told = await operations.send_keyed_signal(services, name, SignalRequest.read(document, needs_key=True))
    return answer(told, 202)
