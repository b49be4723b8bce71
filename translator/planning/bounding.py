"""Cycles of flows, and what bounds each: a counter that can be followed, visits of a node, or the limit of steps."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from translator.language.document import split_pointer
from translator.language.problems import Problem
from translator.planning.counters import Counters, amount_of
from translator.planning.draft import Draft, DraftNode, NodeMap, Way
from translator.planning.graphs import back_edges, components, cycles, reachable, within
from translator.planning.guards import Ceiling, ceilings
from translator.planning.plan import Bound

_Edge = tuple[str, str]
_Edges = dict[str, list[str]]

_PATIENCE = 100_000  # nodes looked at, over and over; what is more entangled must be bounded by a written limit
_MOST_NOTED = 20_000  # names of nodes in all bounds together
_MOST_CHANNELS = 20  # counters that are followed in one cycle


def bound_cycles(draft: Draft) -> list[Problem]:
    """Find what bounds every cycle that can be reached, or say that nothing does."""
    found: list[Problem] = []
    for one in draft.maps:
        if one.kind == "flow" and one.start in one.members:
            found += _of_map(draft, one, one.start)
    return found


def _of_map(draft: Draft, one: NodeMap, start: str) -> list[Problem]:
    reached = reachable(one.graph, [start])
    graph = within(one.graph, [name for name in one.members if name in reached])
    circles = cycles(graph)
    if not circles:
        return []
    survey = _Survey(draft, one, start)
    steps = draft.spec.limits.steps if draft.spec.limits else None
    found: list[Problem] = []
    for circle in circles:
        left = survey.unbounded(circle, within(graph, circle))
        if left and steps is None:
            found += [survey.problem(part) for part in left]
        elif left:
            survey.visits.update((name, None) for part in left for name in part)
            survey.note(circle, "limits.steps", None, f"at most {steps} steps in the whole run: limits.steps")
    draft.bounds += survey.bounds
    draft.visits.update(survey.visits)
    return found


@dataclass
class _Survey:
    """One flow, looked through for what bounds its cycles."""

    draft: Draft
    map: NodeMap
    start: str
    bounds: list[Bound] = field(default_factory=list[Bound])
    visits: dict[str, int | None] = field(default_factory=dict[str, int | None])
    work: int = 0
    noted: int = 0

    def __post_init__(self) -> None:
        self._counters = Counters(self.draft, self.map)
        self._ways: dict[str, list[Way]] = {name: [] for name in self.map.graph}
        for way in self.map.known_ways:
            self._ways[way.source].append(way)
        self._guards = {name: ceilings(node.node.next) for name, node in self.map.members.items()}
        self._closing = set(back_edges(self.map.graph, self.start))

    def unbounded(self, circle: list[str], edges: _Edges) -> list[list[str]]:
        """Take out what happens a limited number of times, again and again; return the cycles that are left."""
        waiting = [(circle, edges)]
        left: list[list[str]] = []
        while waiting:
            part, edges = waiting.pop()
            self.work += len(part)
            taken = self._without_visits(part, edges)
            if taken is None and self.work < _PATIENCE:
                taken = self._without_guarded(part, edges)
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
        return self.draft.at_value(way.path, "unbounded-cycle", message, suggestion)

    def note(self, part: list[str], by: str, at_most: int | None, text: str) -> None:
        """Keep a bound for the plan, unless the plan is full of them."""
        self.noted += len(part)
        if self.noted <= _MOST_NOTED or not self.bounds:
            self.bounds.append(Bound.model_validate({"nodes": tuple(part), "by": by, "at_most": at_most, "text": text}))

    def _without_visits(self, part: list[str], edges: _Edges) -> _Edges | None:
        limited = {name: visits for name in part if (visits := _visits(self.map.members[name])) is not None}
        if not limited:
            return None
        name = min(limited, key=lambda one: limited[one])
        self.note(part, "limits.visits", limited[name], f"at most {limited[name]} visits of {name}: limits.visits")
        self._visit_limited(part, limited)
        return within(edges, [name for name in part if name not in limited])

    def _visit_limited(self, part: list[str], limited: dict[str, int]) -> None:
        """Count visits: what is between two of the limited ones is passed once for each of these."""
        inside = set(part)
        sources = {way.target for ways in self._ways.values() for way in ways if way.source not in inside}
        entries = inside & {*sources, self.start}
        total = sum(limited.values())
        for name in part:
            before = self.visits.get(name, 1)
            around = total if entries <= limited.keys() else None if before is None else before + total
            self.visits[name] = limited.get(name, around)

    def _without_guarded(self, part: list[str], edges: _Edges) -> _Edges | None:
        """Take out the edges that a counter closes after some rounds."""
        bounded: dict[_Edge, Ceiling] = {}
        for channel, guarded in list(self._guarded(edges).items())[:_MOST_CHANNELS]:
            if self._counters.only_grows(channel, part):
                self.work += len(part)
                adders = self._counters.adders(channel)
                # where a round goes on without an adder, the counter stands still: such an edge is not bounded
                standing = _parts_of({name: [] if name in adders else to for name, to in edges.items()})
                for edge, ceiling in guarded:
                    if edge[0] in adders or standing[edge[0]] != standing[edge[1]]:
                        bounded.setdefault(edge, ceiling)
        if not bounded:
            return None
        self._note_counters(part, bounded)
        self._visit_guarded(part, bounded)
        return {name: [other for other in to if (name, other) not in bounded] for name, to in edges.items()}

    def _guarded(self, edges: _Edges) -> dict[str, list[tuple[_Edge, Ceiling]]]:
        """Return, by channel, the edges that are only taken below a ceiling, whichever branch leads there."""
        below: dict[_Edge, dict[Ceiling, None]] = {}
        for name, targets in edges.items():
            kept = set(targets)
            for way in (way for way in self._ways[name] if way.target in kept):
                held = dict.fromkeys(self._guards[name].get(_branch(self.map.members[name], way), ()))
                edge = (name, way.target)
                below[edge] = {one: None for one in below[edge] if one in held} if edge in below else held
        found: dict[str, list[tuple[_Edge, Ceiling]]] = {}
        for edge, held in below.items():
            for ceiling in held:
                found.setdefault(ceiling.channel, []).append((edge, ceiling))
        return found

    def _note_counters(self, part: list[str], bounded: dict[_Edge, Ceiling]) -> None:
        closed_by: dict[Ceiling, list[_Edge]] = {}
        for edge, ceiling in bounded.items():
            closed_by.setdefault(ceiling, []).append(edge)
        for ceiling, closed in closed_by.items():
            if self.noted > _MOST_NOTED:
                return
            rounds = self._rounds(ceiling, closed[0][0]) if len(closed) == 1 else None
            said = f"at most {rounds} rounds" if rounds is not None else "as many rounds as the counter allows"
            most = self._most(ceiling.limit)
            where = f", where {ceiling.limit} is at most {most}" if rounds is not None and most != ceiling.limit else ""
            self.note(part, "counter", rounds, f"{said}: {ceiling}{where}")

    def _visit_guarded(self, part: list[str], bounded: dict[_Edge, Ceiling]) -> None:
        """Count visits: the circle is passed once, and once more for each time that a closing edge is taken."""
        again = 0
        for edge, ceiling in bounded.items():
            rounds = self._rounds(ceiling, edge[0])
            if rounds is None:
                self.visits.update(dict.fromkeys(part))
                return
            again += rounds - 1
        for name in part:
            before = self.visits.get(name, 1)
            self.visits[name] = None if before is None else before * (1 + again)

    def _rounds(self, ceiling: Ceiling, source: str) -> int | None:
        """Count the rounds where the limit has a number and nothing in the spec but additions touches the counter."""
        followed = self._counters.start_and_step(ceiling.channel)
        most = self._most(ceiling.limit)
        if followed is None or most is None:
            return None
        first, step = followed
        room = (Fraction(most) - first) / step
        rounds = max(ceil(room) if ceiling.is_strict else floor(room) + 1, 1)
        return rounds if self._is_counted_before(ceiling.channel, source) else rounds + 1

    def _most(self, limit: str) -> str | None:
        """Return the greatest number that a limit can be; of an input, what its schema allows."""
        if not limit.startswith("inputs."):
            return limit
        schema = self.draft.spec.inputs.get(limit.removeprefix("inputs."))
        most = amount_of(schema.get("maximum")) if isinstance(schema, dict) else None
        return None if most is None else str(most)

    def _is_counted_before(self, channel: str, source: str) -> bool:
        """Tell whether the counter has surely grown when the closing edge is reached for the first time."""
        adders = self._counters.adders(channel)
        if source in adders or self.work > _PATIENCE:
            return source in adders
        self.work += len(self.map.members)
        free = {name: [] if name in adders else to for name, to in self.map.graph.items()}
        return source not in reachable(free, [self.start])


def _parts_of(edges: _Edges) -> dict[str, int]:
    return {name: number for number, part in enumerate(components(edges)) for name in part}


def _branch(node: DraftNode, way: Way) -> int:
    """Return which branch of `next` a way is; -1 for every other kind of way."""
    keys = split_pointer(way.path[len(node.path) :])
    return int(keys[1]) if keys[0] == "next" and len(keys) > 2 and keys[1].isdecimal() else -1  # noqa: PLR2004


def _visits(node: DraftNode) -> int | None:
    return node.node.limits.visits if node.node.limits else None
