"""DELETE a name of specs: no new runs; its revisions, plans and runs stay."""

from __future__ import annotations

from datetime import UTC, datetime

from spec_service.services import Services
from spec_service.showing import spec_view
from spec_service.views import SpecView


async def retire_spec(services: Services, name: str) -> SpecView:
    """Take a name out of use until a spec of that name is posted again; raises `UnknownSpec`."""
    return spec_view(await services.specs.retire(name, datetime.now(UTC)))
