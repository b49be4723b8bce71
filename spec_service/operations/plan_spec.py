"""Plan a stored spec against the catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from spec_service.changing import changes_between
from spec_service.errors import SpecRetired
from spec_service.policing import above_ceilings
from spec_service.previewing import Previewer
from spec_service.requests import Media, PlanRequest
from spec_service.services import Services
from spec_service.views import PlanView


async def plan_spec(services: Services, spec_id: str, request: PlanRequest | None = None) -> PlanView:
    """Make and store the plan of a spec, and tell what is different from the last one of its name.

    With inputs, tell beside it what its stages would build. Raises `UnknownSpec`, `SpecRetired`, `Refused`.
    """
    stored = await services.specs.get(spec_id)
    if stored.retired_at is not None:
        raise SpecRetired
    plan = await services.planner.plan_text(stored.text, cast("Media", stored.media_type), stored.digest)
    last = await services.plans.last(stored.name)
    now = datetime.now(UTC)
    await services.plans.put(plan, now)
    if last is not None and last.digest != plan.digest:
        await services.plans.make_last(plan.digest, now)
    changes = await changes_between(services, last, plan) if last else None
    preview = None
    if request is not None and request.inputs is not None:
        previewer = Previewer(services.planner, services.surveyor, (await services.catalog.get()).stages)
        preview = await previewer.preview(plan, request.inputs)
    view = PlanView.of(plan, changes, preview)
    above = above_ceilings(plan, stored.labels, services.book)
    return view.model_copy(update={"warnings": (*view.warnings, *above)}) if above else view
