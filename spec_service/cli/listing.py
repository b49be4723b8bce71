"""Lists runs, and shows one as it stands."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from spec_service.cli.agent_turns import turn_lines, turns_json
from spec_service.cli.client import Client
from spec_service.cli.complaints import FINE, wrong_usage
from spec_service.cli.configuring import Place
from spec_service.cli.following import all_events, find_run
from spec_service.cli.printable import lasting, moment, one_line, shown
from spec_service.cli.progress import Progress, StepRow
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.screens import table_console
from spec_service.cli.summary import summary_lines
from spec_service.cli.tree_drawing import MARKS
from spec_service.views import RunItem, RunView
from workflows.run import RunStatus

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs to list."""

    status: str | None = None
    spec: str | None = None
    limit: int = 20
    parent: str | None = None


def list_runs(wanted: Wanted, place: Place, *, as_json: bool) -> int:
    """Print runs, the newest first; returns the exit code."""
    known = [status.value for status in RunStatus]
    if wanted.status is not None and wanted.status not in known:
        raise wrong_usage(f"{one_line(wanted.status, 60)} is no status of a run", f"one of: {', '.join(known)}")

    async def work() -> list[RunItem]:
        async with reach(place) as client:
            return await _pages(client, wanted)

    found = run_async(work)
    if as_json:
        sys.stdout.write("".join(f"{one.model_dump_json(by_alias=True)}\n" for one in found))
    elif found:
        table_console().print(_table(found))
    else:
        sys.stdout.write("no such runs. specloom run FILE starts one\n")
    return FINE


def show_run(run_id: str, place: Place, *, as_json: bool) -> int:
    """Print a run with its steps, outputs and artifacts; returns the exit code."""

    async def work() -> None:
        async with reach(place) as client:
            run = await find_run(client, run_id, place)
            plan = await client.get_plan(run.plan)
            progress = Progress(plan.steps)
            for event in await all_events(client, run_id):
                progress.take(event)
            artifacts = await client.list_artifacts(run_id)
            tasks = await _pages(client, Wanted(limit=_PAGE, parent=run_id))
            if as_json:
                body = run.model_dump(mode="json", by_alias=True)
                body["steps"] = [_step_json(row) for row in progress.rows.values()]
                body["artifacts"] = [
                    one.model_dump(mode="json") | {"location": client.location(run_id, one.path)} for one in artifacts
                ]
                sys.stdout.write(f"{json.dumps(body, ensure_ascii=False, indent=2)}\n")
                return
            sys.stdout.write("\n".join([_about(run), "", *step_lines(progress), *_task_lines(tasks)]))
            sys.stdout.write("\n".join(["", *summary_lines(run, artifacts, client, place), ""]))

    run_async(work)
    return FINE


def step_lines(progress: Progress) -> list[str]:
    """Return one line for each step, for each task of a Luigi step, and for each turn and call of an agent."""
    width = max((len(row.id) for row in progress.rows.values()), default=0) + 2
    lines: list[str] = []
    for row in progress.rows.values():
        name = f"{'  ' if row.block else ''}{row.id}"
        visits = f"  {row.visits} rounds" if row.visits > 1 else ""
        tries = f"  try {row.try_number}" if row.try_number > 1 else ""
        note = f"  {one_line(row.note, 100)}" if row.note else ""
        lines.append(
            f"{_mark(row.status)} {name:<{width}}  {row.verb:<5}{_took(row.seconds)}{visits}{tries}{note}".rstrip()
        )
        for task in row.tasks.values():
            note = f"  {one_line(task.note, 100)}" if task.note else ""
            lines.append(f"    {_mark(task.status)} {one_line(task.name)}{_took(task.seconds)}{note}")
        lines += turn_lines(row.turns, _mark)
    return lines


def _task_lines(tasks: list[RunItem]) -> list[str]:
    """Return one line for each run that a run has started, the oldest first."""
    found = [f"  {_mark(one.status)} {one.id}  {one.spec}  {one.status}  {_what(one)}".rstrip() for one in tasks[::-1]]
    return ["", "Runs that it has started", *found] if found else []


def _mark(status: str) -> str:
    return MARKS.get(status, ("·", ""))[0]


def _took(seconds: float | None) -> str:
    return f"  {lasting(seconds)}" if seconds is not None else ""


def _about(run: RunView) -> str:
    inputs = ["Inputs", *shown(run.inputs, 2)] if run.inputs else []
    started = f"created {moment(run.created_at)}, {run.attempts} attempt{'s' if run.attempts != 1 else ''}"
    above = [f"started by the run {run.parent}"] if run.parent else []
    return "\n".join([f"Run {run.id} of {run.spec}: {run.status}", started, *above, "", *inputs])


def _step_json(row: StepRow) -> dict[str, object]:
    tasks = [{"name": one.name, "status": one.status, "seconds": one.seconds} for one in row.tasks.values()]
    return {
        "id": row.id,
        "verb": row.verb,
        "status": row.status,
        "visits": row.visits,
        "try": row.try_number,
        "seconds": row.seconds,
        "tasks": tasks,
        **({"turns": turns_json(row.turns)} if row.turns else {}),
    }


async def _pages(client: Client, wanted: Wanted) -> list[RunItem]:
    found: list[RunItem] = []
    cursor: str | None = None
    while len(found) < wanted.limit:
        page = await client.list_runs(
            wanted.status, wanted.spec, cursor, min(_PAGE, wanted.limit - len(found)), wanted.parent
        )
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    return found


def _table(runs: list[RunItem]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("RUN", "SPEC", "STATUS", "CREATED", "TOOK", "ABOUT"):
        table.add_column(heading, no_wrap=heading != "ABOUT", overflow="fold")
    for run in runs:
        mark = {"waiting": "waiting"}.get(run.status, run.status)
        style = MARKS.get(mark, ("", ""))[1]
        took = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
        status = Text(run.status, style=style)
        table.add_row(run.id, run.spec, status, moment(run.created_at), lasting(took) if took else "", _what(run))
    return table


def _what(run: RunItem) -> str:
    if run.error is not None:
        return one_line(f"{run.error.name}{f' in {run.error.node}' if run.error.node else ''}: {run.error.message}", 80)
    return one_line(", ".join(one.title for one in run.waiting_for), 80)
