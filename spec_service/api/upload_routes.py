"""The door of uploads: bytes that are too big for the body of an execute."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from spec_service import operations
from spec_service.api.bodies import answer, refuse_encoded, services_of, take_the_rest
from spec_service.api.examples import PROBLEM_RESPONSES
from spec_service.errors import Refused
from spec_service.operations.upload import too_large
from spec_service.views import UploadView

router = APIRouter(responses=PROBLEM_RESPONSES, tags=["uploads"])
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/uploads",
    status_code=201,
    response_model=UploadView,
    responses={200: {"model": UploadView, "description": "These bytes are there already."}},
    openapi_extra=_BODY,
)
async def upload(request: Request) -> Response:
    """Keep the body, of any type, for inputs of runs: 201, or 200 when the same bytes are there already."""
    services = services_of(request)
    limit = services.settings.max_upload_bytes
    refuse_encoded(request)
    length = request.headers.get("content-length", "")
    try:
        if length.isdecimal() and int(length) > limit:
            raise too_large(limit)
        view, is_new = await operations.upload(services, request.stream(), request.headers.get("content-type", ""))
    except Refused:
        await take_the_rest(request, limit)
        raise
    return answer(view, 201 if is_new else 200)
