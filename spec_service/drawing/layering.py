"""A layered layout of boxes and the lines between them, after Sugiyama, Tagawa and Toda (1981).

Cycles are broken, boxes come into layers by their longest path, lines over several layers get a place in each of them,
layers are ordered by barycentres, and boxes move towards what they are connected to. Sizes are pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Point = tuple[float, float]
Edge = tuple[int, int]
GAP_X, GAP_Y, LANE = 28.0, 56.0, 10.0  # between boxes, between layers, width of a passing line
_PORT = 16.0  # between lines at the border of a box
_SWEEPS = 6
_MOST_BENDS = 6_000  # places of long lines in layers; the longest lines beyond them are drawn straight


@dataclass(frozen=True, slots=True)
class Layout:
    """Where boxes (their upper left corners) and lines (from border to border) are."""

    places: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


@dataclass(slots=True)
class _Grid:
    """Boxes 0 … n-1, then the bends of long lines; `chains` are the lines, from top to bottom."""

    sizes: list[Point]
    layers: list[list[int]] = field(default_factory=list[list[int]])
    chains: list[list[int]] = field(default_factory=list[list[int]])
    above: list[list[int]] = field(default_factory=list[list[int]])
    below: list[list[int]] = field(default_factory=list[list[int]])
    centres: list[float] = field(default_factory=list[float])

    def link(self) -> None:
        """Note what each box or bend is connected to, up and down."""
        self.above, self.below = ([[] for _ in self.sizes] for _ in range(2))
        for chain in self.chains:
            for upper, lower in pairwise(chain):
                self.below[upper].append(lower)
                self.above[lower].append(upper)


def lay_out(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Place boxes of these sizes (width, height), connected by edges between their numbers."""
    if not sizes:
        return Layout((), (), 0, 0)
    turned = _turned(len(sizes), edges)
    downward = [(b, a) if (a, b) in turned else (a, b) for a, b in edges]
    grid = _Grid(list(sizes))
    _fill(grid, _depths(len(sizes), downward), downward)
    _order(grid)
    _spread(grid)
    return _measured(grid, len(sizes), edges, turned)


def _turned(count: int, edges: Sequence[Edge]) -> set[Edge]:
    """Return the edges that close a cycle when one walks from the first box on; turned round, there is none."""
    following: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        following[a].append(b)
    on_the_way, left, found = set[int](), set[int](), set[Edge]()
    for root in range(count):
        stack: list[tuple[int, Iterator[int]]] = [(root, iter(following[root]))] if root not in left else []
        on_the_way.add(root)
        while stack:
            box, others = stack[-1]
            for other in others:
                if other in on_the_way:
                    found.add((box, other))
                elif other not in left:
                    on_the_way.add(other)
                    stack.append((other, iter(following[other])))
                    break
            else:
                on_the_way.discard(box)
                left.add(box)
                stack.pop()
        on_the_way.discard(root)
    return found


def _depths(count: int, downward: Sequence[Edge]) -> list[int]:
    """Return the layer of each box: the longest path that leads to it."""
    lower: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for a, b in downward:
        if a != b:
            lower[a].append(b)
            missing[b] += 1
    depths = [0] * count
    ready = [box for box in range(count) if not missing[box]]
    for box in ready:  # grows meanwhile
        for other in lower[box]:
            depths[other] = max(depths[other], depths[box] + 1)
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return depths


def _fill(grid: _Grid, depths: list[int], downward: Sequence[Edge]) -> None:
    """Put boxes and bends into layers."""
    grid.layers = [[] for _ in range(max(depths) + 1)]
    for box, depth in enumerate(depths):
        grid.layers[depth].append(box)
    left = _MOST_BENDS
    grid.chains = [[] for _ in downward]
    for number in sorted(range(len(downward)), key=lambda one: depths[downward[one][1]] - depths[downward[one][0]]):
        a, b = downward[number]
        bends: list[int] = []
        if depths[b] - depths[a] - 1 <= left:
            for depth in range(depths[a] + 1, depths[b]):
                grid.layers[depth].append(len(grid.sizes))
                bends.append(len(grid.sizes))
                grid.sizes.append((LANE, 0.0))
            left -= len(bends)
        grid.chains[number] = [a, *bends, b] if a != b else [a]
    grid.link()


def _order(grid: _Grid) -> None:
    """Order each layer by the middle of what its boxes are connected to, down and up in turns."""
    place = [0.0] * len(grid.sizes)
    for layer in grid.layers:
        for at, one in enumerate(layer):
            place[one] = at / len(layer)
    for sweep in range(_SWEEPS):
        is_down = sweep % 2 == 0
        near = grid.above if is_down else grid.below
        for layer in grid.layers if is_down else reversed(grid.layers):
            wish = {
                one: sum(place[n] for n in near[one]) / len(near[one]) if near[one] else place[one] for one in layer
            }
            layer.sort(key=lambda one: wish[one])
            for at, one in enumerate(layer):
                place[one] = (at + 0.5) / len(layer)


