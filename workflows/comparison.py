"""What is different between two runs: the ways they took, what came in and out, what they used and how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True)
class StepTime:
    """One arrival at a step: how it ended, and the seconds of its newest try; None while it has not."""

    step: str
    visit: int
    status: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Beside:
    """Two arrivals beside each other, or one that the other run has not."""

    one: StepTime | None
    other: StepTime | None
    is_same_result: bool | None = None  # None where there are not two results


@dataclass(frozen=True, slots=True)
class Unlike:
    """A value by its name that is not the same in both runs; `is_there` tells which of them has it."""

    name: str
    one: Json
    other: Json
    is_there: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, the one and the other; paths are those of their own maps of nodes, aligned."""

    path: tuple[Beside, ...]
    steps: tuple[Beside, ...]  # all arrivals, those inside of blocks and calls included, by step and visit
    inputs: tuple[Unlike, ...]
    outputs: tuple[Unlike, ...]
    usage: tuple[Json, Json]  # None where nothing is recorded
    seconds: tuple[float | None, float | None]  # from the first attempt's start to the end

    @property
    def parts_at(self) -> int | None:
        """Return the place in `path` from which on the ways are different, from 0; None when they are the same."""
        places = (n for n, row in enumerate(self.path) if row.one is None or row.other is None)
        return next(places, None)
