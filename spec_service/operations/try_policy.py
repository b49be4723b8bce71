"""Replay recorded runs against a policy that is not stored: what would it have stopped, and where?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from spec_service.policing import made_ready
from spec_service.ports import RunFilter, StoredPolicy
from spec_service.requests import Media
from spec_service.services import Services
from spec_service.views import PolicyTrial, TrialVerdict
from workflows.errors import UnknownArtifact
from workflows.judging import Recorded, judge_runs
from workflows.records import StepExecution, StepStatus
from workflows.run import RunId

Json = Any
_NEWEST = 100  # runs that are looked at where none are named


async def try_policy(services: Services, data: bytes, media: Media, runs: Sequence[str] = ()) -> PolicyTrial:
    """Return the verdicts over these runs, or over the newest ones; raises `Refused`, `UnknownRun`."""
    read = await services.planner.read_policy(data, media)
    name, version = read.policy.metadata.name, read.policy.metadata.version
    stored = StoredPolicy(name, 0, version, read.digest, data.decode(), media, services.started_at)
    (policy,) = made_ready([stored])
    wanted = tuple(runs) or await _newest(services)
    recorded = [await _recorded(services, RunId(run_id)) for run_id in wanted]
    meant = [one for one in recorded if policy.is_for(one.run.labels)]
    verdicts = tuple(TrialVerdict(**one.as_json()) for one in judge_runs(policy, meant))
    return PolicyTrial(policy=name, runs=len(recorded), selected=len(meant), verdicts=verdicts)


async def _newest(services: Services) -> tuple[str, ...]:
    found, _ = await services.runs.page(RunFilter(), None, _NEWEST)
    return tuple(position.run.id for position in found)


async def _recorded(services: Services, run_id: RunId) -> Recorded:
    history = await services.journal.history(run_id)
    plan = await services.plans.get(history.run.plan_digest)
    results = {
        (one.step, one.visit, one.task, one.try_number): await _result(services, one)
        for one in history.steps
        if one.status is StepStatus.SUCCEEDED
    }
    return Recorded(history, plan, results)


async def _result(services: Services, execution: StepExecution) -> Json:
    kept: Mapping[str, Json] = execution.result or {}
    if "artifact" not in kept:
        return kept.get("value")
    try:
        return json.loads(await services.artifacts.read(kept["artifact"]))
    except UnknownArtifact:
        return None
