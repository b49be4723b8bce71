"""Cycles of flows, and what bounds each: a counter that can be followed, visits of a node, or the limit of steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, Literal

from translator.language.document import split_pointer
from translator.language.problems import Problem
from translator.planning.channels import writes_of
from translator.planning.draft import Draft, DraftNode, NodeMap, Way
from translator.planning.graphs import back_edges, components, cycles, reachable, within
from translator.planning.guards import Ceiling, ceilings
from translator.planning.plan import END, Bound

_Edges = dict[str, list[str]]
_MOST_EXACT = 200  # counters whose rounds are counted exactly; beyond, one round more is said


def bound_cycles(draft: Draft) -> list[Problem]:
    """Find what bounds every cycle that can be reached, or say that nothing does."""
    found: list[Problem] = []
    for one in draft.maps:
        if one.kind == "flow" and one.start in one.members:
            found += _of_map(draft, one, one.start)
    return found


def _of_map(draft: Draft, one: NodeMap, start: str) -> list[Problem]:
    reached = reachable(one.graph, [start]) - {END}
    graph = within(one.graph, [name for name in one.members if name in reached])
    circles = cycles(graph)
    if not circles:
        return []
    survey = _Survey(draft, one, start)
    found: list[Problem] = []
    steps = draft.spec.limits.steps if draft.spec.limits else None
    for circle in circles:
        bounds: list[Bound] = []
        left = survey.unbounded(within(graph, circle), circle, bounds)
        if left and steps is None:
            found += [survey.problem(part) for part in left]
        elif left:
            text = f"at most {steps} steps in the whole run: limits.steps"
            bounds.append(Bound(nodes=tuple(circle), by="limits.steps", at_most=None, text=text))
        draft.bounds += bounds
    return found


@dataclass(frozen=True, slots=True)
class _Write:
    """What a node surely does to a counter each time: `amount` is None where that is not known."""

    amount: Fraction | None
    is_sure: bool  # it happens in every visit


class _Survey:
    """What the nodes of one flow do to counters, and what their `next` demands of them."""

    def __init__(self, draft: Draft, one: NodeMap, start: str) -> None:
        self._draft = draft
        self._map = one
        self._start = start
        self._inside = draft.inside
        self._writes = {name: list(self._written(node)) for name, node in one.members.items()}
        self._ways: dict[str, list[Way]] = {name: [] for name in (*one.members, END)}
        for way in one.known_ways:
            self._ways[way.source].append(way)
        self._closing = set(back_edges(one.graph, start))
        self._amounts: dict[str, list[Fraction | None]] = {}
        for node in draft.every_node():
            for name, write in self._written_by(node):
                self._amounts.setdefault(name, []).append(write.amount)
        self._surveyed = 0
        self._guards = {name: ceilings(node.node.next) for name, node in one.members.items()}

    def unbounded(self, graph: Mapping[str, list[str]], circle: list[str], bounds: list[Bound]) -> list[list[str]]:
        """Take out what happens a limited number of times; return the cycles that are left, and note the bounds."""
        waiting = [(circle, within(graph, circle))]
        left: list[list[str]] = []
        while waiting:
            part, edges = waiting.pop()
            taken = self._take_visits(part, edges, bounds) or self._take_guarded(part, edges, bounds)
            if taken is None:
                left.append(part)
            else:
                waiting += [(smaller, within(taken, smaller)) for smaller in reversed(cycles(taken))]
        return left

    def problem(self, part: list[str]) -> Problem:
        """Point at the target by which a walk from the start comes back to where it was."""
        inside = set(part)
        ways = [way for name in part for way in self._ways[name] if way.target in inside]
        way = next((way for way in ways if (way.source, way.target) in self._closing), ways[-1])
        message = "this closes a cycle that nothing bounds"
        suggestion = (
            "add `limits: {steps: …}` to the workflow or `limits: {visits: …}` to a node of the cycle, or count the "
            "rounds in a channel with `reduce: sum` and compare it here with `<`"
        )
        return self._draft.at_value(way.path, "unbounded-cycle", message, suggestion)

    def _take_visits(self, part: list[str], edges: _Edges, bounds: list[Bound]) -> _Edges | None:
        limited = {name: visits for name in part if (visits := _visits(self._map.members[name]))}
        if not limited:
            return None
        name = min(limited, key=lambda one: limited[one])
        text = f"at most {limited[name]} visits of {name}: limits.visits"
        bounds.append(Bound(nodes=tuple(part), by="limits.visits", at_most=limited[name], text=text))
        return within(edges, [name for name in part if name not in limited])

    def _take_guarded(self, part: list[str], edges: _Edges, bounds: list[Bound]) -> _Edges | None:
        """Take out the edges that a counter closes after some rounds."""
        bounded: dict[tuple[str, str], Ceiling] = {}
        for ceiling, guarded in self._guarded_edges(part).items():
            if self._is_counter(ceiling.channel, part):
                lasting = _parts_of(self._without_adding(edges, ceiling.channel))
                for source, target in guarded:
                    if self._adds(source, ceiling.channel) or lasting[source] != lasting[target]:
                        bounded.setdefault((source, target), ceiling)
        if not bounded:
            return None
        guarded_by: dict[Ceiling, list[tuple[str, str]]] = {}
        for edge, ceiling in bounded.items():
            guarded_by.setdefault(ceiling, []).append(edge)
        bounds.extend(self._bound(part, ceiling, guarded) for ceiling, guarded in guarded_by.items())
        return {name: [other for other in to if (name, other) not in bounded] for name, to in edges.items()}

    def _guarded_edges(self, part: list[str]) -> dict[Ceiling, list[tuple[str, str]]]:
        """Return the edges within a part that are only taken below a ceiling, whichever branch leads there."""
        inside = set(part)
        below: dict[tuple[str, str], set[Ceiling]] = {}
        for way in (way for name in part for way in self._ways[name]):
            if way.target in inside:
                held = set(self._guards[way.source].get(_number_of(self._map.members[way.source], way), ()))
                edge = (way.source, way.target)
                below[edge] = below[edge] & held if edge in below else held
        found: dict[Ceiling, list[tuple[str, str]]] = {}
        for edge, held in below.items():
            for ceiling in sorted(held, key=str):
                found.setdefault(ceiling, []).append(edge)
        return found

    def _is_counter(self, channel: str, part: list[str]) -> bool:
        """Tell whether a channel only ever grows inside a part, by constants."""
        declared = self._draft.spec.state.get(channel)
        if declared is None or declared.reduce != "sum":
            return False
        writes = [write for name in part for written, write in self._writes[name] if written == channel]
        return all(write.amount is not None and write.amount > 0 for write in writes)

    def _adds(self, name: str, channel: str) -> bool:
        return any(written == channel and write.is_sure for written, write in self._writes[name])

    def _without_adding(self, edges: _Edges, channel: str) -> _Edges:
        """Keep the edges by which a round may go on without the counter having grown."""
        return {name: [] if self._adds(name, channel) else to for name, to in edges.items()}

    def _written(self, one: DraftNode) -> Iterator[tuple[str, _Write]]:
        """Walk through what a visit of a node, and of all that is in it, writes."""
        waiting = [(one, not one.node.catch)]
        while waiting:
            node, is_sure = waiting.pop()
            yield from self._written_by(node, is_sure=is_sure)
            if node in self._inside:
                inner = self._inside[node]
                waiting += [
                    (deeper, is_sure and inner.kind == "dag" and deeper.node.when is None)
                    for deeper in inner.members.values()
                ]

    def _written_by(self, node: DraftNode, *, is_sure: bool = False) -> Iterator[tuple[str, _Write]]:
        for name, _, value in writes_of(node):
            yield name, _Write(_amount(value), is_sure)
        for name in node.node.reset:
            yield name, _Write(None, is_sure)

    def _bound(self, part: list[str], ceiling: Ceiling, edges: list[tuple[str, str]]) -> Bound:
        rounds = self._rounds(ceiling, edges)
        said = f"at most {rounds} rounds" if rounds is not None else "as many rounds as the counter allows"
        return Bound(nodes=tuple(part), by="counter", at_most=rounds, text=f"{said}: {ceiling}")

    def _rounds(self, ceiling: Ceiling, edges: list[tuple[str, str]]) -> int | None:
        """Count the rounds where the limit is a constant and nothing in the spec but additions touches the counter."""
        default = self._draft.spec.state[ceiling.channel].default
        first = _amount(0 if default is None else default)
        amounts = [amount for amount in self._amounts[ceiling.channel] if amount is not None and amount > 0]
        is_followed = len(amounts) == len(self._amounts[ceiling.channel]) and len(edges) == 1
        if ceiling.limit.startswith("inputs.") or first is None or not is_followed:
            return None
        room = (Fraction(ceiling.limit) - first) / min(amounts)
        rounds = ceil(room) if ceiling.is_strict else floor(room) + 1
        return max(rounds, 1) + (0 if self._is_counted_before(ceiling.channel, edges[0][0]) else 1)

    def _is_counted_before(self, channel: str, source: str) -> bool:
        """Tell whether the counter has surely grown when the closing edge is reached for the first time."""
        if self._adds(source, channel):
            return True
        self._surveyed += 1
        if self._surveyed > _MOST_EXACT:
            return False
        free = self._without_adding({name: to for name, to in self._map.graph.items() if name != END}, channel)
        return source not in reachable({**free, END: []}, [self._start])


def _parts_of(edges: Mapping[str, list[str]]) -> dict[str, int]:
    return {name: number for number, part in enumerate(components(edges)) for name in part}


def _number_of(node: DraftNode, way: Way) -> int | Literal[-1]:
    """Return which branch of `next` a way is; -1 for every other kind of way."""
    keys = split_pointer(way.path[len(node.path) :])
    return int(keys[1]) if keys[0] == "next" and len(keys) > 2 and keys[1].isdecimal() else -1  # noqa: PLR2004


def _visits(node: DraftNode) -> int | None:
    return node.node.limits.visits if node.node.limits else None


def _amount(value: Any) -> Fraction | None:
    """Return the number that is written out, exactly; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Fraction(str(value))
