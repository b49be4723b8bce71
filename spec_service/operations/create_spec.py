"""POST a spec: check its text, store it, make it current."""

from __future__ import annotations

from spec_service.ports import SpecSource
from spec_service.requests import Media
from spec_service.services import Services
from spec_service.showing import spec_view
from spec_service.storing import store_spec
from spec_service.views import SpecView


async def create_spec(
    services: Services, data: bytes, media: Media, source: SpecSource | None = None
) -> tuple[SpecView, bool]:
    """Store a spec; False when the same one was there already. Raises `Refused`, `VersionExists`."""
    stored, is_new = await store_spec(services, data, media, source)
    return spec_view(stored), is_new
