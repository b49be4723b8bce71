"""List what the catalog holds."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.showing import entry_view
from spec_service.stage_views import FailureView, StagesView


async def list_stages(services: Services, kind: str | None = None) -> StagesView:
    """Return all that the catalog names, or one kind of it, and the modules that could not be loaded."""
    loaded = await services.catalog.get()
    wanted = [one for one in loaded.entries if kind in (None, one.kind)]
    entries = tuple(entry_view(one, loaded.records.get(one.name) if one.kind == "stage" else None) for one in wanted)
    failures = tuple(FailureView(group=one.group, module=one.module, message=one.message) for one in loaded.failures)
    return StagesView(items=entries, failures=failures)
