"""Luigi pipelines to measure with: even and uneven layers, a deep lattice, and thousands of tasks that do nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import luigi

Shape = list[tuple[float, tuple[int, ...]]]  # the seconds of each task, and the numbers of those that it needs

LAYERS, WIDTH, SECONDS = 10, 6, 0.05
DEPTH, TASKS, EDGES = 38, 63, 426  # of the lattice
ROWS, COLUMNS = 40, 50  # of the tasks that do nothing


class Piece(luigi.Task):
    """One task of a shape; `needs` names others by number."""

    shape = luigi.Parameter()
    number = luigi.IntParameter()

    def requires(self):
        """Need what the shape says."""
        return [Piece(shape=self.shape, number=number) for number in SHAPES[self.shape][self.number][1]]

    def output(self):
        """Write a file of its own."""
        return luigi.LocalTarget(f"{self.shape}-{self.number}.txt")

    def run(self):
        """Take its time."""
        if seconds := SHAPES[self.shape][self.number][0]:
            time.sleep(seconds)
        with self.output().open("w") as file:
            file.write("done")


class All(luigi.WrapperTask):
    """Everything that nothing else of the shape needs; does nothing itself."""

    shape = luigi.Parameter()

    def requires(self):
        """Need the ends of the shape."""
        shape = SHAPES[self.shape]
        needed = {number for _, needs in shape for number in needs}
        return [Piece(shape=self.shape, number=number) for number in range(len(shape)) if number not in needed]


def critical_path(shape: str) -> float:
    """Return the seconds that nobody can beat with any number of workers."""
    ends: list[float] = []
    for seconds, needs in SHAPES[shape]:
        ends.append(seconds + max((ends[number] for number in needs), default=0))
    return max(ends)


def _layers(count: int, width: int, seconds: Callable[[int, int], float]) -> Shape:
    """Return `(seconds, needs)` of each task; a task needs two neighbours of the layer before."""
    return [
        (
            seconds(layer, place),
            tuple(sorted({(layer - 1) * width + (place + shift) % width for shift in (0, 1)})) if layer else (),
        )
        for layer in range(count)
        for place in range(width)
    ]


def _uneven() -> Shape:
    drawn = random.Random(7)  # noqa: S311 - the same durations each time
    return _layers(LAYERS, WIDTH, lambda *_: round(drawn.uniform(0.01, 0.09), 3))


def _lattice() -> Shape:
    """Return layers of one or two tasks, each needing one of the layer before, and others from further up."""
    drawn = random.Random(3)  # noqa: S311
    layers: list[range] = []
    tasks: list[set[int]] = []
    for depth in range(DEPTH):
        width = 2 if depth < TASKS - DEPTH else 1
        layers.append(range(len(tasks), len(tasks) + width))
        tasks.extend([(depth and {drawn.choice(layers[-2])}) or set() for _ in layers[-1]])
    depth_of = {number: depth for depth, layer in enumerate(layers) for number in layer}
    while sum(map(len, tasks)) < EDGES:
        below, above = drawn.sample(range(TASKS), 2)
        if depth_of[below] > depth_of[above]:
            tasks[below].add(above)
    return [(SECONDS, tuple(sorted(needs))) for needs in tasks]


SHAPES: dict[str, Shape] = {
    "even": _layers(LAYERS, WIDTH, lambda *_: SECONDS),
    "uneven": _uneven(),
    "lattice": _lattice(),
    "noop": _layers(ROWS, COLUMNS, lambda *_: 0),
}
