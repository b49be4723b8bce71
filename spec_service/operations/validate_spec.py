"""Check a spec as far as storing and planning would, and keep nothing."""

from __future__ import annotations

from spec_service.requests import Media
from spec_service.services import Services
from spec_service.views import Validity


async def validate_spec(services: Services, data: bytes, media: Media) -> Validity:
    """Return what the spec is and the advice about it; raises `Refused`."""
    checked, plan = await services.planner.validate(data, media)
    metadata = checked.spec.metadata
    return Validity(name=metadata.name, version=metadata.version, digest=checked.digest, warnings=plan.warnings)
