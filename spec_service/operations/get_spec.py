"""Look at one revision of a spec."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import spec_view
from spec_service.views import SpecText


async def get_spec(services: Services, spec_id: str) -> SpecText:
    """Return a revision with its text; raises `UnknownSpec`."""
    stored = await services.specs.get(spec_id)
    return SpecText(**dict(spec_view(stored)), media_type=stored.media_type, text=stored.text)
