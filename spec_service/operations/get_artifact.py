"""Read an artifact of a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from spec_service.services import Services
from spec_service.showing import artifact_view
from spec_service.views import ArtifactView
from workflows.errors import UnknownArtifact
from workflows.run import RunId


async def get_artifact(services: Services, run_id: str, path: str) -> tuple[ArtifactView, AsyncGenerator[bytes]]:
    """Return an artifact and its bytes in chunks; raises `UnknownRun`, `UnknownArtifact`."""
    found = await services.runs.artifacts(RunId(run_id))
    stored = next((one for one in found if one.path == path), None)
    if stored is None:
        raise UnknownArtifact
    view = artifact_view(stored)
    return view, await services.artifacts.open(view.uri)
