"""What the command `message` does: tells a running Luigi task something."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from spec_service.cli.complaints import FINE, Complaint, wrong_usage
from spec_service.cli.configuring import Place
from spec_service.cli.following import find_run
from spec_service.cli.inputs import no_number
from spec_service.cli.reaching import reach, run_async
from spec_service.errors import Refused
from spec_service.requests import MessageRequest

Json = Any


def message(run_id: str, request: MessageRequest, place: Place) -> int:
    """Send a message to a task. Returns the exit code."""

    async def work() -> int:
        async with reach(place) as client:
            found = await find_run(client, run_id, place)
            try:
                await client.send_message(found.id, request)
            except Refused as refused:
                lines = [_line(one.message, one.suggestion) for one in refused.problems]
                raise Complaint("nobody is told", *lines) from None
        sys.stdout.write(f"{request.task} is told; what it answers stands in the run's events\n")
        return FINE

    return run_async(work)


def read_payload(text: str | None) -> dict[str, Json]:
    """Read `--payload-json`; raises `Complaint`."""
    try:
        found: Json = {} if text is None else json.loads(text, parse_constant=no_number)
    except ValueError as error:
        raise wrong_usage(f"--payload-json is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise wrong_usage("--payload-json is no object", """such as --payload-json '{"level": 3}'""")
    return cast("dict[str, Json]", found)


def _line(message: str, suggestion: str | None) -> str:
    return message + (f" ({suggestion})" if suggestion else "")
