"""The one table from names to HTTP statuses, and the bodies of refusals (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from spec_service.errors import Refused
from translator.errors import SpecloomError
from translator.language.problems import Problem

Json = Any
MEDIA_TYPE = "application/problem+json"
INTERNAL = "internal-error"
_MISTAKE = 422  # what was sent has problems

STATUSES: Mapping[str, int] = {
    "bad-cursor": 400,
    "invalid-request": 400,
    "unauthenticated": 401,
    "host-not-allowed": 403,
    "origin-not-allowed": 403,
    "not-found": 404,
    "unknown-spec": 404,
    "unknown-plan": 404,
    "unknown-policy": 404,
    "unknown-run": 404,
    "unknown-artifact": 404,
    "unknown-stage": 404,
    "method-not-allowed": 405,
    "version-exists": 409,
    "spec-retired": 409,
    "file-moved-on": 409,
    "not-waiting": 409,
    "several-questions": 409,
    "plan-mismatch": 409,
    "run-ended": 409,
    "not-retryable": 409,
    "not-forkable": 409,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "idempotency-mismatch": _MISTAKE,
    "path-not-allowed": _MISTAKE,
    INTERNAL: 500,
    "extra-missing": 501,
    "publish-failed": 502,
    "journal-failed": 503,
    "not-ready": 503,
    "publish-unavailable": 503,
}
_SOON: Mapping[str, str] = {"Retry-After": "1"}  # with every 503: a server that starts, stops or mends itself is quick
_OF_THE_DOOR = frozenset({"body-too-large", "unsupported-media-type"})  # refused before anything was read


def status_of(error: SpecloomError) -> int:
    """Return the status for an error; 500 for one that no caller is meant to see."""
    if isinstance(error, Refused):
        name = error.problems[0].name if error.problems else ""
        return STATUSES[name] if name in _OF_THE_DOOR else _MISTAKE
    return STATUSES.get(error.name, 500)


def answer_error(error: SpecloomError, request_id: str) -> Response:
    """Return the answer to an error of ours."""
    status = status_of(error)
    if status == 500:  # noqa: PLR2004 - not meant for callers: what happened stands in the log
        return answer_problem(INTERNAL, "The server failed.", request_id)
    if isinstance(error, Refused):
        return _answer(status, error.problems[0], request_id, [one.as_dict() for one in error.problems])
    return _answer(status, Problem(error.name, error.message), request_id, [], details=getattr(error, "details", None))


def answer_problem(
    name: str, detail: str, request_id: str, *, suggestion: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer for one named problem that has no place in a text."""
    problem = Problem(name, detail, suggestion=suggestion)
    return _answer(STATUSES.get(name, 500), problem, request_id, [], headers)


def _answer(  # noqa: PLR0913, PLR0917 - the parts of an answer
    status: int,
    problem: Problem,
    request_id: str,
    problems: list[dict[str, Json]],
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Json] | None = None,
) -> Response:
    if status == 503:  # noqa: PLR2004
        headers = {**_SOON, **(headers or {})}
    body: dict[str, Json] = {
        "type": f"urn:specloom:problem:{problem.name}",
        "title": problem.name.replace("-", " "),
        "status": status,
        "detail": problem.message,
        "name": problem.name,
        "code": problem.code,
        "suggestion": problem.suggestion,
        "request_id": request_id,
        "problems": problems,
        **(details or {}),
    }
    return Response(json.dumps(body, ensure_ascii=False), status, headers, MEDIA_TYPE)
