"""Plan a stored spec against the catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from spec_service.requests import Media
from spec_service.services import Services
from spec_service.views import PlanView


async def plan_spec(services: Services, spec_id: str) -> PlanView:
    """Make and store the plan of a spec; raises `UnknownSpec`, `Refused`."""
    stored = await services.specs.get(spec_id)
    plan = await services.planner.plan_text(stored.text, cast("Media", stored.media_type), stored.digest)
    await services.plans.put(plan, datetime.now(UTC))
    return PlanView.of(plan)
