"""List what a run keeps."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import artifact_view
from spec_service.views import ArtifactView, Page
from workflows.run import RunId

INTERNAL = ".specloom/"  # results and logs that the engine keeps


async def list_artifacts(services: Services, run_id: str, *, everything: bool = False) -> Page[ArtifactView]:
    """Return what the steps of a run kept, by path, or everything; raises `UnknownRun`."""
    found = await services.runs.artifacts(RunId(run_id))
    found = tuple(one for one in found if everything or not one.path.startswith(INTERNAL))
    return Page[ArtifactView](items=tuple(artifact_view(one) for one in found))
