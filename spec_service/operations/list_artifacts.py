"""List what a run keeps."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import artifact_view
from spec_service.views import ArtifactView, Page
from workflows.run import RunId


async def list_artifacts(services: Services, run_id: str) -> Page[ArtifactView]:
    """Return all artifacts of a run, by path; raises `UnknownRun`."""
    found = await services.runs.artifacts(RunId(run_id))
    return Page[ArtifactView](items=tuple(artifact_view(one) for one in found))
