"""Runs in this process: no server, the data directory is ours as long as the command lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from spec_service.called_specs import ComingSpec
from spec_service.cli.artifact_places import find_artifact
from spec_service.cli.uploading import chunks_of
from spec_service.operations.cancel_run import cancel_run
from spec_service.operations.compare_runs import compare_runs
from spec_service.operations.create_policy import create_policy
from spec_service.operations.create_spec import create_spec
from spec_service.operations.draw_plan import Drawing, draw_plan
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.fork_run import fork_run
from spec_service.operations.get_plan import get_plan
from spec_service.operations.get_policy import get_policy
from spec_service.operations.get_run import get_run
from spec_service.operations.get_spec import get_spec
from spec_service.operations.list_artifacts import list_artifacts
from spec_service.operations.list_policies import list_policies
from spec_service.operations.list_runs import list_runs
from spec_service.operations.list_specs import list_specs
from spec_service.operations.plan_spec import plan_spec
from spec_service.operations.preview_plan import preview_plan
from spec_service.operations.publish_spec import publish_spec
from spec_service.operations.replay_run import replay_run
from spec_service.operations.rerun_run import rerun_run
from spec_service.operations.resume_run import resume_run
from spec_service.operations.retire_policy import retire_policy
from spec_service.operations.retire_spec import retire_spec
from spec_service.operations.retry_run import retry_run
from spec_service.operations.run_events import follow_events, page_events
from spec_service.operations.send_message import send_message
from spec_service.operations.send_signal import send_signal
from spec_service.operations.sum_usage import sum_usage
from spec_service.operations.try_policy import try_policy
from spec_service.operations.upload import upload
from spec_service.ports import RunFilter, SpecSource, UsageQuery
from spec_service.requests import (
    ExecuteRequest,
    Media,
    MessageRequest,
    PublishRequest,
    RerunRequest,
    ResumeRequest,
    SignalRequest,
)
from spec_service.services import Services
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
from workflows.run import RunStatus


class LocalClient:
    """Asks the operations directly."""

    place = ""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create_spec(self, data: bytes, media: Media, source: SpecSource | None = None) -> SpecView:
        """Store a spec, or find it."""
        return (await create_spec(self._services, data, media, source))[0]

    async def get_spec(self, spec_id: str) -> SpecText:
        """Return a revision with its text."""
        return await get_spec(self._services, spec_id)

    async def list_specs(self, cursor: str | None, limit: int) -> Page[SpecView]:
        """Return the current revisions of the names that are in use."""
        return await list_specs(self._services, cursor, limit)

    async def retire_spec(self, name: str) -> SpecView:
        """Take a name out of use."""
        return await retire_spec(self._services, name)

    async def publish_spec(self, spec_id: str, request: PublishRequest) -> Published:
        """Commit a spec's text to the repository of the project."""
        return await publish_spec(self._services, spec_id, request)

    async def preview_plan(self, data: bytes, media: Media, coming: Sequence[ComingSpec] = ()) -> PlanView:
        """Plan a text without storing it, and compare it with the last plan of its name."""
        return await preview_plan(self._services, data, media, coming)

    async def draw_plan(self, digest: str, drawing: Drawing) -> str:
        """Draw a stored plan."""
        return await draw_plan(self._services, digest, drawing)

    async def plan_spec(self, spec_id: str) -> PlanView:
        """Plan a stored spec."""
        return await plan_spec(self._services, spec_id)

    async def get_plan(self, digest: str) -> PlanView:
        """Return a stored plan."""
        return await get_plan(self._services, digest)

    async def execute(self, spec_id: str, request: ExecuteRequest) -> RunView:
        """Start a run."""
        return (await execute_spec(self._services, spec_id, request)).run

    async def get_run(self, run_id: str) -> RunView:
        """Return a run as it stands."""
        return await get_run(self._services, run_id)

    async def list_runs(
        self, status: str | None, spec: str | None, cursor: str | None, limit: int, parent: str | None = None
    ) -> Page[RunItem]:
        """Return runs, the newest first."""
        wanted = RunFilter(RunStatus(status) if status else None, spec, parent=parent)
        return await list_runs(self._services, wanted, cursor, limit)

    async def page_events(self, run_id: str, after: int, limit: int) -> Page[EventView]:
        """Return events that are recorded."""
        return await page_events(self._services, run_id, after, limit)

    async def follow_events(self, run_id: str, after: int) -> AsyncGenerator[EventView]:
        """Yield events as they come."""
        async with aclosing(follow_events(self._services, run_id, after)) as events:
            async for event in events:
                yield event

    async def resume(self, run_id: str, request: ResumeRequest) -> RunView:
        """Answer a question, or execute a run that was left where it was when an earlier process ended."""
        return (await resume_run(self._services, run_id, request)).run

    async def send_signal(self, run_id: str, name: str, request: SignalRequest) -> RunView:
        """Send a signal to a run; one that waited for it goes on in this process."""
        return (await send_signal(self._services, run_id, name, request)).run

    async def send_message(self, run_id: str, request: MessageRequest) -> RunView:
        """Tell a Luigi task of a run something; raises `Refused`."""
        return (await send_message(self._services, run_id, request)).run

    async def upload(self, file: Path, media_type: str) -> UploadView:
        """Keep a copy of a file in the data directory."""
        return (await upload(self._services, chunks_of(file), media_type))[0]

    async def retry(self, run_id: str) -> RunView:
        """Try again what failed in a run."""
        return (await retry_run(self._services, run_id)).run

    async def rerun(self, run_id: str, request: RerunRequest) -> RunView:
        """Run a part of a run again that is over; raises `Refused`."""
        return (await rerun_run(self._services, run_id, request)).run

    async def replay(self, run_id: str, request: ReplayRequest) -> ReplayView:
        """Execute a run again on its records; raises `Refused`."""
        return await replay_run(self._services, run_id, request)

    async def fork(self, run_id: str, request: ForkRequest) -> RunView:
        """Start a new run from a node of an old one; raises `Refused`."""
        return (await fork_run(self._services, run_id, request)).run

    async def compare(self, run_id: str, other_id: str) -> ComparisonView:
        """Lay two runs beside each other."""
        return await compare_runs(self._services, run_id, other_id)

    async def cancel(self, run_id: str) -> RunView:
        """Stop a run."""
        return (await cancel_run(self._services, run_id)).run

    async def list_artifacts(self, run_id: str) -> tuple[ArtifactView, ...]:
        """Return what the steps of a run kept."""
        return (await list_artifacts(self._services, run_id)).items

    async def create_policy(self, data: bytes, media: Media) -> PolicyView:
        """Store a policy and put it in force."""
        return (await create_policy(self._services, data, media))[0]

    async def list_policies(self) -> Page[PolicyView]:
        """Return the policies that are in force."""
        return await list_policies(self._services)

    async def get_policy(self, policy_id: str) -> PolicyView:
        """Return a revision of a policy with its text."""
        return await get_policy(self._services, policy_id)

    async def retire_policy(self, name: str) -> PolicyView:
        """Take a policy out of force."""
        return await retire_policy(self._services, name)

    async def try_policy(self, data: bytes, media: Media, runs: Sequence[str]) -> PolicyTrial:
        """Replay recorded runs against a policy."""
        return await try_policy(self._services, data, media, runs)

    async def sum_usage(self, query: UsageQuery) -> Usages:
        """Sum up what runs have used."""
        return await sum_usage(self._services, query)

    def location(self, run_id: str, path: str) -> str:
        """Return the path of the file; the artifact's name when the file is gone."""
        return str(find_artifact(self._services.settings.data, run_id, path) or f"{path} (gone)")
