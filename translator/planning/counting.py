"""How many steps a run takes at most: loops as often as they are bounded, blocks with all that is in them."""

from dataclasses import dataclass

from translator.planning.draft import Draft, DraftNode, NodeMap
from translator.planning.graphs import components, reachable, within
from translator.planning.plan import END

_MOST = 10**12  # a greater number tells nobody more than none does


@dataclass(frozen=True, slots=True)
class _Load:
    """Arrivals at steps: at those of this document, and at those of workflows that it calls. None: nobody knows."""

    own: int | None = 0
    called: int | None = 0

    def plus(self, other: "_Load") -> "_Load":
        return _Load(_sum(self.own, other.own), _sum(self.called, other.called))

    def times(self, number: int | None) -> "_Load":
        return _Load(_product(self.own, number), _product(self.called, number))

    def most(self, other: "_Load") -> "_Load":
        """Return what is at least as much as either."""
        return _Load(_most(self.own, other.own), _most(self.called, other.called))


def most_steps(draft: Draft) -> int | None:
    """Return how many arrivals at steps a run has at most; None where an input, or a result, decides.

    `limits.steps` caps the steps of this document, not those of workflows that are called, nor those under `finally`.
    """
    count = _Counting(draft)
    found = _Load()
    for one in draft.maps:
        if one.owner is None:
            load = count.of(one)
            found = found.plus(load if one.is_final else count.capped(load))
    return _sum(found.own, found.called)


class _Counting:
    """The loads of all maps of nodes, from the inside out."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._loads: dict[NodeMap, _Load] = {}
        for one in reversed(draft.maps):  # a map stands after the one around it
            self._loads[one] = self._dag(one) if one.kind == "dag" else self._flow(one)

    def of(self, one: NodeMap) -> _Load:
        """Return what a map takes each time that it is entered."""
        return self._loads[one]

    def capped(self, load: _Load) -> _Load:
        """Return what `limits.steps` leaves of a load."""
        limits = self._draft.spec.limits
        if limits is None or limits.steps is None or (load.own is not None and load.own <= limits.steps):
            return load
        greatest: int | None = 0  # each step may be the call that takes most
        for node in self._draft.every_node():
            greatest = _most(greatest, self._node(node).called) if node.verb == "workflow" else greatest
        called = _product(greatest, limits.steps)
        is_less = load.called is not None and (called is None or load.called <= called)
        return _Load(limits.steps, load.called if is_less else called)

    def _dag(self, one: NodeMap) -> _Load:
        found = _Load()
        for member in one.members.values():
            found = found.plus(self._node(member))
        return found

    def _flow(self, one: NodeMap) -> _Load:
        """Return the load of the heaviest way through a flow, each circle on it as often as it is bounded."""
        if one.start not in one.members:
            return _Load()
        reached = reachable(one.graph, [one.start])
        graph = within(one.graph, [name for name in one.graph if name in reached])
        best: dict[str, _Load] = {END: _Load()}
        for part in components(graph):  # each after those that it leads to
            here, beyond = _Load(), _Load()
            inside = set(part)
            for name in part:
                here = here.plus(self._visits_of(one, name))
                for other in graph[name]:
                    beyond = beyond if other in inside else beyond.most(best[other])
            best.update(dict.fromkeys(part, here.plus(beyond)))
        return best[one.start]

    def _visits_of(self, one: NodeMap, name: str) -> _Load:
        if name == END:
            return _Load()
        return self._node(one.members[name]).times(self._draft.visits.get(name, 1))

    def _node(self, one: DraftNode) -> _Load:
        """Return the load of one arrival at a node."""
        inner = self._loads[self._draft.inside[one]] if one in self._draft.inside else _Load(0, self._call(one))
        tries = one.node.retry.max + 1 if one.node.retry and (one.node.nodes or one.verb == "workflow") else 1
        return _Load(1).plus(inner.times(self._items(one)).times(tries))

    def _call(self, one: DraftNode) -> int | None:
        entry = self._draft.entries.get(one.id)
        if one.verb != "workflow":
            return 0
        plan = self._draft.called.get(entry.source_digest) if entry else None
        return plan.most_steps if plan else None

    def _items(self, one: DraftNode) -> int | None:
        mapped, limits = one.node.map, self._draft.spec.limits
        if one.node.inject:
            return None  # as often as there are such tasks
        if mapped is None:
            return 1
        if isinstance(mapped.in_, str):
            return limits.fan_out if limits else None
        return len(mapped.in_)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else _told(one + other)


def _product(one: int | None, other: int | None) -> int | None:
    return 0 if 0 in (one, other) else None if one is None or other is None else _told(one * other)


def _told(number: int) -> int | None:
    return number if number <= _MOST else None


def _most(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
