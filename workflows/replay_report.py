"""What a replay found out: the way that was taken and the one of the replay, and where the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Json = Any
What = Literal["status", "goto", "saves", "result", "error", "outputs", "unrecorded", "unreached", "records"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a record says, and what came of the replay; `visit` counts the arrivals at the step's root from 1.

    `unrecorded`: the replay comes to a step of which there is no result. `unreached`: a step is recorded to which the
    replay does not come. `records`: two records that must agree do not.
    """

    step: str  # empty: the run itself
    visit: int
    item: int | None
    what: What
    recorded: Json
    replayed: Json


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of a replay. A status of `stopped`: it came to steps of which no result is recorded."""

    plan: str  # digest of the plan that was executed
    is_same_plan: bool
    steps: int  # arrivals at steps, those inside of blocks and calls, and items, included
    status_recorded: str
    status_replayed: str
    path_recorded: tuple[str, ...]  # of the run's own map of nodes
    path_replayed: tuple[str, ...]
    stopped_at: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Tell whether the replay is what was recorded."""
        return not self.differences

    @property
    def parts_at(self) -> int | None:
        """Return from which step on the two ways are different, counted from 0; None when they are the same."""
        recorded, replayed = self.path_recorded, self.path_replayed
        if recorded == replayed:
            return None
        ways = zip(recorded, replayed, strict=False)
        return next((n for n, (one, other) in enumerate(ways) if one != other), min(len(recorded), len(replayed)))
