"""The port through which the command line reaches runs; its two adapters work in this process and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Protocol

from spec_service.called_specs import ComingSpec
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
from translator.errors import SpecloomError


class Client(Protocol):
    """What the command line asks about runs; every method raises the named errors of the rooms that it reaches."""

    @property
    def place(self) -> str:
        """Return the URL of the server; empty when there is none and runs are executed in this process."""
        ...

    async def create_spec(self, data: bytes, media: Media, source: SpecSource | None = None) -> SpecView:
        """Store a spec, or find it."""
        ...

    async def get_spec(self, spec_id: str) -> SpecText:
        """Return a revision with its text."""
        ...

    async def list_specs(self, cursor: str | None, limit: int) -> Page[SpecView]:
        """Return the current revisions of the names that are in use."""
        ...

    async def retire_spec(self, name: str) -> SpecView:
        """Take a name out of use."""
        ...

    async def publish_spec(self, spec_id: str, request: PublishRequest) -> Published:
        """Commit a spec's text to the repository of the server."""
        ...

    async def preview_plan(self, data: bytes, media: Media, coming: Sequence[ComingSpec] = ()) -> PlanView:
        """Plan a text without storing it, and compare it with the last plan of its name.

        Where there is no server it may call what is `coming` with it.
        """
        ...

    async def draw_plan(self, digest: str, drawing: Drawing) -> str:
        """Draw a stored plan."""
        ...

    async def plan_spec(self, spec_id: str) -> PlanView:
        """Plan a stored spec."""
        ...

    async def get_plan(self, digest: str) -> PlanView:
        """Return a stored plan."""
        ...

    async def execute(self, spec_id: str, request: ExecuteRequest) -> RunView:
        """Start a run."""
        ...

    async def get_run(self, run_id: str) -> RunView:
        """Return a run as it stands."""
        ...

    async def list_runs(
        self, status: str | None, spec: str | None, cursor: str | None, limit: int, parent: str | None = None
    ) -> Page[RunItem]:
        """Return runs, the newest first."""
        ...

    async def page_events(self, run_id: str, after: int, limit: int) -> Page[EventView]:
        """Return events that are recorded."""
        ...

    def follow_events(self, run_id: str, after: int) -> AsyncGenerator[EventView]:
        """Yield the events after `after` and then new ones, until the run is final."""
        ...

    async def resume(self, run_id: str, request: ResumeRequest) -> RunView:
        """Answer a question, or, without an answer, go on with a run that nobody executes."""
        ...

    async def send_signal(self, run_id: str, name: str, request: SignalRequest) -> RunView:
        """Send a signal to a run."""
        ...

    async def send_message(self, run_id: str, request: MessageRequest) -> RunView:
        """Tell a Luigi task of a run something; raises `Refused`."""
        ...

    async def upload(self, file: Path, media_type: str) -> UploadView:
        """Send a file, for inputs; raises OSError when it cannot be read."""
        ...

    async def retry(self, run_id: str) -> RunView:
        """Try again what failed in a run."""
        ...

    async def rerun(self, run_id: str, request: RerunRequest) -> RunView:
        """Run a part of a run again that is over; raises `Refused`."""
        ...

    async def replay(self, run_id: str, request: ReplayRequest) -> ReplayView:
        """Execute a run again on its records; raises `Refused`."""
        ...

    async def fork(self, run_id: str, request: ForkRequest) -> RunView:
        """Start a new run from a node of an old one; raises `Refused`."""
        ...

    async def compare(self, run_id: str, other_id: str) -> ComparisonView:
        """Lay two runs beside each other."""
        ...

    async def cancel(self, run_id: str) -> RunView:
        """Stop a run."""
        ...

    async def list_artifacts(self, run_id: str) -> tuple[ArtifactView, ...]:
        """Return what the steps of a run kept."""
        ...

    async def create_policy(self, data: bytes, media: Media) -> PolicyView:
        """Store a policy and put it in force; raises `Refused`."""
        ...

    async def list_policies(self) -> Page[PolicyView]:
        """Return the policies that are in force."""
        ...

    async def get_policy(self, policy_id: str) -> PolicyView:
        """Return a revision of a policy with its text."""
        ...

    async def retire_policy(self, name: str) -> PolicyView:
        """Take a policy out of force."""
        ...

    async def try_policy(self, data: bytes, media: Media, runs: Sequence[str]) -> PolicyTrial:
        """Replay recorded runs against a policy; none named: the newest. Raises `Refused`."""
        ...

    async def sum_usage(self, query: UsageQuery) -> Usages:
        """Sum up what runs have used."""
        ...

    def location(self, run_id: str, path: str) -> str:
        """Return where a person can open an artifact: a path of this machine, or a URL."""
        ...


class ServerRefused(SpecloomError):
    """A server refused, with a name of its own."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name  # pyright: ignore[reportAttributeAccessIssue] - the server chose it
        super().__init__(message)


class ServerUnreachable(SpecloomError):
    """The server does not answer."""

    name = "server-unreachable"
