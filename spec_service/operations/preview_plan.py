"""Plan a spec that is not stored, and tell what it would change."""

from __future__ import annotations

from collections.abc import Sequence

from spec_service.called_specs import ComingShelf, ComingSpec, StoreShelf
from spec_service.changing import changes_between
from spec_service.requests import Media
from spec_service.services import Services
from spec_service.views import PlanView


async def preview_plan(services: Services, data: bytes, media: Media, coming: Sequence[ComingSpec] = ()) -> PlanView:
    """Return the plan of a text, and what is different from the last plan of that name; keeps nothing.

    It may call what is `coming` with it as well as what is stored. Raises `Refused`.
    """
    checked = await services.planner.check(data, media)
    plan = await services.planner.plan(checked, ComingShelf(StoreShelf(services.specs), coming) if coming else None)
    last = await services.plans.last(plan.spec_name)
    return PlanView.of(plan, await changes_between(services, last, plan) if last else None)
