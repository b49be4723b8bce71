"""A figure: what was measured, beside what it should reach."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row of the table. `value` and `reach` share a unit; lower is better unless `is_more_better`."""

    name: str
    value: float
    unit: str
    reach: float | None = None
    note: str = ""
    is_more_better: bool = False

    @property
    def is_reached(self) -> bool | None:
        """Tell whether the value is within reach; None where nothing is to be reached."""
        if self.reach is None:
            return None
        return self.value >= self.reach if self.is_more_better else self.value <= self.reach


def best_of(times: int, act: Callable[[], object]) -> float:
    """Return the seconds of the quickest of several goes: the one that the machine disturbed least."""
    return min(_seconds(act) for _ in range(times))


def median_of(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def _seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin
