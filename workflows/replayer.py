"""Replays runs, and says what came of it."""

from __future__ import annotations

from collections.abc import Iterator

from translator.planning.plan import Plan
from workflows.differing import differences, disagreements
from workflows.recalling import Recording, is_item, path_of
from workflows.records import History, StepExecution
from workflows.replay_report import ReplayReport
from workflows.replaying import Replayed, ReplayTools, replay


class Replayer:
    """Replays runs with the tools of one process."""

    def __init__(self, tools: ReplayTools) -> None:
        self._tools = tools

    async def replay(self, history: History, plan: Plan, other: Plan | None = None) -> ReplayReport:
        """Execute a run again on its records, with its own plan or another one; calls, changes and keeps nothing."""
        recording, taken = Recording(plan, history), other or plan
        found = await replay(recording, taken, self._tools)
        wrong = differences(recording, found)
        if taken.digest == plan.digest:
            wrong += await disagreements(recording, self._tools.artifacts)
        return ReplayReport(
            plan=taken.digest,
            is_same_plan=taken.digest == plan.digest,
            steps=sum(not one.task or is_item(one.task) for one in found.rows.values()),
            status_recorded=history.run.status.value,
            status_replayed=found.status.value if found.status else "stopped",
            path_recorded=tuple(recording.path()),
            path_replayed=tuple(path_of(taken, _in_order(recording, found))),
            stopped_at=found.stopped_at,
            differences=tuple(wrong),
        )


def _in_order(recording: Recording, found: Replayed) -> Iterator[StepExecution]:
    """Return the rows of a replay; one that stands still counts only where the recorded one has begun, too."""
    for key, row in found.rows.items():
        if row.finished_at is not None or key in found.matches or row.step not in recording.heads:
            yield row
