"""The operator's policies in force: whom they are for, what their rules say of a moment of a run, and the verdicts.

Nothing here knows an attempt: the engine judges runs that go on, and `specloom policy test` those that are recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from translator.language.expressions import ExpressionError
from translator.language.policies import CompiledRule, Policy, RuleAction
from translator.planning.plan import Step
from workflows.run import Run

Json = Any
_COMPARED = re.compile(r"\$?\{?\s*[A-Za-z_.]+\s*>=?\s*([0-9][0-9_.]*)\s*\}?")


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A revision of a policy, ready to be looked at."""

    name: str
    revision: int
    digest: str
    policy: Policy
    rules: tuple[CompiledRule, ...]

    @property
    def id(self) -> str:
        """Return the name of this very revision."""
        return f"{self.name}@r{self.revision}"

    def is_for(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a run with these labels, its spec's included, is meant."""
        return all(labels.get(name) == value for name, value in self.policy.selector.matchLabels.items())


class PolicyBook:
    """The policies in force in this process; `edition` grows whenever they change."""

    def __init__(self, policies: Iterable[PolicyInForce] = ()) -> None:
        self._policies = tuple(policies)
        self.edition = 1

    def open_at(self, policies: Iterable[PolicyInForce]) -> None:
        """Put other policies in force; runs that are under way see them from their next step on."""
        self._policies = tuple(policies)
        self.edition += 1

    def all(self) -> tuple[PolicyInForce, ...]:
        """Return all policies in force."""
        return self._policies

    def selected(self, labels: Mapping[str, str]) -> tuple[PolicyInForce, ...]:
        """Return the policies that are for a run with these labels."""
        return tuple(one for one in self._policies if one.is_for(labels))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a limit or a rule says of a moment of a run."""

    policy: str | None  # "budget@r3"; None: the spec's own limit
    rule: str  # "dear-step", "ceilings.tokens", "limits.tokens"
    action: RuleAction
    figure: Json  # what was looked at: a number, or the values that a rule has read, by their names
    limit: Json  # a number, or the condition
    message: str

    def as_json(self) -> dict[str, Json]:
        """Return what the event `policy.verdict` holds."""
        return {name: getattr(self, name) for name in ("policy", "rule", "action", "figure", "limit", "message")}


def judged(policy: PolicyInForce, rule: CompiledRule, values: Mapping[str, Json]) -> Verdict | None:
    """Return the verdict of a rule over what it sees; None when it has nothing against it.

    A rule that cannot be evaluated lets nothing pass: its verdict is `reject`, whatever its action.
    """
    try:
        held = rule.when.evaluate(values)
    except ExpressionError as error:
        return unclear(policy, rule, error.message)
    return verdict_of(policy, rule, held, values)


def verdict_of(policy: PolicyInForce, rule: CompiledRule, held: Json, values: Mapping[str, Json]) -> Verdict | None:
    """Return the verdict of a rule whose condition came to `held`."""
    if held is False:
        return None
    if held is not True:
        return unclear(policy, rule, "its condition is neither true nor false")
    said = rule.rule
    figures = {".".join(path): _value(path, values) for path in sorted(rule.when.references)}
    figure = next(iter(figures.values())) if len(figures) == 1 else figures
    message = said.message or f"the rule {said.name} of the policy {policy.name} holds"
    return Verdict(policy.id, said.name, said.action, figure, _limit(rule), message)


def unclear(policy: PolicyInForce, rule: CompiledRule, reason: str) -> Verdict:
    """Return the verdict of a rule that could not be evaluated."""
    message = f"the rule {rule.rule.name} of the policy {policy.name} could not be evaluated: {reason}"
    return Verdict(policy.id, rule.rule.name, "reject", None, _limit(rule), message)


def run_values(run: Run, attempt: int, at: datetime) -> dict[str, Json]:
    """Return what rules see of a run at a moment."""
    begun = run.retried_at or run.started_at or at
    return {
        "id": run.id,
        "spec": run.spec_name,
        "labels": dict(run.labels),
        "attempt": attempt,
        "created_at": run.created_at.isoformat(),
        "seconds": (at - begun).total_seconds(),
    }


def step_values(step: Step, step_id: str, visits: int, try_number: int) -> dict[str, Json]:
    """Return what rules see of a step, but for its usage; `name` is what the catalog calls it."""
    bound = step.call or (step.agent and (step.agent.model or step.agent.harness))
    name = bound.name if bound else ""
    return {"id": step_id, "verb": step.verb, "name": name, "visits": visits, "try_number": try_number}


def _limit(rule: CompiledRule) -> Json:
    """Return the number that a condition compares with, or the condition."""
    text = rule.when.source
    match = _COMPARED.fullmatch(text.strip())
    return float(match[1]) if match and match[1].count(".") <= 1 else text


def _value(path: tuple[str, ...], values: Mapping[str, Json]) -> Json:
    found: Json = values
    for name in path:
        found = cast("Mapping[str, Json]", found).get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str | int | float | bool | None) else "…"
