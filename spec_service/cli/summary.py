"""What is said at the end: how a run stands, what came of it, where it lies, and what to try next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from spec_service.cli.answers import answer_commands
from spec_service.cli.artifact_places import located, split_uri
from spec_service.cli.calling import program
from spec_service.cli.client import Client
from spec_service.cli.configuring import Place
from spec_service.cli.printable import lasting, moment, one_line, printable, shown, sized
from spec_service.views import ArtifactView, RunView, WaitingFor
from workflows.run import RunStatus

_LOG_LINES = 15
_SAYS = {"waiting": "waits for an answer", "queued": "is queued", "running": "is running"}


def summary_lines(run: RunView, artifacts: Sequence[ArtifactView], client: Client, place: Place) -> list[str]:
    """Return the lines that close the showing of a run."""
    lines = ["", _headline(run), *fork_lines(run)]
    if run.error is not None:
        lines += _error_lines(run, client)
    if run.outputs:
        lines += ["", "Outputs", *shown(located(run.outputs, client.location), 2)]
    lines += artifact_lines(run, artifacts, client)
    for question in run.waiting_for:
        options = place.options(with_catalog=True)
        lines += (
            question_lines(run, question, options) if question.is_for_people else wait_lines(run, question, options)
        )
    return [*lines, "", *_next_lines(run, client, place)]


def fork_lines(run: RunView) -> list[str]:
    """Return where a run was forked from, and what is to be known of that."""
    fork = run.forked_from
    if fork is None:
        return []
    visit = f", visit {fork.visit}" if fork.visit > 1 else ""
    changed = [*(f"state.{name}" for name in fork.set), *(f"inputs.{name}" for name in fork.inputs)]
    lines = [f"  forked from {fork.run} at {fork.step}{visit}; {fork.taken} steps taken over"]
    lines += [f"  changed there: {', '.join(changed)}"] if changed else []
    if fork.read_before:
        names = ", ".join(fork.read_before)
        lines.append(f"  these were taken over, and had read what was changed as it was: {names}")
    return lines


def artifact_lines(run: RunView, artifacts: Sequence[ArtifactView], client: Client) -> list[str]:
    """Return where the artifacts of a run lie."""
    if not artifacts:
        return []
    rows = [(client.location(run.id, one.path), sized(one.bytes)) for one in artifacts]
    width = max(len(place) for place, _ in rows)
    return ["", "Artifacts", *(f"  {place:<{width}}  {size:>9}" for place, size in rows)]


def question_lines(run: RunView, question: WaitingFor, options: str) -> list[str]:
    """Return what a run asks, and the commands that answer it."""
    lines = ["", f"{question.node or 'the run'}: {one_line(question.title)}"]
    if question.description:
        lines += shown(question.description, 2)
    if question.show is not None:
        lines += shown(question.show, 2)
    if question.expires_at is not None:
        lines.append(f"  to be answered until {moment(question.expires_at)}")
    return [*lines, "", "Answer with", *(f"  {command}" for command in answer_commands(run, question, options))]


def wait_lines(run: RunView, wait: WaitingFor, options: str) -> list[str]:
    """Return what a run waits for that no person answers."""
    at = f" at {moment(wait.expires_at)}" if wait.expires_at is not None else ""
    if wait.kind != "signal":
        return ["", f"{wait.node}: goes on{at}" if wait.kind == "time" else f"{wait.node}: looks again{at}"]
    key = f" --key {shlex.quote(wait.key)}" if wait.key is not None else ""
    until = f", until {moment(wait.expires_at)}" if wait.expires_at is not None else ""
    send = f"{program()} signal {run.id} {wait.signal}{key} --data-json JSON{options}"
    return ["", f"{wait.node}: waits for the signal {wait.signal}{until}", "", "Send it with", f"  {send}"]


def _waits(run: RunView) -> str:
    kinds = {one.kind for one in run.waiting_for}
    return (
        "waits for an answer" if kinds & {"person", "limit"} else "waits for a signal" if "signal" in kinds else "waits"
    )


def _headline(run: RunView) -> str:
    lasted = ""
    if run.started_at and run.finished_at:
        lasted = f" in {lasting((run.finished_at - run.started_at).total_seconds())}"
    says = {"waiting": _waits(run), "queued": "is queued", "running": "is running"}.get(run.status, run.status)
    return f"{run.spec} {says}{lasted} (run {run.id})"


def _error_lines(run: RunView, client: Client) -> list[str]:
    error = run.error
    if error is None:
        return []
    where = f" in {error.node}" if error.node else ""
    lines = [f"  {error.name}{where}: {printable(error.message)}"]
    cause = error.cause
    if cause is not None and cause.message not in error.message:
        lines.append(f"  after {cause.name}{f' in {cause.node}' if cause.node else ''}: {printable(cause.message)}")
    uri = error.log_uri or (cause.log_uri if cause else None)
    log = split_uri(uri) if uri else None
    if log is None:
        return lines
    location = client.location(*log)
    return [*lines, f"  log: {location}", *_tail(location)]


def _tail(location: str) -> list[str]:
    """Return the last lines of a log that lies on this machine."""
    try:
        text = Path(location).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return []
    return [f"  | {printable(line)}" for line in text.splitlines()[-_LOG_LINES:]]


def _next_lines(run: RunView, client: Client, place: Place) -> list[str]:
    options = place.options()
    if run.status == RunStatus.WAITING:
        return [f"Stop it with: {program()} cancel {run.id}{options}"]
    if run.status in {RunStatus.QUEUED, RunStatus.RUNNING}:
        if client.place:
            return [f"Follow it with: {program()} watch {run.id}{options}"]
        return [f"Nobody executes it now. Go on with: {program()} resume {run.id}{place.options(with_catalog=True)}"]
    look = f"See its steps with: {program()} runs {run.id}{options}"
    if run.status in {RunStatus.FAILED, RunStatus.CANCELLED}:
        retry = f"{program()} retry {run.id}{place.options(with_catalog=True)}"
        return [f"Try again what has not succeeded with: {retry}", look]
    first = _readable(run, client)
    return [*([f"Read it with: less {shlex.quote(first)}"] if first else []), look]


def _readable(run: RunView, client: Client) -> str | None:
    """Return the first output that is a text of this machine."""
    values = [located(value, client.location) for value in run.outputs.values()] if _is_mapping(run.outputs) else []
    files = [one for one in values if isinstance(one, str) and one.startswith("/") and one.endswith((".md", ".txt"))]
    return files[0] if files else None


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)
