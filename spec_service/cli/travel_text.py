"""Replays and comparisons as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from spec_service.cli.printable import lasting, one_line
from spec_service.travel_views import ArrivalView, BesideView, ComparisonView, DifferenceView, ReplayView, UnlikeView

Json = Any
_VALUE = 100  # characters of a value that are shown
_MEANS = {
    "unrecorded": "the replay comes here, and nothing is recorded of it",
    "unreached": "recorded, and the replay does not come here",
}
_USED = ("tokens_in", "tokens_out", "cached_tokens", "cost_usd", "tool_calls", "model_calls", "retries")


def replay_lines(found: ReplayView) -> list[str]:
    """Return the lines that tell what came of a replay."""
    what = "the same way and the same values" if found.is_same else _counted(found)
    lines = [f"{'✓' if found.is_same else '✗'} {found.steps} steps replayed in {lasting(found.seconds)}: {what}"]
    if not found.is_same_plan:
        lines.append(f"  with the plan {found.plan}")
    if found.stopped_at:
        lines.append(f"  it stands where nothing is recorded: {', '.join(found.stopped_at)}")
    if found.parts_at is not None:
        lines += ["", f"The ways part at place {found.parts_at + 1}", *_ways(found, found.parts_at)]
    if found.differences:
        lines += ["", "Differences", *(line for one in found.differences for line in _difference(one))]
    if found.differences_left_out:
        lines.append(f"  … and {found.differences_left_out} more")
    return lines


def _counted(found: ReplayView) -> str:
    count = len(found.differences) + found.differences_left_out
    return f"{count} {'difference' if count == 1 else 'differences'}"


def _ways(found: ReplayView, place: int) -> list[str]:
    begin = max(0, place - 2)
    rows = [("recorded", found.path_recorded), ("replayed", found.path_replayed)]
    return [f"  {name}  {_way(path, begin, place + 3)}" for name, path in rows]


def _way(path: Sequence[str], begin: int, end: int) -> str:
    shown = [*(["…"] if begin else []), *path[begin:end], *(["…"] if len(path) > end else ["end"])]
    return " → ".join(shown)


def _difference(one: DifferenceView) -> Iterator[str]:
    visit = f", visit {one.visit}" if one.visit > 1 else ""
    item = f", item {one.item}" if one.item is not None else ""
    where = f"{one.step}{visit}{item}" if one.step else "the run"
    if one.what in _MEANS:
        yield f"  {where}: {_MEANS[one.what]}"
        return
    yield f"  {where}: {one.what}"
    yield f"    recorded  {_value(one.recorded)}"
    yield f"    replayed  {_value(one.replayed)}"


def _value(value: Json) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), _VALUE)


# --- two runs ------------------------------------------------------------------------------------------------------


def comparison_lines(found: ComparisonView) -> list[str]:
    """Return the lines that show two runs beside each other."""
    lines = [f"a  {found.a.id}  {found.a.spec}, {found.a.status}{_took(found.a.seconds)}"]
    lines.append(f"b  {found.b.id}  {found.b.spec}, {found.b.status}{_took(found.b.seconds)}")
    for name, run in (("a", found.a), ("b", found.b)):
        if run.forked_from:
            lines.append(f"   {name} was forked from {run.forked_from.run} at {run.forked_from.step}")
    if found.a.plan != found.b.plan:
        lines.append("   their plans are different")
    where = "the same way" if found.parts_at is None else f"the ways part at place {found.parts_at + 1}"
    lines += ["", f"Path: {where}", *_path(found.path)]
    lines += [*_unlike("Inputs", found.inputs), *_unlike("Outputs", found.outputs), *_usage(found)]
    return lines


def _took(seconds: float | None) -> str:
    return f" in {lasting(seconds)}" if seconds is not None else ""


def _path(rows: Sequence[BesideView]) -> Iterator[str]:
    cells = [(_arrival(row.a), _arrival(row.b)) for row in rows]
    width = max((len(one) for one, _ in cells), default=0)
    for row, (left, right) in zip(rows, cells, strict=True):
        both = row.a is not None and row.b is not None
        mark = ("≠" if row.is_same_result is False else "│") if both else ("<" if row.a else ">")
        yield f"  {left:<{width}}  {mark}  {right}".rstrip()


def _arrival(one: ArrivalView | None) -> str:
    if one is None:
        return ""
    visit = f" ({one.visit})" if one.visit > 1 else ""
    status = "" if one.status == "succeeded" else f" {one.status}"
    return f"{one.step}{visit}{status}{f'  {lasting(one.seconds)}' if one.seconds is not None else ''}"


def _unlike(title: str, found: Sequence[UnlikeView]) -> Iterator[str]:
    if not found:
        return
    yield from ("", title)
    for one in found:
        yield f"  {one.name}"
        yield f"    a  {_value(one.a) if one.in_a else '(none)'}"
        yield f"    b  {_value(one.b) if one.in_b else '(none)'}"


def _usage(found: ComparisonView) -> Iterator[str]:
    a, b = found.a.usage or {}, found.b.usage or {}
    names = [name for name in _USED if a.get(name) or b.get(name)]
    if names:
        yield from ("", "Usage")
        yield from (f"  {name:<14} a {a.get(name, 0):<12} b {b.get(name, 0)}" for name in names)
