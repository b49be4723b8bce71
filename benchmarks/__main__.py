"""Prints the table of figures: `python -m benchmarks [GROUP …]`; all groups if none is named."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
import time

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure, median_of

GROUPS = (
    "planning",
    "starting",
    "hosting",
    "dataflow",
    "language",
    "saving",
    "running",
    "recovering",
    "replaying",
    "agents",
)


def main(wanted: list[str]) -> int:
    """Measure the wanted groups, all if none is named, and return how many figures fall short."""
    figures = [
        figure for group in wanted or GROUPS for figure in importlib.import_module(f"benchmarks.{group}").figures()
    ]
    table = Table(title=_machine())
    for column in ("figure", "measured", "reach", "", "note"):
        table.add_column(column, justify="right" if column in {"measured", "reach"} else "left")
    for figure in figures:
        table.add_row(*_row(figure))
    Console(width=140).print(table)
    return sum(figure.is_reached is False for figure in figures)


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    reach = "" if figure.reach is None else f"{'≥' if figure.is_more_better else '≤'} {figure.reach:g} {figure.unit}"
    verdict = {None: "", True: "reached", False: "short"}[figure.is_reached]
    return figure.name, f"{figure.value:.3f} {figure.unit}", reach, verdict, figure.note


def _machine() -> str:
    load = os.getloadavg()[0]
    sync = _fdatasync_ms()
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}, fdatasync {sync:.2f} ms"


def _fdatasync_ms() -> float:
    """Return the median milliseconds of writing a block and making it durable."""
    with tempfile.TemporaryFile() as file:
        times: list[float] = []
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return median_of(times) * 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
