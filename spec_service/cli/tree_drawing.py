"""Draws how far a run is as a tree: steps, members of blocks, and the tasks of a Luigi step while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.spinner import Spinner
from rich.text import Text
from rich.tree import Tree

from spec_service.cli.printable import lasting, one_line
from spec_service.cli.progress import (
    CANCELLED,
    ENDED,
    FAILED,
    PENDING,
    RETRYING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Progress,
    StepRow,
    TaskRow,
)

MARKS: Mapping[str, tuple[str, str]] = {
    PENDING: ("·", "dim"),
    RUNNING: ("●", "cyan"),
    WAITING: ("?", "bold yellow"),
    RETRYING: ("↻", "yellow"),
    SUCCEEDED: ("✔", "green"),
    FAILED: ("✘", "bold red"),
    SKIPPED: ("-", "dim"),
    CANCELLED: ("■", "magenta"),
}
_MAX_TASKS = 12
_NOTE = 90  # characters


@dataclass(frozen=True, slots=True)
class _Going:
    """The line of a running step, whose seconds go on between two events."""

    text: Text
    spinner: Spinner
    since: datetime | None

    def __rich__(self) -> Text:
        """Return the line as it is now."""
        import time  # noqa: PLC0415 - the frame of the spinner

        frame = self.spinner.render(time.monotonic())
        lead = frame if isinstance(frame, Text) else Text("●")
        ago = f"  {lasting((datetime.now(UTC) - self.since).total_seconds())}" if self.since else ""
        return Text.assemble(lead, " ", self.text, (ago, "dim"))


def draw_tree(title: str, progress: Progress, height: int) -> Tree:
    """Return the tree, of about `height` lines: where there are more steps, those that matter least are left out."""
    tree = Tree(Text(one_line(title), style="bold"), guide_style="dim")
    shown, left_out = _chosen(progress, max(height - 3, 5))
    _add(tree, progress, None, shown)
    if left_out:
        tree.add(Text(left_out, style="dim"))
    return tree


def _chosen(progress: Progress, room: int) -> tuple[set[str], str]:
    """Return which steps have room, and a line about the others."""
    rows = list(progress.rows.values())
    if len(rows) <= room:
        return {row.id for row in rows}, ""
    by_weight = sorted(rows, key=lambda row: (row.status in ENDED - {FAILED}, row.status == PENDING))
    shown = {row.id for row in by_weight[:room]}
    shown |= {row.block for row in rows if row.id in shown and row.block}
    done = sum(row.status in ENDED for row in rows)
    return shown, f"… {done} of {len(rows)} steps done"


def _add(tree: Tree, progress: Progress, block: str | None, shown: set[str]) -> None:
    for row in progress.members(block):
        if row.id not in shown:
            continue
        branch = tree.add(_line(row))
        _add(branch, progress, row.id, shown)
        if row.status not in {SUCCEEDED, SKIPPED, PENDING}:
            _add_tasks(branch, row)


def _add_tasks(branch: Tree, row: StepRow) -> None:
    moving = [task for task in row.tasks.values() if task.status not in {SUCCEEDED, SKIPPED, PENDING}]
    for task in moving[:_MAX_TASKS]:
        branch.add(_task_line(task))


def _line(row: StepRow) -> Text | _Going:
    text = Text(row.id, style="dim" if row.status == PENDING else "")
    text.append(f"  {row.verb}", style="dim")
    if row.visits > 1:
        text.append(f"  round {row.visits}", style="cyan")
    if row.try_number > 1:
        text.append(f"  try {row.try_number}", style="yellow")
    if row.tasks:
        text.append(f"  {row.tasks_done}/{len(row.tasks)} tasks", style="dim")
    if row.seconds is not None and row.status in ENDED:
        text.append(f"  {lasting(row.seconds)}", style="dim")
    if row.note:
        text.append(f"  {one_line(row.note, _NOTE)}", style=MARKS.get(row.status, MARKS[PENDING])[1])
    return _marked(row.status, text, row.started_at)


def _task_line(task: TaskRow) -> Text | _Going:
    text = Text(one_line(task.name))
    if task.note:
        text.append(f"  {one_line(task.note, _NOTE)}", style="dim")
    return _marked(task.status, text, None)


def _marked(status: str, text: Text, since: datetime | None) -> Text | _Going:
    if status == RUNNING:
        return _Going(text, Spinner("dots", style="cyan"), since)
    mark, style = MARKS.get(status, MARKS[PENDING])
    return Text.assemble((mark, style), " ", text)
