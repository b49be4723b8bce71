"""Events as plain lines: time, node, what; only those that matter to somebody who reads along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spec_service.cli.agent_turns import used
from spec_service.cli.printable import clock, lasting, one_line, sized
from spec_service.cli.task_names import short_names
from spec_service.views import EventView

Json = Any
Data = Mapping[str, Json]
_MOST = 500  # characters of a line


class EventLines:
    """The lines of one run."""

    def __init__(self, nodes: Iterable[str] = ()) -> None:
        """Take the names of the nodes, for the width of their column."""
        self._width = max(map(len, ["run", *nodes]))
        self._tasks: dict[str, str] = {}

    def printed(self, event: EventView) -> list[str]:
        """Return what a task printed, if the event tells that, each line with the name of the task."""
        if event.type != "luigi.task-output":
            return []
        name = self._tasks.get(str(event.data["task"]), event.data["name"])
        texts = [*str(event.data["text"]).splitlines()]
        if event.data.get("is_cut"):
            texts.append("… (its log has the rest)")
        return [
            f"{clock(event.at)}  {event.node:<{self._width}}  {one_line(f'{name} | {one}', _MOST)}" for one in texts
        ]

    def line(self, event: EventView) -> str | None:
        """Return the line of an event; None for an event that is not shown."""
        data: dict[str, Json] = event.data or {}
        if event.type == "luigi.expanded":
            self._tasks |= short_names(data.get("tasks", ()))
        if "task" in data:
            data = data | {"name": self._tasks.get(str(data["task"]), data.get("name"))}
        describe = _TEXTS.get(event.type)
        text = describe(data) if describe else None
        if not text:
            return None
        return f"{clock(event.at)}  {event.node or 'run':<{self._width}}  {one_line(text, _MOST)}"


def _started(data: Data) -> str | None:
    if data.get("try", 1) > 1:
        return f"try {data['try']}"
    return f"started ({data['verb']})" if data.get("verb") else "started"


def _succeeded(data: Data) -> str:
    seconds, target = data.get("seconds"), data.get("goto")
    lasted = f" in {lasting(seconds)}" if seconds is not None else ""
    if data.get("chosen"):
        why = f": {data['reason']}" if data.get("reason") else ""
        return f"chose {', '.join(map(str, data['chosen']))}{why}"
    return f"done{lasted}{f', then {target}' if target else ''}"


def _caught(data: Data) -> str:
    target = data.get("goto")
    return f"{_failed(data)}; caught{f', then {target}' if target else ''}"


def _progress(data: Data) -> str:
    failed = f", {data['failed']} failed" if data.get("failed") else ""
    return f"{data.get('done')} of {data.get('total')} items{failed}"


def _failed(data: Data) -> str:
    error: Data = data.get("error") or {}
    where = f" in {error['node']}" if error.get("node") else ""
    return f"failed{where}: {error.get('name')}: {error.get('message')}"


def _retrying(data: Data) -> str:
    return f"{_failed(data)}; tried again in {data.get('wait_seconds', 0):g} s"


def _expanded(data: Data) -> str:
    count, complete = len(data.get("tasks", ())), data.get("complete", 0)
    return f"{count} Luigi task{'s' if count != 1 else ''}, {complete} done already"


def _task_done(data: Data) -> str:
    return f"{data['name']} done in {lasting(data.get('seconds') or 0)}"


def _task_failed(data: Data) -> str:
    error: Data = data.get("error") or {}
    return f"{data['name']} failed: {error.get('name')}: {error.get('message')}"


def _task_progress(data: Data) -> str:
    percentage = data.get("percentage")
    share = f" {percentage:g} %" if percentage is not None else ""
    return f"{data['name']}{share} {data.get('message') or ''}"


def _agent_said(data: Data) -> str | None:
    """Return what an agent's model said, and what that took; what it was told stands in the spec."""
    if data.get("role") != "assistant":
        return None
    calls = ", ".join(str(one.get("tool")) for one in data.get("tool_calls", ()))
    tokens = used(data.get("usage") or {})
    said = " ".join(one for one in (str(data.get("text") or ""), f"calls {calls}" if calls else "") if one)
    return f"{said or 'said nothing'} {tokens}".rstrip()


