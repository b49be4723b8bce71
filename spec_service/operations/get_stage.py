"""Look at a stage or a tool of the catalog."""

from __future__ import annotations

from spec_service.errors import UnknownEntry
from spec_service.services import Services
from spec_service.showing import entry_view
from spec_service.stage_views import EntryView


async def get_stage(services: Services, name: str) -> tuple[EntryView, ...]:
    """Return all versions of a stage or tool, the newest first; raises `UnknownEntry`."""
    loaded = await services.catalog.get()
    catalog = loaded.catalog
    found = (*catalog.versions("stage", name), *catalog.versions("tool", name))
    if not found:
        raise UnknownEntry
    return tuple(entry_view(one, loaded.records.get(one.name) if one.kind == "stage" else None) for one in found)
