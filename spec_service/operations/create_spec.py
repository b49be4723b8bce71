"""POST a spec: check its text, store it, make it current."""

from __future__ import annotations

from datetime import UTC, datetime

from spec_service.ports import NewSpec, SpecSource
from spec_service.requests import Media
from spec_service.services import Services
from spec_service.showing import spec_view
from spec_service.views import SpecView


async def create_spec(
    services: Services, data: bytes, media: Media, source: SpecSource | None = None
) -> tuple[SpecView, bool]:
    """Store a spec; False when the same one was there already. Raises `Refused`, `VersionExists`."""
    checked = await services.planner.check(data, media)
    metadata = checked.spec.metadata
    spec = NewSpec(
        name=metadata.name,
        version=metadata.version,
        digest=checked.digest,
        text=data.decode(),
        media_type=media,
        at=datetime.now(UTC),
        description=metadata.description or "",
        labels=metadata.labels,
        warnings=tuple(one.model_dump() for one in checked.advice),
        source=source,
    )
    stored, is_new = await services.specs.put(spec)
    return spec_view(stored), is_new
