"""What a plan changes against another one, and what that means for the runs that wait at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spec_service.ports import RunFilter, RunPosition
from spec_service.services import Services
from spec_service.views import PlanChanges, WaitingRuns
from translator.planning.comparing import compare
from translator.planning.plan import Plan
from translator.planning.resting import Resting, rests
from workflows.errors import UnknownPlan
from workflows.run import RunStatus

_PAGE = 200
_MOST = 2_000  # waiting runs that are looked at
_NAMED = 20  # runs that an answer names


@dataclass(slots=True)
class _Group:
    """Runs that wait at the same nodes of the same plan."""

    plan: str
    nodes: tuple[str, ...]
    runs: list[str] = field(default_factory=list[str])


async def changes_between(services: Services, old: Plan, new: Plan, *, only: str | None = None) -> PlanChanges:
    """Compare two plans, and tell of runs of the new one's spec that wait on other plans (`only`: on that one)."""
    groups, has_more = await _waiting(services, new.spec_name)
    told = [
        await _told(services, group, new) for group in groups if group.plan != new.digest and only in (None, group.plan)
    ]
    return PlanChanges(**dict(compare(old, new)), runs=tuple(told), has_more_runs=has_more)


async def _waiting(services: Services, spec_name: str) -> tuple[Sequence[_Group], bool]:
    """Return the runs of a spec that wait, by where they wait; and whether there are more than were looked at."""
    groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
    wanted = RunFilter(status=RunStatus.WAITING, spec=spec_name)
    cursor: str | None = None
    for _ in range(_MOST // _PAGE):
        found, cursor = await services.runs.page(wanted, cursor, _PAGE)
        for position in found:
            key = (position.run.plan_digest, _nodes(position))
            groups.setdefault(key, _Group(*key)).runs.append(position.run.id)
        if cursor is None:
            break
    return list(groups.values()), cursor is not None


def _nodes(position: RunPosition) -> tuple[str, ...]:
    return tuple(sorted({one.step for one in position.questions if one.is_open}))


async def _told(services: Services, group: _Group, new: Plan) -> WaitingRuns:
    try:
        known = {one.node: one for one in rests(await services.plans.get(group.plan), new)}
    except UnknownPlan:
        known = dict[str, Resting]()
    why: list[str] = []
    for node in group.nodes:
        why += known[node].why if node in known else [f"nothing is known of `{node}`"]
    return WaitingRuns(
        plan=group.plan,
        nodes=group.nodes,
        count=len(group.runs),
        runs=tuple(group.runs[:_NAMED]),
        can_go_on=not why,
        why=tuple(dict.fromkeys(why)),
    )
