"""Graph algorithms on names: reaching, circles, and which nodes may or must have come before others.

All of them are iterative and close to linear, because a spec is untrusted: a deep or dense graph must neither
exhaust the stack nor the server's patience.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Graph = Mapping[str, Sequence[str]]  # node → the nodes that its edges lead to; every node is a key

_CHUNK = 4096  # sources looked at together: one bit each in an integer per node
_MOST_ROUNDS = 12  # of the search for what must have run; real flows need two or three


def reverse(graph: Graph) -> dict[str, list[str]]:
    """Return the graph with every edge turned round."""
    turned: dict[str, list[str]] = {node: [] for node in graph}
    for node, following in graph.items():
        for other in following:
            turned[other].append(node)
    return turned


def reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """Return what can be reached from `starts`, themselves included."""
    waiting = [start for start in starts if start in graph]
    found = set(waiting)
    while waiting:
        for other in graph[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def components(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components, each after those that its edges lead to (Tarjan 1972)."""
    found: list[list[str]] = []
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    is_open: set[str] = set()
    for root in graph:
        if root in numbers:
            continue
        path = [(root, iter(graph[root]))]
        numbers[root] = lowest[root] = len(numbers)
        stack.append(root)
        is_open.add(root)
        while path:
            node, following = path[-1]
            deeper = _next_unseen(node, following, numbers, lowest, is_open)
            if deeper is not None:
                numbers[deeper] = lowest[deeper] = len(numbers)
                stack.append(deeper)
                is_open.add(deeper)
                path.append((deeper, iter(graph[deeper])))
                continue
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
            if lowest[node] == numbers[node]:
                found.append(_close(node, stack, is_open))
    return found


def _next_unseen(
    node: str, following: Iterable[str], numbers: dict[str, int], lowest: dict[str, int], is_open: set[str]
) -> str | None:
    for other in following:
        if other not in numbers:
            return other
        if other in is_open:
            lowest[node] = min(lowest[node], numbers[other])
    return None


def _close(node: str, stack: list[str], is_open: set[str]) -> list[str]:
    at = len(stack) - 1
    while stack[at] != node:
        at -= 1
    closed = stack[at:]
    del stack[at:]
    is_open.difference_update(closed)
    return closed


def cycles(graph: Graph) -> list[list[str]]:
    """Return the components that hold a cycle; each has its nodes, and the list follows, the order of `graph`."""
    place = {node: at for at, node in enumerate(graph)}
    found = [sorted(part, key=place.__getitem__) for part in components(graph) if is_cyclic(graph, part)]
    return sorted(found, key=lambda part: place[part[0]])


def is_cyclic(graph: Graph, component: Sequence[str]) -> bool:
    """Tell whether a strongly connected component holds a cycle: several nodes, or one that leads to itself."""
    return len(component) > 1 or component[0] in graph[component[0]]


def within(graph: Graph, nodes: Iterable[str]) -> dict[str, list[str]]:
    """Return the part of the graph that lies between `nodes`."""
    kept = dict.fromkeys(nodes)
    return {node: [other for other in graph[node] if other in kept] for node in kept}


def first_closing(edges: Sequence[tuple[str, str]]) -> int | None:
    """Return the index of the first edge that closes a circle with those before it, or None if none does."""
    if not _has_circle(edges):
        return None
    low, high = 0, len(edges)  # the first `low` edges have no circle, the first `high` have one
    while high - low > 1:
        middle = (low + high) // 2
        if _has_circle(edges[:middle]):
            high = middle
        else:
            low = middle
    return high - 1


def _has_circle(edges: Sequence[tuple[str, str]]) -> bool:
    graph: dict[str, list[str]] = {}
    for source, target in edges:
        graph.setdefault(source, []).append(target)
        graph.setdefault(target, [])
    return any(is_cyclic(graph, part) for part in components(graph))


def back_edges(graph: Graph, start: str) -> list[tuple[str, str]]:
    """Return the edges that lead back onto the path by which a walk in depth from `start` came."""
    found: list[tuple[str, str]] = []
    seen = {start}
    on_path = {start}
    path = [(start, iter(graph[start]))]
    while path:
        node, following = path[-1]
        other = next(following, None)
        if other is None:
            path.pop()
            on_path.discard(node)
        elif other in on_path:
            found.append((node, other))
        elif other not in seen:
            seen.add(other)
            on_path.add(other)
            path.append((other, iter(graph[other])))
    return found


@dataclass(frozen=True)
class Precedence:
    """Which of the asked sources may, and which must, have come before each node."""

    may: frozenset[tuple[str, str]]  # (source, node)
    must: frozenset[tuple[str, str]]


def precedence(graph: Graph, start: str | None, pairs: Iterable[tuple[str, str]]) -> Precedence:
    """Decide for (source, node) pairs whether a path leads from the source to the node, and whether every path does.

    With a `start`, a source must have come before a node when no path from the start reaches the node around it. Paths
    have at least one edge, so a node comes before itself only on a cycle. Without a `start`, what may is what must.
    """
    asked = list(dict.fromkeys(pairs))
    sources = list(dict.fromkeys(source for source, _ in asked))
    may: set[tuple[str, str]] = set()
    must: set[tuple[str, str]] = set()
    for first in range(0, len(sources), _CHUNK):
        bits = {source: 1 << at for at, source in enumerate(sources[first : first + _CHUNK])}
        arriving = _arriving(graph, bits)
        certain = arriving if start is None else _certain(graph, start, bits)
        for source, node in asked:
            if source in bits and node in graph:
                if arriving[node] & bits[source]:
                    may.add((source, node))
                if certain.get(node, 0) & bits[source]:
                    must.add((source, node))
    return Precedence(frozenset(may), frozenset(must))


def _arriving(graph: Graph, bits: Mapping[str, int]) -> dict[str, int]:
    """Return for each node the bits of the sources from which a path leads to it."""
    arriving = dict.fromkeys(graph, 0)
    for part in reversed(components(graph)):
        joined = 0
        for node in part:
            joined |= arriving[node]
        if is_cyclic(graph, part):
            for node in part:
                joined |= bits.get(node, 0)
        for node in part:
            arriving[node] = joined
            leaving = joined | bits.get(node, 0)
            for other in graph[node]:
                arriving[other] |= leaving
    return arriving


def _certain(graph: Graph, start: str, bits: Mapping[str, int]) -> dict[str, int]:
    """Return for each reached node the bits of the sources that lie on every path to it.

    A search that is cut short finds too much, which only costs an author a piece of advice.
    """
    order = [node for part in reversed(components(graph)) for node in reversed(part)]
    before = reverse(graph)
    everything = (1 << len(bits)) - 1
    certain = dict.fromkeys(reachable(graph, [start]), everything)
    certain[start] = 0
    for _ in range(_MOST_ROUNDS):
        has_changed = False
        for node in order:
            if node == start or node not in certain:
                continue
            common = everything
            for other in before[node]:
                if other in certain:
                    common &= certain[other] | bits.get(other, 0)
            has_changed |= common != certain[node]
            certain[node] = common
        if not has_changed:
            break
    return certain
