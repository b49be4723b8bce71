"""Runs in this process: no server, the data directory is ours as long as the command lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from spec_service import operations
from spec_service.cli.artifact_places import find_artifact
from spec_service.ports import RunFilter
from spec_service.requests import ExecuteRequest, Media, ResumeRequest
from spec_service.services import Services
from spec_service.views import ArtifactView, EventView, Page, PlanView, RunView, SpecView
from workflows.run import RunId, RunStatus


class LocalClient:
    """Asks the operations directly."""

    place = ""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def create_spec(self, data: bytes, media: Media) -> SpecView:
        """Store a spec, or find it."""
        return (await operations.create_spec(self._services, data, media))[0]

    async def plan_spec(self, spec_id: str) -> PlanView:
        """Plan a stored spec."""
        return await operations.plan_spec(self._services, spec_id)

    async def get_plan(self, digest: str) -> PlanView:
        """Return a stored plan."""
        return await operations.get_plan(self._services, digest)

    async def execute(self, spec_id: str, request: ExecuteRequest) -> RunView:
        """Start a run."""
        return await operations.execute_spec(self._services, spec_id, request)

    async def get_run(self, run_id: str) -> RunView:
        """Return a run as it stands."""
        return await operations.get_run(self._services, run_id)

    async def list_runs(self, status: str | None, spec: str | None, cursor: str | None, limit: int) -> Page[RunView]:
        """Return runs, the newest first."""
        wanted = RunFilter(RunStatus(status) if status else None, spec)
        return await operations.list_runs(self._services, wanted, cursor, limit)

    async def page_events(self, run_id: str, after: int, limit: int) -> Page[EventView]:
        """Return events that are recorded."""
        return await operations.page_events(self._services, run_id, after, limit)

    async def follow_events(self, run_id: str, after: int) -> AsyncGenerator[EventView]:
        """Yield events as they come."""
        async for event in operations.follow_events(self._services, run_id, after):
            yield event

    async def resume(self, run_id: str, request: ResumeRequest) -> RunView:
        """Answer a question."""
        return await operations.resume_run(self._services, run_id, request)

    async def proceed(self, run: RunView) -> None:
        """Execute a run that was left where it was when an earlier process ended."""
        if run.status in {RunStatus.QUEUED, RunStatus.RUNNING}:
            self._services.worker.submit(RunId(run.id))

    async def cancel(self, run_id: str) -> RunView:
        """Stop a run."""
        return await operations.cancel_run(self._services, run_id)

    async def list_artifacts(self, run_id: str) -> tuple[ArtifactView, ...]:
        """Return what a run keeps."""
        return (await operations.list_artifacts(self._services, run_id)).items

    def location(self, run_id: str, path: str) -> str:
        """Return the path of the file; the artifact's name when the file is gone."""
        return str(find_artifact(self._services.settings.data, run_id, path) or f"{path} (gone)")