def _agent_returned(data: Data) -> str:
    error: Data = data.get("error") or {}
    failed = f" failed: {error.get('name')}: {error.get('message')}" if error else ""
    returned = f" returned in {lasting(data.get('seconds') or 0)}"
    return f"{data.get('tool')}{failed or returned}"


def _summary(data: Data) -> str:
    counts: Mapping[str, int] = data.get("counts") or {}
    return f"Luigi tasks: {', '.join(f'{number} {kind}' for kind, number in counts.items() if number) or 'none'}"


def _kept(data: Data) -> str | None:
    path = str(data["path"])
    return None if path.startswith(".specloom/") else f"kept {path} ({sized(data['bytes'])})"


def _attempt(data: Data) -> str:
    kinds = {"resume": "goes on", "recover": "goes on where it was left", "retry": "tries again what failed"}
    return kinds.get(str(data.get("kind")), "started")


def _changed(data: Data) -> str:
    return f"the source of {data.get('entry')} is not what the plan was bound to"


def _signal(data: Data) -> str:
    return f"signal {data.get('name')} came{', and is kept' if data.get('is_kept') else ''}"


def _answered(data: Data) -> str:
    if data.get("for") == "run" and not data.get("expired"):
        return "the run is over"
    if data.get("for") in {"time", "poll"}:
        return "the time has come"
    return "the time is up" if data.get("expired") else "answered"


def _wait(data: Data) -> str:
    if data.get("run"):
        return f"waits for the run {data['run']}"
    until = f" until {data['until']}" if data.get("until") else ""
    return f"waits for the signal {data['signal']}{until}" if data.get("signal") else f"waits{until}"


_TEXTS: Mapping[str, Callable[[Data], str | None]] = {
    "run.started": _attempt,
    "run.waiting": lambda _: "waits",
    "signal.received": _signal,
    "run.forked": lambda data: f"is forked from {data.get('run')} at {data.get('step')}",
    "run.retried": lambda _: "is to be tried again",
    "run.rerun": lambda data: f"is run again from {data.get('from')}",
    "run.cancel-requested": lambda _: "is asked to stop",
    "run.succeeded": lambda _: "succeeded",
    "run.failed": _failed,
    "run.cancelled": lambda _: "cancelled",
    "run.drained": lambda _: "stopped; it can go on",
    "step.started": _started,
    "step.succeeded": _succeeded,
    "step.failed": _failed,
    "step.caught": _caught,
    "step.cached": lambda _: "takes the result of an earlier run",
    "step.progress": _progress,
    "emitted": lambda data: f"event {data.get('event')}",
    "step.retrying": _retrying,
    "step.crashed": lambda data: f"the server died during try {data.get('try')}",
    "step.skipped": lambda data: f"skipped: {data.get('reason')}",
    "step.cancelled": lambda _: "stopped",
    "step.asked": lambda data: f"asks: {data.get('title')}",
    "step.waiting": _wait,
    "step.answered": _answered,
    "agent.message": _agent_said,
    "agent.tool-called": lambda data: f"calls {data.get('tool')}",
    "agent.tool-returned": _agent_returned,
    "agent.task-started": lambda data: f"started the run {data.get('run')} of {data.get('workflow')}",
    "agent.task-waits": lambda data: f"the run {data.get('run')} waits: {', '.join(map(str, data.get('for') or ()))}",
    "luigi.expanded": _expanded,
    "luigi.task-started": lambda data: f"{data['name']} started",
    "luigi.task-progress": _task_progress,
    "luigi.task-told": lambda data: f"{data['name']} is told: {data['content']}",
    "luigi.task-answered": lambda data: f"{data['name']} answers: {data['answer']}",
    "luigi.task-succeeded": _task_done,
    "luigi.task-skipped": lambda data: f"{data['name']} was done already",
    "luigi.task-failed": _task_failed,
    "luigi.task-rewritten": lambda data: f"{data['name']}: what it made was written anew by {data['by']}",
    "luigi.task-suspended": lambda data: f"{data['name']} waits for what nobody builds: {data.get('missing')}",
    "luigi.summary": _summary,
    "policy.applied": lambda data: f"policies: {', '.join(one['name'] for one in data['policies']) or 'none'}",
    "policy.verdict": lambda data: f"{data.get('action')} by {data.get('rule')}: {data.get('message')}",
    "step.paused": lambda data: f"stopped at a limit: {data.get('error', {}).get('message')}",
    "artifact.stored": _kept,
    "source.changed": _changed,
}
