"""What callers are shown of replays and comparisons of runs."""

from __future__ import annotations

from typing import Any

from spec_service.views import ForkView, View
from workflows.comparison import Beside, Comparison, StepTime, Unlike
from workflows.replay_report import ReplayReport

Json = Any
MOST_DIFFERENCES = 500


class DifferenceView(View):
    """Where a replay is not what was recorded.

    `what` is a field of the record, or `unrecorded` (the replay comes to a step of which there is no result),
    `unreached` (it does not come to one that is recorded), or `records` (two records that must agree do not).
    """

    step: str  # empty: the run itself
    visit: int
    item: int | None = None  # of a map
    what: str
    recorded: Json = None
    replayed: Json = None


class ReplayView(View):
    """What came of a replay."""

    run: str
    plan: str  # digest of the plan that was executed
    is_same_plan: bool
    is_same: bool  # nothing is different
    steps: int  # arrivals that were replayed
    seconds: float
    status_recorded: str
    status_replayed: str  # "stopped": it came to steps of which no result is recorded
    stopped_at: tuple[str, ...] = ()
    path_recorded: tuple[str, ...]
    path_replayed: tuple[str, ...]
    parts_at: int | None = None  # place in the paths, from 0
    differences: tuple[DifferenceView, ...] = ()
    differences_left_out: int = 0

    @classmethod
    def of(cls, run: str, report: ReplayReport, seconds: float) -> ReplayView:
        """Show a report."""
        shown = report.differences[:MOST_DIFFERENCES]
        return cls(
            run=run,
            plan=report.plan,
            is_same_plan=report.is_same_plan,
            is_same=report.is_same,
            steps=report.steps,
            seconds=round(seconds, 3),
            status_recorded=report.status_recorded,
            status_replayed=report.status_replayed,
            stopped_at=report.stopped_at,
            path_recorded=report.path_recorded,
            path_replayed=report.path_replayed,
            parts_at=report.parts_at,
            differences=tuple(
                DifferenceView(
                    step=one.step,
                    visit=one.visit,
                    item=one.item,
                    what=one.what,
                    recorded=one.recorded,
                    replayed=one.replayed,
                )
                for one in shown
            ),
            differences_left_out=len(report.differences) - len(shown),
        )


class ArrivalView(View):
    """One arrival at a step."""

    step: str
    visit: int
    status: str
    seconds: float | None

    @classmethod
    def of(cls, one: StepTime) -> ArrivalView:
        """Show an arrival."""
        return cls(step=one.step, visit=one.visit, status=one.status, seconds=one.seconds)


class BesideView(View):
    """Arrivals of two runs beside each other."""

    a: ArrivalView | None
    b: ArrivalView | None
    is_same_result: bool | None = None

    @classmethod
    def of(cls, row: Beside) -> BesideView:
        """Show a row."""
        one, other = (ArrivalView.of(each) if each else None for each in (row.one, row.other))
        return cls(a=one, b=other, is_same_result=row.is_same_result)


class UnlikeView(View):
    """A value that is not the same in two runs; `in_a` and `in_b` tell which of them has it."""

    name: str
    a: Json
    b: Json
    in_a: bool
    in_b: bool

    @classmethod
    def of(cls, one: Unlike) -> UnlikeView:
        """Show a value."""
        return cls(name=one.name, a=one.one, b=one.other, in_a=one.is_there[0], in_b=one.is_there[1])


class RunBesideView(View):
    """One of two runs."""

    id: str
    spec: str
    plan: str
    status: str
    seconds: float | None
    usage: dict[str, Json] | None
    forked_from: ForkView | None = None


class ComparisonView(View):
    """Two runs beside each other."""

    a: RunBesideView
    b: RunBesideView
    is_same_path: bool
    parts_at: int | None  # place in `path`, from 0
    path: tuple[BesideView, ...]
    steps: tuple[BesideView, ...]
    inputs: tuple[UnlikeView, ...]
    outputs: tuple[UnlikeView, ...]

    @classmethod
    def of(cls, a: RunBesideView, b: RunBesideView, found: Comparison) -> ComparisonView:
        """Show a comparison."""
        return cls(
            a=a,
            b=b,
            is_same_path=found.parts_at is None,
            parts_at=found.parts_at,
            path=tuple(BesideView.of(row) for row in found.path),
            steps=tuple(BesideView.of(row) for row in found.steps),
            inputs=tuple(UnlikeView.of(one) for one in found.inputs),
            outputs=tuple(UnlikeView.of(one) for one in found.outputs),
        )
