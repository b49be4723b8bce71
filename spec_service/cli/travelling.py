"""What the commands through time do: replay, fork, compare."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec_service.cli.calling import program
from spec_service.cli.client import Client
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint
from spec_service.cli.configuring import Place
from spec_service.cli.following import Follower, find_run
from spec_service.cli.inputs import parsed, split_pairs
from spec_service.cli.printable import one_line
from spec_service.cli.problem_text import SpecRefused
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.running import followed, told
from spec_service.cli.screens import screen_for
from spec_service.cli.spec_files import read_spec
from spec_service.cli.travel_text import comparison_lines, replay_lines
from spec_service.errors import Refused
from spec_service.travel_requests import ForkRequest, ReplayRequest
from spec_service.views import PlanView
from translator.language.schema_walk import as_schema

Json = Any


@dataclass(frozen=True, slots=True)
class Other:
    """With which plan a run is replayed."""

    plan: str | None = None
    spec: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fork is to be, as the command says."""

    at: str
    visit: int | None = None
    sets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    plan: str | None = None


def replay(run_id: str, other: Other, place: Place, *, as_json: bool) -> int:
    """Replay a run and print what is different; returns the exit code."""
    spec = read_spec(str(other.spec), place.settings().max_spec_bytes) if other.spec else None

    async def work(client: Client) -> int:
        await find_run(client, run_id, place)
        text = spec.data.decode("utf-8", "replace") if spec else None
        try:
            found = await client.replay(run_id, ReplayRequest(other.plan, text))
        except Refused as refused:
            if spec is None:
                raise
            raise SpecRefused(spec, refused.problems) from None
        lines = [found.model_dump_json()] if as_json else replay_lines(found)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return FINE if found.is_same else PROBLEMS

    return _reached(place, work)


def fork(run_id: str, wanted: Wanted, place: Place, *, follow: bool, as_json: bool) -> int:
    """Fork a run and follow the new one; returns the exit code."""

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        plan = await client.get_plan(wanted.plan.removeprefix("sha256:") if wanted.plan else found.plan)
        try:
            made = await client.fork(found.id, _request(wanted, plan))
        except Refused as refused:
            lines = [f"{one.message}{f' ({one.suggestion})' if one.suggestion else ''}" for one in refused.problems]
            steps = f"{program()} runs {run_id}{place.options()} shows its nodes"
            raise Complaint(f"run {run_id} cannot be forked so", *lines, steps) from None
        if not follow:
            return await told(client, place, made, as_json=as_json)
        follower = Follower(client, screen_for(as_json=as_json), place, made)
        return await followed(follower, plan, as_json=as_json)

    return _reached(place, work)


def compare(run_id: str, other_id: str, place: Place, *, as_json: bool) -> int:
    """Print two runs beside each other; returns the exit code."""

    async def work(client: Client) -> int:
        for one in (run_id, other_id):
            await find_run(client, one, place)
        found = await client.compare(run_id, other_id)
        lines = [found.model_dump_json()] if as_json else comparison_lines(found)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return FINE

    return _reached(place, work)


def _request(wanted: Wanted, plan: PlanView) -> ForkRequest:
    """Read values as the plan declares them; what it does not know is sent as it is, and refused with a suggestion."""
    channels = {name: one.schema_ for name, one in plan.state.items()}
    inputs: Mapping[str, Json] = plan.inputs.get("properties", {})
    sets = {name.removeprefix("state."): text for name, text in split_pairs(wanted.sets, "--set")}
    return ForkRequest(
        at=wanted.at,
        visit=wanted.visit,
        sets={name: _value(text, channels.get(name), f"--set state.{name}") for name, text in sets.items()},
        inputs={
            name: _value(text, inputs.get(name), f"--input {name}")
            for name, text in split_pairs(wanted.inputs, "--input")
        },
        plan=wanted.plan,
    )


def _value(text: str, schema: Json, what: str) -> Json:
    if schema is not None:
        return parsed(text, as_schema(schema), what)
    try:
        return json.loads(text)
    except ValueError:
        return one_line(text)


def _reached(place: Place, work: Callable[[Client], Awaitable[int]]) -> int:
    async def reached() -> int:
        async with reach(place) as client:
            return await work(client)

    return run_async(reached)
