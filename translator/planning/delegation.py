"""The tools by which an agent starts runs of its own, watches and steers them: their names, schemas and texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, Protocol, TypeVar

from translator.language.digest import canonical_json
from translator.planning.catalog import CatalogEntry, JsonSchema
from translator.planning.plan import AgentTool, Binding

DELEGATION = ("start_task", "check_task", "list_tasks", "update_task", "cancel_task")
"""What an agent with `delegates` may call besides its tools."""

MOST_WAIT = 604_800
"""Seconds that `check_task` waits at most."""

_START = (
    "Start a task: a run of one of the workflows below, which works beside you. Returns its id at once. "
    "Your own end stops tasks that are not over."
)
_VERSION = "1.0.0"
_LONGEST = 2000  # characters of the schema of a workflow's inputs; of a longer one only the names are told
_TASK: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 100, "description": "The id of the task."}


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


T = TypeVar("T", bound=_Named)


def by_name(delegates: Sequence[T]) -> dict[str, T]:
    """Return workflows by the names under which an agent knows them: with the version where two have one name."""
    names = [one.name for one in delegates]
    return {one.name if names.count(one.name) == 1 else f"{one.name}@{one.version}": one for one in delegates}


def delegation_tools(delegates: Sequence[CatalogEntry], wanting_approval: Collection[str]) -> tuple[AgentTool, ...]:
    """Return the tools of an agent that may start these workflows."""
    known = by_name(delegates)
    listed = "\n".join(
        f"- {name}: {one.description or 'a workflow'} Inputs: {_inputs(one)}" for name, one in known.items()
    )
    about = {
        "start_task": (
            f"{_START}\n{listed}",
            _object(
                {
                    "workflow": {"enum": list(known), "description": "Which workflow."},
                    "inputs": {"type": "object", "description": "Its inputs by name."},
                },
                "workflow",
            ),
        ),
        "check_task": (
            "Tell how a task that you started stands, with its outputs or its error once it is over.",
            _object(
                {
                    "task": _TASK,
                    "wait_seconds": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": MOST_WAIT,
                        "description": "Wait so long for its end at most; 0 if nothing is said.",
                    },
                },
                "task",
            ),
        ),
        "list_tasks": ("List the tasks that you started, and how they stand.", _object({})),
        "update_task": (
            "Send a signal to a task that you started. Questions to people are not yours to answer.",
            _object(
                {
                    "task": _TASK,
                    "signal": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Its name."},
                    "data": {"description": "What goes with it; any JSON."},
                    "key": {
                        "type": "string",
                        "maxLength": 512,
                        "description": "Of the wait that is meant, if it has one.",
                    },
                },
                "task",
                "signal",
            ),
        ),
        "cancel_task": ("Stop a task that you started.", _object({"task": _TASK}, "task")),
    }
    return tuple(_tool(name, *about[name], waits=name in wanting_approval) for name in DELEGATION)


def _tool(name: str, description: str, parameters: JsonSchema, *, waits: bool) -> AgentTool:
    digest = hashlib.sha256(canonical_json([name, description, parameters])).hexdigest()
    call = Binding(
        kind="delegation", name=name, version=_VERSION, source_digest=digest, parameters=parameters, result={}
    )
    return AgentTool(name=name, call=call, description=description, requires_approval=waits)


def _object(properties: dict[str, Any], *required: str) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _inputs(entry: CatalogEntry) -> str:
    text = json.dumps(entry.parameters, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"an object with {', '.join(entry.parameters.get('properties', {}))}"
