"""Loops that make no progress: a node that is given the same input in the same state, again and again.

One arrival of each node is remembered and compared with those that follow; at powers of two another one is taken (R. P.
Brent, "An improved Monte Carlo factorization algorithm", 1980), so a loop is found whatever its length, nothing is
hashed, and values that are one object are equal at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Any


@dataclass(slots=True)
class _Remembered:
    seen: tuple[Json, Mapping[str, Json], int]  # input, state, and how much was heard from outside
    arrivals: int = 1  # at the node, in all
    times: int = 1  # that this very one came
    has_come_again: bool = False  # since the last power of two


class Repeats:
    """The arrivals at the nodes of one attempt of a run."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Remembered] = {}

    def note(self, node: str, given: Json, state: Mapping[str, Json], heard: int) -> int:
        """Return how often a node was given this in this state, this time included, as far as that is known.

        `heard` counts the answers that the run has got from outside: a loop that waits between its rounds may go on.
        """
        seen, known = (given, state, heard), self._nodes.get(node)
        if known is None:
            self._nodes[node] = _Remembered(seen)
            return 1
        known.arrivals += 1
        is_same = known.seen[2] == heard and known.seen[0] == given and known.seen[1] == state
        if is_same:
            known.times += 1
            known.has_come_again = True
        if known.arrivals & (known.arrivals - 1) == 0:  # a power of two
            if not known.has_come_again:
                known.seen, known.times = seen, 1
            known.has_come_again = False
        return known.times if is_same else 1
