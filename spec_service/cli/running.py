"""What the commands about one run do: run, watch, approve, resume, retry, cancel."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec_service.cli.answers import answer_from, chosen_question, whole_answer
from spec_service.cli.calling import program
from spec_service.cli.client import Client
from spec_service.cli.complaints import FINE, PROBLEMS, Complaint, wrong_usage
from spec_service.cli.configuring import Place
from spec_service.cli.following import FINAL, Follower, find_run, waits_for_somebody
from spec_service.cli.inputs import given_inputs, input_lines
from spec_service.cli.neighbours import Neighbours, called_by
from spec_service.cli.printable import one_line
from spec_service.cli.problem_text import SpecRefused
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.screens import screen_for
from spec_service.cli.spec_files import SpecText, read_spec
from spec_service.cli.summary import summary_lines
from spec_service.cli.uploading import with_uploads
from spec_service.errors import Refused
from spec_service.requests import GO_ON, ExecuteRequest, RerunRequest, ResumeRequest
from spec_service.views import PlanView, RunView
from translator.errors import SpecloomError
from workflows.run import RETRIED_FROM, RunStatus

Json = Any
__all__ = [
    "Answer",
    "Approval",
    "Place",
    "Wanted",
    "approve",
    "cancel",
    "followed",
    "rerun",
    "resume",
    "retry",
    "run",
    "told",
    "watch",
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be run, as the command says."""

    file: str
    inputs: tuple[str, ...] = ()
    inputs_file: Path | None = None
    is_detached: bool = False
    is_verbose: bool = False  # show what tasks print


