"""Tell a Luigi task of a run something; it hears it while it runs, as from Luigi's scheduler."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from structlog.stdlib import get_logger

from spec_service.errors import AlreadyFinal, Refused
from spec_service.keys import RunAnswer, kept, once
from spec_service.requests import MessageRequest, RequestKey
from spec_service.services import Services
from spec_service.views import RunView
from translator.language.problems import Problem, did_you_mean
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.task_running import mailbox
from workflows.records import EventRecorded, ExpansionRecorded, History, used_in
from workflows.run import RunId

Json = Any
log = get_logger("specloom.operations")


async def send_message(
    services: Services, run_id: str, request: MessageRequest, key: RequestKey | None = None
) -> RunAnswer:
    """Keep a message where the task looks for it, once for a key; one that is not running yet hears it when it runs.

    Raises `UnknownRun`, `AlreadyFinal`, `KeyMismatch`, `Refused` (no such task, or one that accepts no messages).
    """
    return await once(services, key, partial(_sent, services, RunId(run_id), request, key))


async def _sent(services: Services, run_id: RunId, request: MessageRequest, key: RequestKey | None) -> RunAnswer:
    history = await services.journal.history(run_id)
    if history.run.status.is_final:
        raise AlreadyFinal("the run has ended: none of its tasks hears anything")
    expansion, task = _meant(history, request.task)
    folder = mailbox(services.artifacts.work_directory(run_id)) / task.key
    number = await asyncio.to_thread(_leave, folder, {"content": request.content, "payload": request.payload})
    now, answer = datetime.now(UTC), RunAnswer(RunView.of(history.run, history.questions, used_in(history.steps)))
    data = {"task": task.key, "name": task.name, "message": number, "content": request.content}
    event = EventRecorded(run_id, "luigi.task-told", now, expansion.step, history.run.attempt, data)
    await services.journal.commit(event, *kept(key, answer, now))
    log.info("luigi.task-told", run_id=run_id, task=task.name, message=number)
    return answer


def _meant(history: History, name: str) -> tuple[ExpansionRecorded, ExpandedTask]:
    """Return the task that a name or key means, with the expansion that it is in; raises `Refused`."""
    found = [(one, task) for one in history.expansions for task in Expansion.from_json(one.body).tasks]
    meant = [(one, task) for one, task in found if name in {task.name, task.key}]
    if not meant:
        names = sorted({task.name for _, task in found if task.accepts_messages})
        suggestion = did_you_mean(name, names) or (f"such as {names[0]}" if names else None)
        message = "no Luigi task of the run has this name; tasks are known once their stage has started"
        raise Refused([Problem("unknown-node", message, "/task", suggestion=suggestion)])
    expansion, task = meant[-1]
    if not task.accepts_messages:
        message = f"{task.name} accepts no messages: `accepts_messages` of its class says so"
        raise Refused([Problem("unknown-node", message, "/task")])
    return expansion, task


def _leave(folder: Path, told: Json) -> int:
    """Put a message behind those that are there, and return its number; it is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "draft"
    number = 1 + max((int(one.name.partition(".")[0]) for one in folder.glob("*.json*")), default=0)
    draft.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    draft.rename(folder / f"{number}.json")
    return number
