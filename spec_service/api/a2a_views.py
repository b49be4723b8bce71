"""Workflows as skills and runs as tasks, in the words of the Agent2Agent protocol."""
# ruff: noqa: PLC0415 - the SDK is an extra, and slow to import

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from spec_service.exposing import Exposed
from spec_service.product import VERSION
from spec_service.views import RunView

if TYPE_CHECKING:
    from a2a.types.a2a_pb2 import AgentCard, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent

Json = Any
LABEL = "a2a"
CONTEXT_LABEL = "a2a/context"
DOOR = "/a2a"
_STATES = {
    "queued": "TASK_STATE_SUBMITTED",
    "running": "TASK_STATE_WORKING",
    "waiting": "TASK_STATE_WORKING",
    "succeeded": "TASK_STATE_COMPLETED",
    "failed": "TASK_STATE_FAILED",
    "cancelled": "TASK_STATE_CANCELED",
}
FINAL = frozenset({"succeeded", "failed", "cancelled"})
_BEARER = "bearer"


def agent_card(skills: tuple[Exposed, ...], url: str, *, asks_for_token: bool) -> AgentCard:
    """Return the card of this server, whose skills are workflows; `url` is its own address."""
    from a2a.types.a2a_pb2 import AgentCard
    from google.protobuf.json_format import ParseDict

    card: dict[str, Json] = {
        "name": "Specloom",
        "description": "Runs declarative workflows of pipeline stages, tools, agents and people.",
        "version": VERSION,
        "supportedInterfaces": [{"url": url + DOOR, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
        "capabilities": {"streaming": True, "pushNotifications": False},
        "defaultInputModes": ["application/json", "text/plain"],
        "defaultOutputModes": ["application/json"],
        "skills": [_skill(one) for one in skills],
    }
    if asks_for_token:
        card["securitySchemes"] = {_BEARER: {"httpAuthSecurityScheme": {"scheme": "Bearer"}}}
        card["securityRequirements"] = [{"schemes": {_BEARER: {}}}]
    return ParseDict(card, AgentCard())


def _skill(one: Exposed) -> dict[str, Json]:
    inputs = json.dumps(one.inputs, ensure_ascii=False, separators=(",", ":"))
    return {
        "id": one.name,
        "name": one.stored.name,
        "description": f"{one.description}\n\nTakes a data part that fits this JSON Schema: {inputs}",
        "tags": ["workflow", *(key for key in sorted(one.stored.labels) if key not in {LABEL, "mcp"})],
        "inputModes": ["application/json", "text/plain"],
        "outputModes": ["application/json"],
    }


def task_of(run: RunView) -> Task:
    """Return a run as a task; what it has put out is its artifact."""
    from a2a.types.a2a_pb2 import Task
    from google.protobuf.json_format import ParseDict

    task: dict[str, Json] = {
        "id": run.id,
        "contextId": context_of(run),
        "status": _status(run),
        "metadata": {"spec": run.spec, "status": run.status},
    }
    if run.status == "succeeded":
        task["artifacts"] = [_artifact(run)]
    return ParseDict(task, Task())


def status_update(run: RunView) -> TaskStatusUpdateEvent:
    """Return how a run stands, as an event of a stream."""
    from a2a.types.a2a_pb2 import TaskStatusUpdateEvent
    from google.protobuf.json_format import ParseDict

    told = {"taskId": run.id, "contextId": context_of(run), "status": _status(run)}
    return ParseDict(told, TaskStatusUpdateEvent())


def artifact_update(run: RunView) -> TaskArtifactUpdateEvent:
    """Return what a run has put out, as an event of a stream."""
    from a2a.types.a2a_pb2 import TaskArtifactUpdateEvent
    from google.protobuf.json_format import ParseDict

    told = {"taskId": run.id, "contextId": context_of(run), "artifact": _artifact(run), "lastChunk": True}
    return ParseDict(told, TaskArtifactUpdateEvent())


def context_of(run: RunView) -> str:
    """Return the conversation that a run belongs to; by itself, it is one."""
    return run.labels.get(CONTEXT_LABEL, run.id)


def waits_for_people(run: RunView) -> bool:
    """Return whether nothing goes on until somebody answers: a question alone may stand beside work, or come before."""
    return run.status == "waiting" and any(one.is_for_people for one in run.waiting_for)


def _status(run: RunView) -> dict[str, Json]:
    asked = [one for one in run.waiting_for if one.is_for_people]
    state = "TASK_STATE_INPUT_REQUIRED" if waits_for_people(run) else _STATES[run.status]
    at = run.finished_at or run.started_at or run.created_at
    told: dict[str, Json] = {"state": state, "timestamp": at.isoformat().replace("+00:00", "Z")}
    parts: list[Json] = []
    if run.error is not None:
        parts = [{"text": run.error.message}, {"data": run.error.model_dump(mode="json", exclude_none=True)}]
    elif asked:
        questions = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in asked]
        parts = [{"text": asked[0].title}, {"data": {"waiting_for": questions}}]
    if parts:
        told["message"] = {
            "messageId": f"{run.id}-{run.status}",
            "role": "ROLE_AGENT",
            "taskId": run.id,
            "contextId": context_of(run),
            "parts": parts,
        }
    return told


def _artifact(run: RunView) -> dict[str, Json]:
    return {"artifactId": f"{run.id}-outputs", "name": "outputs", "parts": [{"data": run.outputs}]}
