"""Caps: how much of a figure may be used in a scope of a run, and the errors of reaching one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from translator.planning.plan import Step, UsageLimits
from workflows.errors import StepError
from workflows.frames import Visit
from workflows.limiting import Exceeded
from workflows.spending import Spending

Figure = Literal["tokens", "cost_usd", "tool_calls", "artifacts_bytes"]
FIGURES: tuple[Figure, ...] = ("tokens", "cost_usd", "tool_calls", "artifacts_bytes")
ERRORS = {
    "tokens": "token-limit",
    "cost_usd": "cost-limit",
    "tool_calls": "tool-call-limit",
    "artifacts_bytes": "artifact-limit",
}
WORDS = {
    "tokens": "used {} tokens",
    "cost_usd": "cost {} USD",
    "tool_calls": "called tools {} times",
    "artifacts_bytes": "kept {} bytes as artifacts",
}
UNITS = {"tokens": "tokens", "cost_usd": "USD", "tool_calls": "calls", "artifacts_bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Cap:
    """How much of one figure may be used in one scope."""

    scope: str
    figure: Figure
    most: float
    pauses: bool
    spending: Spending
    policy: str | None = None  # "budget@r3"; None: the spec's own
    is_shared: bool = False  # of a run that started this one

    @property
    def rule(self) -> str:
        """Return what the cap is called in verdicts."""
        return f"{'ceilings' if self.policy else 'limits'}.{self.figure}"

    @property
    def key(self) -> str:
        """Return the key of the questions about it."""
        if self.policy:
            return f"policy {self.policy.partition('@')[0]}/{self.rule}"
        return f"{self.figure} {self.scope}".rstrip()

    @property
    def used(self) -> float:
        """Return what is used up so far."""
        if self.figure == "artifacts_bytes":
            return self.spending.kept(self.scope)
        return getattr(self.spending.of(self.scope), self.figure)


class LimitReached(StepError):
    """A step may not use any more; no other try, and no other item of a map, would get further."""


class Overrun(LimitReached):
    """A step may not use any more unless a person allows it."""

    def __init__(self, exceeded: Exceeded) -> None:
        super().__init__(exceeded.error.message, error_name=exceeded.error.error_name)
        self.exceeded = exceeded


@dataclass(frozen=True, slots=True)
class Moment:
    """A step at an arrival, as limits and rules see it."""

    step: Step
    id: str  # in the run's records
    visit: Visit
    try_number: int = 1


def caps(  # noqa: PLR0913 - what a cap is made of
    limits: UsageLimits,
    scope: str,
    spending: Spending,
    *,
    pauses: bool,
    policy: str | None = None,
    is_shared: bool = False,
) -> Iterator[Cap]:
    """Yield a cap for each figure that is limited."""
    for figure in FIGURES:
        most = getattr(limits, figure)
        if most is not None:
            yield Cap(scope, figure, most, pauses, spending, policy, is_shared)
