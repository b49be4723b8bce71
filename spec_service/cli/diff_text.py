"""What a plan changes, as people review it: `+ ~ -` for each step, fields that are different, and runs that wait."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from spec_service.cli.printable import one_line
from spec_service.cli.problem_text import counted
from spec_service.views import PlanChanges, WaitingRuns
from translator.planning.comparing import MARKS, Change, FieldChange, PlanDiff

Json = Any
_VALUE = 60  # characters of a value that are shown
_COLOURS = {"+": "green", "~": "yellow", "-": "red"}


def diff_lines(diff: PlanDiff) -> list[str]:
    """Return the lines that show a difference of plans; where something changed, they begin with its mark."""
    if diff.is_empty:
        lines = ["No changes since the last plan."]
    else:
        sums = ", ".join(f"{MARKS[kind]}{count}" for kind, count in diff.counts.items() if count)
        lines = [
            f"Changes since plan {diff.old[:12]}{f' ({sums} of its steps)' if sums else ''}",
            *_changed(diff, "  "),
        ]
    if isinstance(diff, PlanChanges) and diff.runs:
        lines += ["", "Waiting runs", *(line for one in diff.runs for line in _waiting(one))]
    return lines


def write_marked(lines: Iterable[str]) -> None:
    """Print lines, those with a mark in its colour where there is a terminal that has colours."""
    if not sys.stdout.isatty():
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals only

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in lines:
        console.print(line, style=_COLOURS.get(line.lstrip()[:1] if line.lstrip()[1:2] == " " else "", ""))


def _changed(diff: PlanDiff, pad: str) -> Iterator[str]:
    yield from _part("", diff.steps, pad)
    yield from (f"{pad}~ {line}" for one in diff.plan for line in [_field(one)])
    for title, changes in (
        ("way", diff.transitions),
        ("input", diff.inputs),
        ("output", diff.outputs),
        ("state", diff.state),
        ("def", diff.defs),
    ):
        yield from _part(f"{title} ", changes, pad)
    yield from (f"{pad}~ limits.{_field(one)}" for one in diff.limits)
    for inner in diff.workflows:
        if not inner.is_empty:
            yield f"{pad}~ in workflow {inner.spec}"
            yield from _changed(inner, f"{pad}    ")


def _part(title: str, changes: Iterable[Change], pad: str) -> Iterator[str]:
    for one in changes:
        about = f"  {one_line(one.about, _VALUE)}" if one.about else ""
        yield f"{pad}{MARKS[one.kind]} {title}{one_line(one.name)}{about}"
        yield from (f"{pad}      {_field(field)}" for field in one.fields)


def _field(one: FieldChange) -> str:
    return f"{one.field}: {_value(one.before)} → {_value(one.after)}"


def _value(value: Json) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _VALUE)


def _waiting(one: WaitingRuns) -> Iterator[str]:
    where = f"{counted(one.count, 'run')} at {', '.join(one.nodes)} (plan {one.plan[:12]})"
    if one.can_go_on:
        yield f"  {where}: could go on with this plan after a fork; without one, they end on their own"
        return
    yield f"  {where}: end on their own plan, and could not go on with this one:"
    yield from (f"      {one_line(reason)}" for reason in one.why)
