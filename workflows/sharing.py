"""Limits that runs share: what a run uses counts for the one that started it, and stops at what that one may use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from translator.planning.plan import Plan, UsageLimits
from workflows.attempt import Attempt
from workflows.caps import FIGURES, Cap, caps
from workflows.ports import PlanStore
from workflows.run import Run, RunId
from workflows.spending import RUN, Spending
from workflows.usage import NOTHING


async def share(attempt: Attempt, living: Iterable[Attempt], plans: PlanStore) -> tuple[Cap, ...]:
    """Have an attempt count for the runs above it, and those below it for it; return what those above may use.

    A run that neither was started by another one nor may start one costs nothing here.
    """
    others, run = [one for one in living if one is not attempt], attempt.run
    if _may_start_runs(attempt.program.plan) and attempt.ports.totals is not None:
        family = await attempt.ports.totals.used_by_family(run.id)
        attempt.spending.charge_child(family.beyond(attempt.spending.total))
        for one in others:
            if one.run.parent == run.id:
                one.spending.parent = attempt.spending
    if run.parent is None:
        return ()
    spending, found = await _above(attempt, run.parent, others, plans)
    attempt.spending.parent = spending
    return found


async def _above(
    attempt: Attempt, parent_id: RunId, others: list[Attempt], plans: PlanStore
) -> tuple[Spending, tuple[Cap, ...]]:
    """Return what the run above has used, shared with whoever works below it now, and its caps, and those above it."""
    ports = attempt.ports
    parent = next((one for one in others if one.run.id == parent_id), None)
    if parent is not None:
        above = parent.guard.shared if parent.guard else ()
        return parent.spending, (*_caps_of(parent.run, parent.program.plan, parent, parent.spending), *above)
    history = await ports.journal.history(parent_id)
    sibling = next((one for one in others if one.run.parent == parent_id and one.spending.parent), None)
    spending = sibling.spending.parent if sibling else None
    if spending is None:
        used = await ports.totals.used_by_family(parent_id) if ports.totals else NOTHING
        spending = Spending(before=used)
    found = tuple(_caps_of(history.run, await plans.get(history.run.plan_digest), attempt, spending))
    if history.run.parent is None:
        return spending, found
    spending.parent, above = await _above(attempt, history.run.parent, others, plans)
    return spending, (*found, *above)


def _caps_of(run: Run, plan: Plan, attempt: Attempt, spending: Spending) -> Iterator[Cap]:
    """Yield how much a run may use by its own limits and by policies; whoever works below it asks nobody for more."""
    yield from caps(plan.limits, RUN, spending, pauses=False, is_shared=True)
    for one in attempt.ports.policies.selected(run.labels):
        ceilings = UsageLimits(**{name: getattr(one.policy.ceilings, name) for name in FIGURES})
        yield from caps(ceilings, RUN, spending, pauses=False, policy=one.id, is_shared=True)


def _may_start_runs(plan: Plan) -> bool:
    return any(one.starts_runs for one in (plan, *plan.workflows.values()))
