"""The examples of the OpenAPI document."""

from __future__ import annotations

from typing import Any

Json = Any

SPEC_YAML = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: hello, version: 1.0.0}
inputs:
  name: {type: string, default: world}
state:
  greeting: {type: string}
outputs: {greeting: "${ state.greeting }"}
start: greet
nodes:
  greet:
    set: {greeting: "Hello, ${ inputs.name }!"}
    next: end
"""

_PROBLEM: Json = {
    "type": "urn:specloom:problem:unknown-node",
    "title": "unknown node",
    "status": 422,
    "detail": "no node of this map has this name",
    "name": "unknown-node",
    "code": "E304",
    "suggestion": "did you mean greet?",
    "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "problems": [
        {
            "code": "E304",
            "name": "unknown-node",
            "path": "/start",
            "line": 8,
            "column": 8,
            "message": "no node of this map has this name",
            "suggestion": "did you mean greet?",
        }
    ],
}

PROBLEM_RESPONSES: dict[int | str, dict[str, Json]] = {
    "4XX": {
        "description": "Refused: RFC 9457, with every problem and its place.",
        "content": {"application/problem+json": {"schema": {"type": "object"}, "example": _PROBLEM}},
    }
}

SPEC_BODY: dict[str, Json] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "object"}, "example": SPEC_YAML},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


POLICY_YAML = """apiVersion: specloom/v1
kind: Policy
metadata: {name: budget}
ceilings: {cost_usd: 5.0}
rules:
  - {name: dear-step, scope: step, when: usage.cost_usd > 1.0, action: pause, message: This step is dear.}
"""
POLICY_BODY: dict[str, Json] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "object"}, "example": POLICY_YAML},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


def json_body(schema: Json, example: Json, *, is_required: bool = True) -> dict[str, Json]:
    """Return the part of a route's OpenAPI that describes a JSON body."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": is_required, "content": content}}


EXECUTE_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "inputs": {"type": "object"},
            "plan": {"type": "string", "description": "Digest of a stored plan; left out: the spec is planned now."},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "priority": {"type": "integer"},
        },
        "additionalProperties": False,
    },
    {"inputs": {"name": "reader"}, "labels": {"team": "data"}},
    is_required=False,
)
PLAN_BODY = json_body(
    {
        "type": "object",
        "properties": {"inputs": {"type": "object", "description": "To see what the stages would build with them."}},
        "additionalProperties": False,
    },
    {"inputs": {"name": "reader"}},
    is_required=False,
)
PUBLISH_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "base": {
                "type": ["string", "null"],
                "description": "Digest of what you believe to be published: of the text, or of the spec in it; null: no"
                " file. Left out: what this server published last.",
            },
            "path": {"type": "string", "description": "Below the root; left out: as last time, or the spec's name."},
            "message": {"type": "string", "description": "Of the commit."},
            "author": {"type": "string", "description": "`Name <mail>`; left out: as the operator configured it."},
        },
        "additionalProperties": False,
    },
    {"message": "report: a third round", "author": "Ann Other <ann@example.org>"},
    is_required=False,
)
RESUME_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "answer": {"description": "Fits the schema of the question; left out: go on with a run nobody executes."},
            "interrupt_id": {"type": "string", "description": "Which question, when the run asks several."},
        },
        "additionalProperties": False,
    },
    {"answer": {"verdict": "approve", "comment": "go ahead"}},
    is_required=False,
)
MESSAGE_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "task": {"type": "string", "description": "The name or key of a Luigi task that accepts messages."},
            "content": {"type": "string", "description": "What it is told."},
            "payload": {"type": "object", "description": "What else there is to say."},
        },
        "required": ["task", "content"],
        "additionalProperties": False,
    },
    {"task": "market.Crawl(day=2026-11-20)", "content": "slower"},
)
RERUN_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "from": {"type": "string", "description": "A node's id, or the name or key of a Luigi task of the run."}
        },
        "required": ["from"],
        "additionalProperties": False,
    },
    {"from": "publish"},
)
REPLAY_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "plan": {"type": "string", "description": "Digest of another plan: what would have been different?"},
            "spec": {"type": "string", "description": "The text of a spec, in the place of `plan`; it is not stored."},
        },
        "additionalProperties": False,
    },
    {"plan": "9f2c4a7be1d0538866aa17ce42b3f09d5e6c81f7a2b94d03c5e8f1769ab2d430"},
    is_required=False,
)
FORK_BODY = json_body(
    {
        "type": "object",
        "properties": {
            "at": {"type": "string", "description": "A node's id in the run, or the id of a checkpoint."},
            "visit": {"type": "integer", "minimum": 1, "description": "Which arrival at the node; left out: the last."},
            "set": {"type": "object", "description": "Values of channels as the node is to find them."},
            "inputs": {"type": "object", "description": "Inputs that are different from the node on."},
            "plan": {"type": "string", "description": "Digest of another plan of the same spec."},
        },
        "required": ["at"],
        "additionalProperties": False,
    },
    {"at": "write", "visit": 2, "set": {"score": 0.5}},
)
KEY_HEADER: dict[str, Json] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "1 to 255 visible ASCII characters, new for each new request. For 24 hours the same request"
            " with the same key does nothing again and gets the first answer, with `Idempotent-Replayed: true`.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    ]
}
EVENT_STREAM: dict[int | str, dict[str, Json]] = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 1\nevent: run.queued\ndata: {"seq":1,"type":"run.queued"}\n\n',
            }
        }
    }
}
