"""How bodies come in: counted while they come, of a known kind, read by the strict readers; and how answers go out."""

from __future__ import annotations

from typing import cast

from anyio import move_on_after, to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from spec_service.errors import BadQuery, Refused
from spec_service.keys import RunAnswer
from spec_service.requests import Media, RequestKey
from spec_service.services import Services
from translator.language.document import Document
from translator.language.problems import Problem

MEDIA_TYPES: dict[str, Media] = {
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/x-yaml": "yaml",
    "application/json": "json",
}
_SECONDS_TO_TAKE_THE_REST = 0.5
_TAKES_AT_MOST = 4  # times the limit


def services_of(request: Request) -> Services:
    """Return the bundle that the application was made with."""
    return cast("Services", request.app.state.services)


def answer(view: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a view as JSON."""
    return Response(view.model_dump_json(by_alias=True), status, headers, "application/json")


def answer_run(told: RunAnswer, headers: dict[str, str] | None = None) -> Response:
    """Return what was done with a run; an answer that was given before says so."""
    replayed = {"Idempotent-Replayed": "true"} if told.is_replayed else {}
    return answer(told.run, told.status, {**(headers or {}), **replayed})


async def read_document(request: Request, limit: int) -> Document:
    """Return the body as a positioned document; an empty one is an empty mapping. Raises `Refused`."""
    return (await _document(request, limit))[0]


async def read_keyed(request: Request) -> tuple[Document, RequestKey | None]:
    """Return the body as a document, and the request's `Idempotency-Key`; raises `Refused`, `BadQuery`."""
    document, data = await _document(request, services_of(request).settings.max_body_bytes)
    return document, RequestKey.read(request.headers.getlist("idempotency-key"), request.scope["path"], data)


async def read_with_key(request: Request) -> tuple[Document, RequestKey | None]:
    """Return the body as a document, and its `idempotency_key` or that of the headers; raises `Refused`, `BadQuery`."""
    document, data = await _document(request, services_of(request).settings.max_body_bytes)
    given = request.headers.getlist("idempotency-key")
    value = document.value
    inside = cast("dict[str, object]", value).get("idempotency_key") if isinstance(value, dict) else None
    if isinstance(inside, str):
        if given and given != [inside]:
            raise BadQuery("`Idempotency-Key` and `idempotency_key` are not the same")
        given = [inside]
    return document, RequestKey.read(given, request.scope["path"], data)


async def _document(request: Request, limit: int) -> tuple[Document, bytes]:
    data, media = await read_body(request, limit) if await _has_body(request) else (b"", "json")
    if not data:
        return Document.from_value({}), b""
    found = await to_thread.run_sync(_read, data, media)
    if isinstance(found, list):
        raise Refused(found)
    return found, data


async def read_body(request: Request, limit: int) -> tuple[bytes, Media]:
    """Return the bytes and what they are; raises `Refused` for another kind and for more than `limit` bytes."""
    media = media_of(request)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        await take_the_rest(request, limit)
        raise Refused([_too_large(limit)])
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            await take_the_rest(request, limit)
            raise Refused([_too_large(limit)])
    return bytes(data), media


def media_of(request: Request) -> Media:
    """Return what the headers say the body is; raises `Refused` (`unsupported-media-type`)."""
    refuse_encoded(request)
    types = request.headers.getlist("content-type")
    kind, _, rest = (types[0] if len(types) == 1 else "").partition(";")
    media = MEDIA_TYPES.get(kind.strip().lower())
    if media is None:
        hint = "send `Content-Type: application/yaml` or `application/json`"
        raise Refused([_unsupported("this door takes YAML and JSON, and the Content-Type must say which", hint)])
    charset = rest.strip().lower().replace(" ", "").replace('"', "")
    if charset.startswith("charset=") and charset not in ("charset=utf-8", "charset=utf8"):
        raise Refused([_unsupported("the text is not in UTF-8", "send it as UTF-8, with `application/yaml`")])
    return media


def refuse_encoded(request: Request) -> None:
    """Raise `Refused` (`unsupported-media-type`) for a body that is compressed."""
    encodings = [one.strip().lower() for one in request.headers.getlist("content-encoding")]
    if any(one not in ("", "identity") for one in encodings):
        raise Refused([_unsupported("the body is compressed or otherwise encoded", "send it as it is")])


async def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def take_the_rest(request: Request, limit: int) -> None:
    """Take some more bytes and forget them: a client that is still sending could not read the answer otherwise."""
    if "expect" in request.headers:
        return
    taken = 0
    with move_on_after(_SECONDS_TO_TAKE_THE_REST):
        while taken < limit * _TAKES_AT_MOST:
            message = await request.receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                return
            taken += len(message.get("body", b""))


def _read(data: bytes, media: Media) -> Document | list[Problem]:
    from translator.language.reading import read  # noqa: PLC0415
    from translator.language.tree_builder import BODY_LIMITS  # noqa: PLC0415

    return read(data, media, limits=BODY_LIMITS)


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"the body has more than {limit:,} bytes", suggestion="send less")


def _unsupported(message: str, suggestion: str) -> Problem:
    return Problem("unsupported-media-type", message, suggestion=suggestion)
