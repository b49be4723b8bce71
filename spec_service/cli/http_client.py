"""Runs through a server's HTTP doors."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from spec_service.called_specs import ComingSpec
from spec_service.cli.artifact_places import find_artifact
from spec_service.cli.client import ServerRefused, ServerUnreachable
from spec_service.cli.uploading import chunks_of, size_of
from spec_service.errors import Refused
from spec_service.operations.draw_plan import Drawing
from spec_service.ports import SpecSource, UsageQuery
from spec_service.requests import (
    ExecuteRequest,
    Media,
    MessageRequest,
    PublishRequest,
    RerunRequest,
    ResumeRequest,
    SignalRequest,
)
from spec_service.settings import Settings
from spec_service.travel_requests import ForkRequest, ReplayRequest
from spec_service.travel_views import ComparisonView, ReplayView
from spec_service.views import (
    ArtifactView,
    EventView,
    Page,
    PlanView,
    PolicyTrial,
    PolicyView,
    Published,
    RunItem,
    RunView,
    SpecText,
    SpecView,
    UploadView,
    Usages,
)
from translator.language.problems import Problem

Json = Any
ViewT = TypeVar("ViewT", bound=BaseModel)
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
UPLOAD_SECONDS = 600.0  # for the disk of the server to take all of it
_RECONNECTS = 5  # of a stream that breaks before it brings anything
_LOST = (httpx2.ReadError, httpx2.WriteError, httpx2.CloseError, httpx2.RemoteProtocolError)
_MEDIA_TYPES: Mapping[Media, str] = {"yaml": "application/yaml", "json": "application/json"}
_PROBLEM_FIELDS = ("name", "message", "path", "line", "column", "suggestion")


class HttpClient:
    """Asks one server."""

    def __init__(self, client: httpx2.AsyncClient, place: str, settings: Settings, *, is_near: bool) -> None:
        """Take an open client; `is_near` tells that the server works in the data directory of the settings."""
        self._client = client
        self._place = place
        self._data = settings.data if is_near else None

    @property
    def place(self) -> str:
        """Return the URL of the server."""
        return self._place

    async def create_spec(self, data: bytes, media: Media, source: SpecSource | None = None) -> SpecView:
        """Store a spec, or find it."""
        query = {"source": source.kind, "path": source.path, "commit": source.commit} if source else {}
        return await self._ask(SpecView, "POST", "/specs", content=data, media=media, query=query)

    async def get_spec(self, spec_id: str) -> SpecText:
        """Return a revision with its text."""
        return await self._ask(SpecText, "GET", f"/specs/{_segment(spec_id)}")

    async def list_specs(self, cursor: str | None, limit: int) -> Page[SpecView]:
        """Return the current revisions of the names that are in use."""
        return await self._ask(Page[SpecView], "GET", "/specs", query={"cursor": cursor, "limit": str(limit)})

    async def retire_spec(self, name: str) -> SpecView:
        """Take a name out of use."""
        return await self._ask(SpecView, "DELETE", f"/specs/{_segment(name)}")

    async def publish_spec(self, spec_id: str, request: PublishRequest) -> Published:
        """Commit a spec's text to the repository of the server."""
        given = {"path": request.path, "message": request.message, "author": request.author}
        body: dict[str, Json] = {key: value for key, value in given.items() if value is not None}
        if request.has_base:
            body["base"] = request.base
        return await self._ask(Published, "POST", f"/specs/{_segment(spec_id)}/publish", content=_body(body))

    async def preview_plan(
        self,
        data: bytes,
        media: Media,
        coming: Sequence[ComingSpec] = (),  # noqa: ARG002 - a server looks among what it has stored
    ) -> PlanView:
        """Plan a text without storing it, and compare it with the last plan of its name."""
        return await self._ask(PlanView, "POST", "/specs/plan", content=data, media=media)

    async def draw_plan(self, digest: str, drawing: Drawing) -> str:
        """Draw a stored plan."""
        path = f"/plans/{_segment(digest)}/graph"
        response = await self._sent(self._client.build_request("GET", path, params={"format": drawing}))
        if not response.is_success:
            raise refusal_of(response)
        return response.text

    async def plan_spec(self, spec_id: str) -> PlanView:
        """Plan a stored spec."""
        return await self._ask(PlanView, "POST", f"/specs/{_segment(spec_id)}/plan")

    async def get_plan(self, digest: str) -> PlanView:
        """Return a stored plan."""
        return await self._ask(PlanView, "GET", f"/plans/{_segment(digest)}")

    async def execute(self, spec_id: str, request: ExecuteRequest) -> RunView:
        """Start a run."""
        body: dict[str, Json] = {"inputs": request.inputs, "labels": request.labels, "priority": request.priority}
        if request.plan is not None:
            body["plan"] = request.plan
        return await self._ask(RunView, "POST", f"/specs/{_segment(spec_id)}/execute", content=_body(body))

    async def get_run(self, run_id: str) -> RunView:
        """Return a run as it stands."""
        return await self._ask(RunView, "GET", f"/runs/{_segment(run_id)}")

    async def list_runs(
        self, status: str | None, spec: str | None, cursor: str | None, limit: int, parent: str | None = None
    ) -> Page[RunItem]:
        """Return runs, the newest first."""
        query = {"status": status, "spec": spec, "cursor": cursor, "limit": str(limit), "parent": parent}
        return await self._ask(Page[RunItem], "GET", "/runs", query=query)

    async def page_events(self, run_id: str, after: int, limit: int) -> Page[EventView]:
        """Return events that are recorded."""
        query = {"after": str(after), "limit": str(limit)}
        return await self._ask(Page[EventView], "GET", f"/runs/{_segment(run_id)}/events", query=query)

    async def follow_events(self, run_id: str, after: int) -> AsyncGenerator[EventView]:
        """Yield events as they come; a stream that breaks is taken up where it ended."""
        failures = 0
        while True:
            try:
                async for event in self._stream(run_id, after):
                    yield event
                    after, failures = event.seq, 0
            except httpx2.TransportError as error:
                failures += 1
                if failures > _RECONNECTS:
                    raise ServerUnreachable(f"{self._place} broke off: {_reason(error)}") from error
                continue
            if await self._is_final(run_id, after):
                return

    async def resume(self, run_id: str, request: ResumeRequest) -> RunView:
        """Answer a question, or, without an answer, go on with a run that nobody executes."""
        body: dict[str, Json] = {"answer": request.answer} if request.has_answer else {}
        if request.interrupt_id is not None:
            body["interrupt_id"] = request.interrupt_id
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/resume", content=_body(body))

    async def send_signal(self, run_id: str, name: str, request: SignalRequest) -> RunView:
        """Send a signal to a run."""
        body: dict[str, Json] = {"data": request.data}
        if request.key is not None:
            body["key"] = request.key
        return await self._ask(
            RunView, "POST", f"/runs/{_segment(run_id)}/signals/{_segment(name)}", content=_body(body)
        )

    async def send_message(self, run_id: str, request: MessageRequest) -> RunView:
        """Tell a Luigi task of a run something; raises `Refused`."""
        body = {"task": request.task, "content": request.content, "payload": request.payload}
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/messages", content=_body(body))

    async def upload(self, file: Path, media_type: str) -> UploadView:
        """Send a file while it is read."""
        headers = {"Content-Type": media_type, "Content-Length": str(size_of(file))}
        timeout = httpx2.Timeout(UPLOAD_SECONDS, connect=CONNECT_SECONDS)
        try:
            response = await self._client.put("/uploads", content=chunks_of(file), headers=headers, timeout=timeout)
        except httpx2.TransportError as error:
            raise ServerUnreachable(f"{self._place} does not answer: {_reason(error)}") from error
        return self._read(UploadView, "/uploads", response)

    async def retry(self, run_id: str) -> RunView:
        """Try again what failed in a run."""
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/retry", content=b"{}")

    async def rerun(self, run_id: str, request: RerunRequest) -> RunView:
        """Run a part of a run again that is over; raises `Refused`."""
        body = json.dumps({"from": request.from_}).encode()
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/rerun", content=body)

    async def replay(self, run_id: str, request: ReplayRequest) -> ReplayView:
        """Execute a run again on its records; raises `Refused`."""
        given: dict[str, Json] = {"plan": request.plan, "spec": request.spec}
        body = _body({name: value for name, value in given.items() if value is not None})
        return await self._ask(ReplayView, "POST", f"/runs/{_segment(run_id)}/replay", content=body)

    async def fork(self, run_id: str, request: ForkRequest) -> RunView:
        """Start a new run from a node of an old one; raises `Refused`."""
        body = _body(request.as_json())
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/fork", content=body)

    async def compare(self, run_id: str, other_id: str) -> ComparisonView:
        """Lay two runs beside each other."""
        path = f"/runs/{_segment(run_id)}/compare/{_segment(other_id)}"
        return await self._ask(ComparisonView, "GET", path)

    async def cancel(self, run_id: str) -> RunView:
        """Stop a run."""
        return await self._ask(RunView, "POST", f"/runs/{_segment(run_id)}/cancel", content=b"{}")

    async def list_artifacts(self, run_id: str) -> tuple[ArtifactView, ...]:
        """Return what the steps of a run kept."""
        return (await self._ask(Page[ArtifactView], "GET", f"/runs/{_segment(run_id)}/artifacts")).items

    async def create_policy(self, data: bytes, media: Media) -> PolicyView:
        """Store a policy and put it in force."""
        return await self._ask(PolicyView, "POST", "/policies", content=data, media=media)

    async def list_policies(self) -> Page[PolicyView]:
        """Return the policies that are in force."""
        return await self._ask(Page[PolicyView], "GET", "/policies")

    async def get_policy(self, policy_id: str) -> PolicyView:
        """Return a revision of a policy with its text."""
        return await self._ask(PolicyView, "GET", f"/policies/{_segment(policy_id)}")

    async def retire_policy(self, name: str) -> PolicyView:
        """Take a policy out of force."""
        return await self._ask(PolicyView, "DELETE", f"/policies/{_segment(name)}")

    async def try_policy(self, data: bytes, media: Media, runs: Sequence[str]) -> PolicyTrial:
        """Replay recorded runs against a policy."""
        named = "&".join(f"run={_segment(run)}" for run in runs)
        path = f"/policies/test?{named}" if named else "/policies/test"
        return await self._ask(PolicyTrial, "POST", path, content=data, media=media)

    async def sum_usage(self, query: UsageQuery) -> Usages:
        """Sum up what runs have used."""
        since, until = (at.isoformat() if at else None for at in (query.since, query.until))
        return await self._ask(Usages, "GET", "/usage", query={"group_by": query.group_by, "from": since, "to": until})

    def location(self, run_id: str, path: str) -> str:
        """Return a path when the server works on this machine's data directory, else a URL."""
        file = find_artifact(self._data, run_id, path) if self._data else None
        return str(file) if file else f"{self._place}/runs/{_segment(run_id)}/artifacts/{quote(path)}"

    async def _is_final(self, run_id: str, after: int) -> bool:
        """Tell whether a stream ended because there is nothing more to come."""
        run = await self.get_run(run_id)
        return run.finished_at is not None and not (await self.page_events(run_id, after, 1)).items

    async def _stream(self, run_id: str, after: int) -> AsyncGenerator[EventView]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        path = f"/runs/{_segment(run_id)}/events"
        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=None)
        async with self._client.stream("GET", path, headers=headers, timeout=timeout) as response:
            if not response.is_success:
                await response.aread()
                raise refusal_of(response)
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    yield EventView.model_validate_json(line.removeprefix("data:").strip())

    async def _ask(  # noqa: PLR0913 - the parts of a request
        self,
        view: type[ViewT],
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        media: Media = "json",
        query: Mapping[str, str | None] | None = None,
    ) -> ViewT:
        headers = {"Content-Type": _MEDIA_TYPES[media]} if content is not None else {}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        params = {key: value for key, value in (query or {}).items() if value is not None} or None
        request = self._client.build_request(method, path, content=content, headers=headers, params=params)
        return self._read(view, path, await self._sent(request))

    def _read(self, view: type[ViewT], path: str, response: httpx2.Response) -> ViewT:
        if not response.is_success:
            raise refusal_of(response)
        try:
            return view.model_validate_json(response.content)
        except ValidationError as error:
            message = f"{self._place} answers {path} with something else than a Specloom server does"
            raise ServerUnreachable(message) from error

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and once more when the connection is lost: its key keeps it from being done twice."""
        try:
            try:
                return await self._client.send(request)
            except _LOST:
                return await self._client.send(request)
        except httpx2.TransportError as error:
            raise ServerUnreachable(f"{self._place} does not answer: {_reason(error)}") from error


@asynccontextmanager
async def open_http_client(url: str, settings: Settings, *, is_near: bool = False) -> AsyncGenerator[HttpClient]:
    """Open a client of the server at `url`, with the token of the settings."""
    token = settings.token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    place = url.rstrip("/")
    is_secure = place.startswith("https:")  # certificates take a tenth of a second to load
    async with httpx2.AsyncClient(
        base_url=place, headers=headers, timeout=timeout, trust_env=not is_near, verify=is_secure
    ) as client:
        yield HttpClient(client, place, settings, is_near=is_near)


def refusal_of(response: httpx2.Response) -> Refused | ServerRefused:
    """Return the error that an answer tells of."""
    try:
        body: Json = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return ServerRefused("bad-answer", f"the server answered {response.status_code} without saying why")
    told = cast("dict[str, Json]", body)
    listed = cast("list[dict[str, Json]]", told.get("problems") or [])
    problems = [_problem(one) for one in listed]
    if problems:
        return Refused(problems)
    text = told.get("detail") or told.get("title") or f"the server answered {response.status_code}"
    return ServerRefused(str(told.get("name") or "refused"), str(text))


def _problem(told: Mapping[str, Json]) -> Problem:
    return Problem(**{key: told.get(key) for key in _PROBLEM_FIELDS} | {"path": told.get("path") or ""})  # pyright: ignore[reportArgumentType]


def _body(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=dict).encode()


def _segment(text: str) -> str:
    return quote(text, safe="@")


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
