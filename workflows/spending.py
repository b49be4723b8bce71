"""What a run has used so far: in all, by the workflows that it calls, by its nodes, and at each arrival at a step.

What is used is only noted down when it comes, and summed up when somebody asks: most runs have nobody who does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from workflows.usage import NOTHING, Usage

RUN = ""
"""The scope of a run; a called workflow's is the prefix of its steps ("check/"), a node's is its id in records."""
Around = Callable[[str], tuple[str, ...]]


def arrival_scope(step: str, visit: str) -> str:
    """Return the scope of all tries of a step at one visit."""
    return f"{step}@{visit}"


class Spending:
    """What a run has used; `around` tells the scopes that a step counts in, without the one of its arrival.

    With a `parent`, everything counts there, too: a run that another one started spends what that one may.
    """

    def __init__(self, around: Around = lambda _: (), parent: Spending | None = None, before: Usage = NOTHING) -> None:
        self.around, self.parent = around, parent
        self._noted: list[tuple[str, str, Usage]] = []
        self._sums: dict[str, Usage] = {RUN: before}
        self._kept: Counter[str] = Counter()

    def charge(self, step: str, visit: str, usage: Usage) -> None:
        """Note what a step has used, beyond what was noted before."""
        self._noted.append((step, visit, usage))
        if self.parent is not None:
            self.parent.charge_child(usage)

    def charge_child(self, usage: Usage) -> None:
        """Note what a run that this one started has used."""
        self._sums[RUN] = self._sums[RUN] + usage
        if self.parent is not None:
            self.parent.charge_child(usage)

    def recall(self, step: str, visit: str, usage: Usage) -> None:
        """Take up what an earlier attempt has used: the parent knows that already."""
        self._noted.append((step, visit, usage))

    def keep(self, step: str, size: int) -> None:
        """Note that bytes of a step are kept as an artifact."""
        for scope in (RUN, *self.around(step)):
            self._kept[scope] += size

    @property
    def total(self) -> Usage:
        """Return what the run has used in all."""
        return self.of(RUN)

    def of(self, scope: str) -> Usage:
        """Return what was used in a scope."""
        if self._noted:
            self._sum_up()
        return self._sums.get(scope, NOTHING)

    def kept(self, scope: str) -> int:
        """Return how many bytes are kept as artifacts of a scope."""
        return self._kept[scope]

    def _sum_up(self) -> None:
        noted, self._noted, sums = self._noted, [], self._sums
        for step, visit, usage in noted:
            for scope in (RUN, *self.around(step), arrival_scope(step, visit)):
                sums[scope] = sums.get(scope, NOTHING) + usage


class Tally:
    """What all runs of this process have used since it started, by the spec's name; `None` stands for all."""

    def __init__(self) -> None:
        self._sums: dict[str | None, Usage] = {}

    def add(self, spec: str, usage: Usage) -> None:
        """Count what a run of a spec has used."""
        for name in (spec, None):
            self._sums[name] = self._sums.get(name, NOTHING) + usage

    def of(self, spec: str | None) -> Usage:
        """Return what was counted of a spec, or of all."""
        return self._sums.get(spec, NOTHING)
