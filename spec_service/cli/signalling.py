"""What the command `signal` does: sends a signal to a run, and follows what it sets in motion."""

from __future__ import annotations

import json
from typing import Any

from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.configuring import Place
from spec_service.cli.following import Follower, find_run
from spec_service.cli.inputs import no_number
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.running import followed, told
from spec_service.cli.screens import screen_for
from spec_service.errors import Refused
from spec_service.requests import SignalRequest
from translator.language.problems import Problem
from workflows.run import RunStatus

Json = Any


def signal(  # noqa: PLR0913 - a signal, and how to go on
    run_id: str, name: str, request: SignalRequest, place: Place, *, follow: bool, as_json: bool
) -> int:
    """Send a signal; follow the run if it goes on. Returns the exit code."""

    async def work() -> int:
        async with reach(place) as client:
            found = await find_run(client, run_id, place)
            follower = Follower(client, screen_for(as_json=as_json), place, found)
            plan, past = await client.get_plan(found.plan), await follower.skip_past()
            try:
                follower.run = await client.send_signal(run_id, name, request)
            except Refused as refused:
                raise Complaint("the signal is refused", *map(_line, refused.problems)) from None
            if not follow or follower.run.status == RunStatus.WAITING:  # then it is kept for later
                return await told(client, place, follower.run, as_json=as_json)
            return await followed(follower, plan, past, as_json=as_json)

    return run_async(work)


def read_data(text: str | None) -> Json:
    """Read `--data`; raises `Complaint`."""
    try:
        return None if text is None else json.loads(text, parse_constant=no_number)
    except ValueError as error:
        raise wrong_usage(f"--data-json is no JSON: {error}", """such as --data-json '{"amount": 12}'""") from None


def _line(problem: Problem) -> str:
    where = f"{problem.path.removeprefix('/data') or '/'}: " if problem.path.startswith("/data") else ""
    return where + problem.message + (f" ({problem.suggestion})" if problem.suggestion else "")
