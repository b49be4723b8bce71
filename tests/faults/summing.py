"""Adds up what the parts of the tests have written down: `python -m tests.faults.summing FILE...` prints a table.

The files are those that SPECLOOM_FAULTS_FIGURES named; a part that failed is not in them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Json = Any
Part = dict[str, Any]


def main(files: Sequence[str]) -> None:
    """Print a row for each test."""
    parts: dict[str, list[Part]] = defaultdict(list)
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            part = json.loads(line)
            parts[part["test"].partition("[")[0]].append(part)
    for name, row in ROWS.items():
        if name in parts:
            sys.stdout.write(f"| {' | '.join(row(parts[name]))} |\n")


def _kills(parts: list[Part]) -> tuple[str, ...]:
    count, runs = total(parts, "kills"), total(parts, "runs")
    count_text = f"{count} kills at {len(parts[0]['by_name'])} fail-points, {runs} runs"
    repeats = f"side effects repeated per kill: {total(parts, 'repeats') / count:.2f}"
    resumed = spread(every(parts, "resumed_seconds"))
    more = f"{repeats}; death to the first run going on, start of the server included: {resumed}"
    return "`kill -9` at a fail-point", count_text, "none", more


def _freezes(parts: list[Part]) -> tuple[str, ...]:
    codes = sum((Counter(part["codes"]) for part in parts), Counter[str]())
    woken = f"{codes['75']} refused when they woke up, {codes['-9']} frozen amid a transaction and ended"
    late = f"{total(parts, 'late')} effects that were just beginning happened then"
    return "SIGSTOP, takeover, SIGCONT", f"{codes.total()} freezes", "none", f"{woken}; {late}"


def _drains(parts: list[Part]) -> tuple[str, ...]:
    seconds = every(parts, "seconds")
    told = f"process gone after {spread(seconds)}"
    return "SIGTERM with 30 to 40 runs in flight", f"{len(seconds)} drains", "none failed", told


def _fills(parts: list[Part]) -> tuple[str, ...]:
    count = f"{total(parts, 'fills')} times, {total(parts, 'accepted')} runs accepted"
    return "a database that may not grow", count, "none", f"{total(parts, 'refused')} requests refused meanwhile"


def _outages(parts: list[Part]) -> tuple[str, ...]:
    count = f"{total(parts, 'outages')} outages, {total(parts, 'accepted')} runs accepted"
    return "commits that fail", count, "none", f"{total(parts, 'refused')} requests refused meanwhile"


def _backups(parts: list[Part]) -> tuple[str, ...]:
    count = f"{total(parts, 'restored')} backups, {total(parts, 'runs')} runs"
    return "backup under load, restored", count, "none", "every run finished"


def _sequences(parts: list[Part]) -> tuple[str, ...]:
    count = f"{total(parts, 'sequences')} sequences"
    by_steps = Counter[int]()
    for part in parts:
        by_steps[part["steps"]] += part["sequences"]
    counted = " and ".join(f"{number:,} of up to {steps} steps" for steps, number in sorted(by_steps.items()))
    more = f"{counted}, on both journals"
    return "random sequences against the model", count, "none astray", more


ROWS: dict[str, Callable[[list[Part]], tuple[str, ...]]] = {
    "test_a_server_killed_at_any_border_loses_nothing": _kills,
    "test_a_frozen_server_is_replaced_and_refused_when_it_wakes_up": _freezes,
    "test_sigterm_under_load_fails_no_run_and_ends_in_time": _drains,
    "test_a_full_disk_at_every_fiftieth_page_loses_nothing": _fills,
    "test_flushes_that_fail_for_a_while_lose_nothing": _outages,
    "test_every_run_of_a_backup_made_under_load_finishes": _backups,
    "test_no_sequence_leads_where_the_model_does_not_go": _sequences,
}


def total(parts: list[Part], name: str) -> int:
    """Return the sum of a number of all parts."""
    return sum(part[name] for part in parts)


def every(parts: list[Part], name: str) -> list[float]:
    """Return the numbers of all parts in one list."""
    return [number for part in parts for number in part[name]]


def spread(seconds: list[float]) -> str:
    """Return median, 99th percentile and maximum."""
    ordered = sorted(seconds)
    last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"p50 {ordered[len(ordered) // 2]:.1f} s, p99 {last:.1f} s, max {ordered[-1]:.1f} s"


if __name__ == "__main__":
    main(sys.argv[1:])
