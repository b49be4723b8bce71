"""Tell what is different between two stored plans."""

from __future__ import annotations

from spec_service.changing import changes_between
from spec_service.services import Services
from spec_service.views import PlanChanges


async def compare_plans(services: Services, old: str, new: str) -> PlanChanges:
    """Return what leads from one plan to another, and whether runs that wait on the old one could go on with the new.

    Raises `UnknownPlan`.
    """
    before, after = await services.plans.get(old), await services.plans.get(new)
    return await changes_between(services, before, after, only=before.digest)
