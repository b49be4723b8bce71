"""Look at a stored plan."""

from __future__ import annotations

from spec_service.services import Services
from spec_service.views import PlanView


async def get_plan(services: Services, digest: str) -> PlanView:
    """Return a plan; raises `UnknownPlan`."""
    return PlanView.of(await services.plans.get(digest))
