"""Replay a run: would the graph take the same way on what is recorded?"""

from __future__ import annotations

import time
from dataclasses import replace

from spec_service.services import Services
from spec_service.travel_requests import ReplayRequest
from spec_service.travel_views import ReplayView
from translator.planning.plan import Plan
from workflows.masking import masked
from workflows.replay_report import ReplayReport
from workflows.run import RunId


async def replay_run(services: Services, run_id: str, request: ReplayRequest | None = None) -> ReplayView:
    """Execute a run's graph again with recorded results in place of steps; calls, changes and keeps nothing.

    With a plan or the text of a spec it tells what would have been different. Raises `UnknownRun`, `UnknownPlan`,
    `Refused`.
    """
    wanted = request or ReplayRequest()
    history = await services.journal.history(RunId(run_id))
    plan = await services.plans.get(history.run.plan_digest)
    other = await _other(services, wanted)
    replayer = await services.replayer.get()
    begun = time.perf_counter()
    report = await replayer.replay(history, plan, other)
    seconds = time.perf_counter() - begun
    return ReplayView.of(run_id, _masked(report, (plan, *([other] if other else ()))), seconds)


async def _other(services: Services, wanted: ReplayRequest) -> Plan | None:
    if wanted.plan is not None:
        return await services.plans.get(wanted.plan.removeprefix("sha256:"))
    if wanted.spec is None:
        return None
    media = "json" if wanted.spec.lstrip()[:1] == "{" else "yaml"
    return await services.planner.plan(await services.planner.check(wanted.spec.encode(), media))


def _masked(report: ReplayReport, plans: tuple[Plan, ...]) -> ReplayReport:
    """Hide what a step masks, wherever a value went."""
    every = [one for plan in plans for one in (plan, *plan.workflows.values())]
    fields = {field for plan in every for step in plan.steps for field in step.mask}
    shown = [
        replace(one, recorded=masked(one.recorded, fields), replayed=masked(one.replayed, fields))
        for one in report.differences
    ]
    return replace(report, differences=tuple(shown))
