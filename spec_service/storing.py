"""A spec on its way to the shelf: its text is checked, and what passes becomes the current revision of its name."""

from __future__ import annotations

from datetime import UTC, datetime

from spec_service.ports import NewSpec, SpecSource, StoredSpec
from spec_service.requests import Media
from spec_service.services import Services


async def store_spec(
    services: Services, data: bytes, media: Media, source: SpecSource | None = None
) -> tuple[StoredSpec, bool]:
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
    return await services.specs.put(spec)