def _spread(grid: _Grid) -> None:
    """Give every box and bend a centre: as near to what it is connected to as its neighbours allow."""
    grid.centres = [0.0] * len(grid.sizes)
    for layer in grid.layers:
        _settle(grid, layer, [0.0] * len(layer))
    for sweep in range(_SWEEPS):
        is_down = sweep % 2 == 0
        near = grid.above if is_down else grid.below
        for layer in grid.layers if is_down else reversed(grid.layers):
            centres = grid.centres
            wishes = [sum(centres[n] for n in near[o]) / len(near[o]) if near[o] else centres[o] for o in layer]
            _settle(grid, layer, wishes)


def _settle(grid: _Grid, layer: list[int], wishes: list[float]) -> None:
    """Come near to the wishes without an overlap: the mean of what pushing right and pushing left give."""
    widths = [grid.sizes[one][0] for one in layer]
    gaps = [GAP_X if grid.sizes[one][1] else LANE for one in layer]
    apart = [(a + b) / 2 + min(c, d) for (a, b), (c, d) in zip(pairwise(widths), pairwise(gaps), strict=True)]
    right, left = list(wishes), list(wishes)
    for at, gap in enumerate(apart):
        right[at + 1] = max(right[at + 1], right[at] + gap)
    for at in range(len(apart) - 1, -1, -1):
        left[at] = min(left[at], left[at + 1] - apart[at])
    for one, a, b in zip(layer, right, left, strict=True):
        grid.centres[one] = (a + b) / 2


def _measured(grid: _Grid, count: int, edges: Sequence[Edge], turned: set[Edge]) -> Layout:
    """Turn centres and layers into pixels from (0, 0) on."""
    leftmost = min(centre - size[0] / 2 for centre, size in zip(grid.centres, grid.sizes, strict=True))
    x = [centre - leftmost for centre in grid.centres]
    tops, bottoms = ([0.0] * len(grid.sizes) for _ in range(2))
    top = y = 0.0
    for layer in grid.layers:
        high = max(grid.sizes[one][1] for one in layer)
        for one in layer:
            is_bend = one >= count
            tops[one] = top if is_bend else top + (high - grid.sizes[one][1]) / 2
            bottoms[one] = top + high if is_bend else tops[one] + grid.sizes[one][1]
        y, top = top + high, top + high + GAP_Y
    leaving = _ports(grid, x, [chain for chain in grid.chains if len(chain) > 1], is_below=True)
    arriving = _ports(grid, x, [chain for chain in grid.chains if len(chain) > 1], is_below=False)
    routes: list[tuple[Point, ...]] = []
    for chain, edge in zip(grid.chains, edges, strict=True):
        if len(chain) == 1:
            routes.append(_loop(x[chain[0]], tops[chain[0]], grid.sizes[chain[0]]))
            continue
        first, last = chain[0], chain[-1]
        bends = [(x[one], at) for one in chain[1:-1] for at in (tops[one], bottoms[one])]  # past a layer: straight down
        start, goal = (x[first] + leaving[id(chain)], bottoms[first]), (x[last] + arriving[id(chain)], tops[last])
        route = [start, *bends, goal]
        routes.append(tuple(reversed(route) if edge in turned else route))
    width = max(at + size[0] / 2 for at, size in zip(x, grid.sizes, strict=True))
    places = tuple((x[box] - grid.sizes[box][0] / 2, tops[box]) for box in range(count))
    return Layout(places, tuple(routes), width, y)


def _ports(grid: _Grid, x: list[float], chains: Sequence[list[int]], *, is_below: bool) -> dict[int, float]:
    """Return how far from the middle of a box each line touches its border, so that lines do not cross there."""
    by_box: dict[int, list[list[int]]] = {}
    for chain in chains:
        by_box.setdefault(chain[0] if is_below else chain[-1], []).append(chain)
    found: dict[int, float] = {}
    for box, touching in by_box.items():
        touching.sort(key=lambda chain: x[chain[1] if is_below else chain[-2]])
        gap = min(_PORT, grid.sizes[box][0] * 0.7 / len(touching))
        for at, chain in enumerate(touching):
            found[id(chain)] = (at - (len(touching) - 1) / 2) * gap
    return found


def _loop(centre: float, top: float, size: Point) -> tuple[Point, ...]:
    """Return the way from a box to itself, on its right side."""
    right, middle = centre + size[0] / 2, top + size[1] / 2
    reach = min(8.0, size[1] / 3)
    return ((right, middle + reach), (right + GAP_X / 2, middle), (right, middle - reach))