@dataclass(frozen=True, slots=True)
class Approval:
    """An answer in pieces."""

    pairs: tuple[str, ...] = ()
    comment: str | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, or none."""

    text: str | None = None
    question: str | None = None


def run(wanted: Wanted, place: Place, *, as_json: bool) -> int:
    """Run a spec and follow it; returns the exit code."""
    settings = place.settings()
    spec = read_spec(wanted.file, settings.max_spec_bytes)

    screen = screen_for(as_json=as_json, is_verbose=wanted.is_verbose)

    async def work() -> int:
        screen.prepare("reading the catalog and the spec …")
        async with reach(place, is_new=True) as client:
            if wanted.is_detached and not client.place:
                raise wrong_usage("--detach needs a server", "specloom dev starts one; or leave --detach out")
            plan, started = await _started(client, spec, wanted, settings.max_body_bytes)
            if wanted.is_detached:
                screen.end()
                return await told(client, place, started, as_json=as_json)
            return await followed(Follower(client, screen, place, started), plan, as_json=as_json)

    try:
        return run_async(work)
    except SpecRefused as refused:
        if as_json:
            sys.stdout.write(f"{json.dumps(refused.as_json(), ensure_ascii=False)}\n")
        raise
    finally:
        screen.end()


def watch(run_id: str, place: Place, *, as_json: bool, is_verbose: bool = False) -> int:
    """Follow a run from its beginning; returns the exit code."""

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        if not client.place and found.status in {RunStatus.QUEUED, RunStatus.RUNNING}:
            return await told(client, place, found, as_json=as_json)
        follower = Follower(client, screen_for(as_json=as_json, is_verbose=is_verbose), place, found)
        return await followed(follower, await client.get_plan(found.plan), as_json=as_json)

    return _reached(place, work)


def approve(run_id: str, given: Approval, place: Place, *, follow: bool, as_json: bool) -> int:
    """Answer a question, with yes unless told otherwise; returns the exit code."""

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        question = chosen_question(_waiting(found, place), given.question)
        answer = answer_from(question.schema_, given.pairs, given.comment)
        request = ResumeRequest(answer, question.interrupt_id)
        return await _answered(client, place, found, request, follow=follow, as_json=as_json)

    return _reached(place, work)


def resume(run_id: str, given: Answer, place: Place, *, follow: bool, as_json: bool) -> int:
    """Go on with a run, with an answer when there is one; returns the exit code."""
    answer = whole_answer(given.text) if given.text is not None else None

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        if given.text is not None:
            question = chosen_question(_waiting(found, place), given.question)
            request = ResumeRequest(answer, question.interrupt_id)
            return await _answered(client, place, found, request, follow=follow, as_json=as_json)
        if found.status in FINAL:
            raise Complaint(f"run {found.id} is over: it {_ended(found)}", *_after_end(found, place))
        if found.status != RunStatus.WAITING or not waits_for_somebody(found):
            found = await client.resume(found.id, GO_ON)
        follower = Follower(client, screen_for(as_json=as_json), place, found)
        plan = await client.get_plan(found.plan)
        if not follow:
            return await told(client, place, found, as_json=as_json)
        return await followed(follower, plan, as_json=as_json)

    return _reached(place, work)


def retry(run_id: str, place: Place, *, follow: bool, as_json: bool) -> int:
    """Try again what failed in a run; returns the exit code."""

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        if found.status not in RETRIED_FROM:
            raise Complaint(f"run {found.id} cannot be retried: it {_ended(found)}", *_instead(found, place))
        follower = Follower(client, screen_for(as_json=as_json), place, found)
        plan, past = await client.get_plan(found.plan), await follower.skip_past()
        follower.run = await client.retry(found.id)
        if not follow:
            return await told(client, place, follower.run, as_json=as_json)
        return await followed(follower, plan, past, as_json=as_json)

    return _reached(place, work)


def rerun(run_id: str, start: str, place: Place, *, follow: bool, as_json: bool) -> int:
    """Run a part of a run again; returns the exit code."""

    async def work(client: Client) -> int:
        found = await find_run(client, run_id, place)
        follower = Follower(client, screen_for(as_json=as_json), place, found)
        plan, past = await client.get_plan(found.plan), await follower.skip_past()
        try:
            follower.run = await client.rerun(found.id, RerunRequest(start))
        except Refused as refused:
            lines = [f"{one.message}{f' ({one.suggestion})' if one.suggestion else ''}" for one in refused.problems]
            steps = f"{program()} runs {run_id}{place.options()} shows its nodes and tasks"
            raise Complaint(f"run {run_id} cannot be run again from {one_line(start, 60)}", *lines, steps) from None
        if not follow:
            return await told(client, place, follower.run, as_json=as_json)
        return await followed(follower, plan, past, as_json=as_json)

    return _reached(place, work)


def cancel(run_id: str, place: Place, *, as_json: bool) -> int:
    """Stop a run and wait until it has stopped; returns the exit code."""

    async def work(client: Client) -> int:
        await find_run(client, run_id, place)
        stopped = await client.cancel(run_id)
        if stopped.status not in FINAL:
            async for _ in client.follow_events(run_id, 0):
                pass
            stopped = await client.get_run(run_id)
        return await told(client, place, stopped, as_json=as_json, code=FINE)

    return _reached(place, work)


def _reached(place: Place, work: Callable[[Client], Awaitable[int]]) -> int:
    async def reached() -> int:
        async with reach(place) as client:
            return await work(client)

    return run_async(reached)


async def _started(client: Client, spec: SpecText, wanted: Wanted, most: int) -> tuple[PlanView, RunView]:
    """Store, plan and start; raises `SpecRefused` or a `Complaint` about inputs."""
    try:
        await _store_called(client, spec, most)
        stored = await client.create_spec(spec.data, spec.media)
        plan = await client.plan_spec(stored.id)
    except Refused as refused:
        raise SpecRefused(spec, refused.problems) from None
    given = given_inputs(plan.inputs, wanted.inputs, wanted.inputs_file, most)
    try:
        inputs = await with_uploads(client, plan.inputs, given)
        return plan, await client.execute(stored.id, ExecuteRequest(inputs, plan.digest))
    except Refused as refused:
        raise Complaint("the inputs do not fit what the spec declares", *input_lines(refused.problems)) from None


async def _store_called(client: Client, spec: SpecText, most: int) -> None:
    """Store what lies beside a file and is called by it, at any depth; a server's own is taken where it has one.

    Raises `SpecRefused`.
    """
    called = called_by(spec, Neighbours.of(spec.path, most))
    known = {name for name in {one.name for one in called} if client.place and await _is_stored(client, name)}
    for one in called:
        if one.name in known:
            continue
        try:
            await client.create_spec(one.text.data, one.text.media)
        except Refused as refused:
            raise SpecRefused(one.text, refused.problems) from None


async def _is_stored(client: Client, name: str) -> bool:
    try:
        await client.get_spec(name)
    except SpecloomError as error:  # an answer of the server's has its name, and no class of its own
        if error.name == "unknown-spec":
            return False
        raise
    return True


async def _answered(  # noqa: PLR0913 - an answer, and how to go on
    client: Client, place: Place, found: RunView, request: ResumeRequest, *, follow: bool, as_json: bool
) -> int:
    follower = Follower(client, screen_for(as_json=as_json), place, found)
    plan, past = await client.get_plan(found.plan), await follower.skip_past()
    try:
        follower.run = await client.resume(found.id, request)
    except Refused as refused:
        lines = [f"{one.path.removeprefix('/answer') or '/'}: {one.message}" for one in refused.problems]
        raise Complaint("the answer does not fit what is asked", *lines) from None
    if not follow:
        return await told(client, place, follower.run, as_json=as_json)
    return await followed(follower, plan, past, as_json=as_json)


async def followed(follower: Follower, plan: PlanView | None, past: Any = (), *, as_json: bool) -> int:
    """Show a run until it stops, then how it stands; returns the exit code."""
    stopped = await follower.to_the_end(plan, list(past))
    return await told(follower.client, follower.place, stopped, as_json=as_json)


async def told(client: Client, place: Place, run: RunView, *, as_json: bool, code: int | None = None) -> int:
    """Print how a run stands, and return the exit code that says so too."""
    if as_json:
        lines = [run.model_dump_json(by_alias=True)]
    else:
        lines = summary_lines(run, await client.list_artifacts(run.id), client, place)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if code is not None:
        return code
    return PROBLEMS if run.status in {RunStatus.FAILED, RunStatus.CANCELLED} else FINE


def _waiting(run: RunView, place: Place) -> RunView:
    if any(one.is_for_people for one in run.waiting_for):
        return run
    hint = "specloom watch RUN shows when it does"
    hints = _after_end(run, place) if run.status in FINAL else [hint]
    raise Complaint(f"run {run.id} waits for no answer: it {_ended(run)}", *hints)


def _after_end(run: RunView, place: Place) -> list[str]:
    """Return what can be done when a run is over."""
    retry = f"{program()} retry {run.id}{place.options(with_catalog=True)} tries again what has not succeeded"
    return [*([retry] if run.status in RETRIED_FROM else []), "specloom run FILE starts another one"]


def _instead(run: RunView, place: Place) -> list[str]:
    """Return what can be done with a run that cannot be retried."""
    if run.status in FINAL:
        return _after_end(run, place)
    return [f"{program()} resume {run.id}{place.options(with_catalog=True)} goes on with it"]


def _ended(run: RunView) -> str:
    return {"failed": "has failed", "succeeded": "has succeeded", "cancelled": "was cancelled"}.get(
        run.status, f"is {run.status}"
    )
