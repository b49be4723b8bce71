"""List the current revisions of all specs."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import spec_view
from spec_service.views import Page, SpecView


async def list_specs(services: Services, cursor: str | None = None, limit: int = 50) -> Page[SpecView]:
    """Return a page of specs by name; raises `BadCursor`."""
    items, following = await services.specs.page(cursor, limit)
    return Page[SpecView](items=tuple(spec_view(one) for one in items), next=following)
