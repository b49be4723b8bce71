"""Judges runs that are recorded: at which steps a policy would have said something, had it been in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from translator.language.durations import seconds
from translator.language.policies import CompiledRule
from translator.planning.plan import Plan, Step
from workflows.policies import PolicyInForce, Verdict, judged, run_values, step_values
from workflows.records import History, StepExecution, StepStatus
from workflows.run import Run
from workflows.usage import NOTHING, Usage

Json = Any
Moment = Literal["before", "usage", "result"]
TryKey = tuple[str, str, str, int]  # step, visit, task, number of the try


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run with its plan, and the results of the tries that succeeded."""

    history: History
    plan: Plan
    results: Mapping[TryKey, Json]

    @property
    def run(self) -> Run:
        """Return the run."""
        return self.history.run


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and where it would have been given."""

    run: str
    step: str
    visit: str
    try_number: int
    moment: Moment
    at: datetime
    verdict: Verdict

    def as_json(self) -> dict[str, Json]:
        """Return the form that the API gives."""
        where = {name: getattr(self, name) for name in ("run", "step", "visit", "try_number", "moment", "at")}
        return {**where, **self.verdict.as_json()}


@dataclass
class _Totals:
    """What was used up to a moment: by scope of rules, with the times of what counts only for a while."""

    runs: dict[str, Usage] = field(default_factory=dict[str, Usage])
    visits: dict[tuple[str, str, str], Usage] = field(default_factory=dict[tuple[str, str, str], Usage])
    tries: list[tuple[datetime, str, Usage]] = field(default_factory=list[tuple[datetime, str, Usage]])
    seen: dict[tuple[str, str], set[str]] = field(default_factory=dict[tuple[str, str], set[str]])
    told: set[tuple[str, str, str, str]] = field(default_factory=set[tuple[str, str, str, str]])

    def add(self, run: Run, execution: StepExecution, usage: Usage) -> None:
        visit = (run.id, execution.step, execution.visit)
        self.runs[run.id] = self.runs.get(run.id, NOTHING) + usage
        self.visits[visit] = self.visits.get(visit, NOTHING) + usage
        self.tries.append((execution.started_at, run.spec_name, usage))

    def of(self, rule: CompiledRule, run: Run, execution: StepExecution) -> Usage:
        scope = rule.rule.scope
        if scope == "run":
            return self.runs.get(run.id, NOTHING)
        if scope == "step":
            return self.visits.get((run.id, execution.step, execution.visit), NOTHING)
        since = execution.started_at - timedelta(seconds=rule.rule.window_seconds)
        counted = (one for at, spec, one in self.tries if at >= since and (scope == "tenant" or spec == run.spec_name))
        return sum(counted, NOTHING)


def judge_runs(policy: PolicyInForce, runs: Iterable[Recorded]) -> tuple[Finding, ...]:
    """Return what a policy would have said, in the order of time; of a rule, the first of each arrival at a step.

    A run that was stopped would have gone another way from there on: what follows its first verdict is what the rule
    says of the way that was recorded.
    """
    totals = _Totals()
    tries = [(one, execution) for one in runs for execution in one.history.steps]
    tries.sort(key=lambda pair: pair[1].started_at)
    found: list[Finding] = []
    for recorded, execution in tries:
        step = _step(recorded.plan, execution.step)
        if step is None or execution.status is StepStatus.SKIPPED:
            continue
        for moment, verdict in _Try(policy, totals, recorded.run, execution, step).verdicts(recorded):
            key = (recorded.run.id, execution.step, execution.visit, verdict.rule)
            if key not in totals.told:
                totals.told.add(key)
                where = (recorded.run.id, execution.step, execution.visit, execution.try_number)
                found.append(Finding(*where, moment, execution.started_at, verdict))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Try:
    """One try of a step that is judged."""

    policy: PolicyInForce
    totals: _Totals
    run: Run
    execution: StepExecution
    step: Step

    def verdicts(self, recorded: Recorded) -> Iterator[tuple[Moment, Verdict]]:
        """Yield the verdicts before it, on what it has used, and on its result."""
        totals, execution = self.totals, self.execution
        key = (execution.step, execution.visit, execution.task, execution.try_number)
        totals.seen.setdefault((self.run.id, execution.step), set()).add(execution.visit)
        yield from self._ceilings("before")
        yield from self._rules("before", None)
        if execution.usage:
            totals.add(self.run, execution, execution.usage)
            yield from self._ceilings("usage")
            yield from self._rules("usage", None)
        if key in recorded.results:
            yield from self._rules("result", recorded.results[key])

    def _rules(self, moment: Moment, result: Json) -> Iterator[tuple[Moment, Verdict]]:
        run, execution, totals = self.run, self.execution, self.totals
        for rule in self.policy.rules:
            if rule.reads_result != (moment == "result") or (moment == "usage" and not rule.reads_usage):
                continue
            visits = len(totals.seen[run.id, execution.step])
            at_visit = totals.visits.get((run.id, execution.step, execution.visit), NOTHING)
            step = step_values(self.step, execution.step, visits, execution.try_number)
            values = {
                "usage": totals.of(rule, run, execution).figures(),
                "run": run_values(run, execution.attempt, execution.started_at),
                "step": step | {"usage": at_visit.figures()},
                "result": result,
            }
            if (verdict := judged(self.policy, rule, values)) is not None:
                yield moment, verdict

    def _ceilings(self, moment: Moment) -> Iterator[tuple[Moment, Verdict]]:
        ceilings, run = self.policy.policy.ceilings, self.run
        used = self.totals.runs.get(run.id, NOTHING)
        for figure in ("tokens", "cost_usd", "tool_calls"):
            most, spent = getattr(ceilings, figure), getattr(used, figure)
            if most is not None and spent > most:
                yield moment, _over(self.policy, figure, ceilings.on_exceed, spent, most)
        if moment != "before":
            return
        taken = sum(len(visits) for (run_id, _), visits in self.totals.seen.items() if run_id == run.id)
        if ceilings.steps is not None and taken > ceilings.steps:
            yield moment, _over(self.policy, "steps", "abort", taken, ceilings.steps)
        passed = (self.execution.started_at - (run.started_at or run.created_at)).total_seconds()
        if ceilings.duration is not None and passed > seconds(ceilings.duration):
            yield moment, _over(self.policy, "duration", "abort", round(passed, 3), seconds(ceilings.duration))


def _over(policy: PolicyInForce, figure: str, action: Literal["abort", "pause"], spent: float, most: float) -> Verdict:
    text = f"{figure} {spent:,.10g}, the ceiling of the policy {policy.name} is {most:,.10g}"
    return Verdict(policy.id, f"ceilings.{figure}", action, spent, most, text)


def _step(plan: Plan, step_id: str) -> Step | None:
    """Return the planned step of a recorded id, inside called workflows, too; None when there is none."""
    found: Step | None = None
    for name in step_id.split("/"):
        found = next((one for one in plan.steps if one.id == name), None)
        if found is None:
            return None
        plan = plan.workflows.get(found.call.source_digest, plan) if found.call else plan
    return found
