"""Luigi's `resources`: how much of each is in use by the tasks of all steps and runs of this server.

A task that waits reserves what it wants from those behind it, so that one which wants much is not passed by for ever
by many that want little; the most urgent stands first.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from workflows.luigi.registry import LuigiGroup

UNNAMED = 1  # of a resource that the catalog does not name, as in Luigi


def lacking(group: LuigiGroup, wanted: Mapping[str, int]) -> str | None:
    """Return a resource of which more is wanted than there is at all; None: some time, all of it can be had."""
    return next((name for name, amount in wanted.items() if amount > capacity(group, name)), None)


def capacity(group: LuigiGroup, name: str) -> int:
    """Return how much there is of a resource."""
    return group.resources.get(name, UNNAMED)


@dataclass(order=True, slots=True)
class Share:
    """What one task holds, or waits for."""

    urgency: float  # the most urgent has the least
    number: int
    group: LuigiGroup = field(compare=False)
    held: Counter[str] = field(compare=False)
    granted: Callable[[], None] = field(compare=False)


class Shares:
    """Who holds how much of the resources of each group."""

    def __init__(self) -> None:
        self._used: Counter[tuple[str, str]] = Counter()
        self._waiting: list[Share] = []
        self._numbers = count()

    def ask(self, group: LuigiGroup, wanted: Mapping[str, int], priority: float, granted: Callable[[], None]) -> Share:
        """Wait for resources; `granted` is called, maybe at once, when they are the caller's until `release`."""
        share = Share(-priority, next(self._numbers), group, Counter(wanted), granted)
        insort(self._waiting, share)
        self._grant()
        return share

    def release(self, share: Share) -> None:
        """Give back all that a share holds, or stop waiting for it."""
        if share in self._waiting:
            self._waiting.remove(share)
        else:
            self._give_back(share, share.held)
        self._grant()

    def reduce(self, share: Share, less: Mapping[str, int]) -> None:
        """Give back a part of what a share holds."""
        self._give_back(share, Counter({name: min(amount, share.held[name]) for name, amount in less.items()}))
        self._grant()

    def _give_back(self, share: Share, less: Counter[str]) -> None:
        self._used.subtract({(share.group.name, name): amount for name, amount in less.items()})
        share.held = share.held - less

    def _grant(self) -> None:
        reserved: Counter[tuple[str, str]] = Counter()
        lucky: list[Share] = []
        for share in self._waiting:
            wanted = {(share.group.name, name): amount for name, amount in share.held.items()}
            fits = all(
                self._used[key] + reserved[key] + amount <= capacity(share.group, key[1])
                for key, amount in wanted.items()
            )
            if fits:
                self._used.update(wanted)
                lucky.append(share)
            else:
                reserved.update(wanted)
        for share in lucky:
            self._waiting.remove(share)
        for share in lucky:
            share.granted()
