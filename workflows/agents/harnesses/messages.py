"""What is said between the server and a harness: JSON objects, one a line, each with a `type`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from workflows.errors import StepError

Json = Any
PROTOCOL = 1
RESULTS = frozenset({"result", "error"})
"""The last word of a harness."""
_SHOWN = 200  # characters of a line that is quoted

_Check = Callable[[Json], bool]


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_map(value: Json) -> bool:
    return isinstance(value, dict)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_anything(value: Json) -> bool:
    del value
    return True


_NEEDED: Mapping[str, Mapping[str, _Check]] = {
    "message": {"role": _is_text},
    "tool_call": {"id": _is_text, "name": _is_text, "arguments": _is_map},
    "usage": {"usage": _is_map},
    "span": {"name": _is_text, "id": _is_text, "started_at": _is_number, "finished_at": _is_number},
    "result": {"result": _is_anything},
    "error": {"message": _is_text},
}


@dataclass(frozen=True, slots=True)
class GrantedTool:
    """A tool that a harness may call through the server."""

    name: str
    description: str = ""
    parameters: Mapping[str, Json] = field(default_factory=dict[str, Json])


@dataclass(frozen=True, slots=True)
class HarnessTask:
    """What a harness is given to work on."""

    run: str
    step: str
    idempotency_key: str
    input: Json
    agents_md: str = ""  # the operator's instructions
    instructions: str = ""  # the spec's
    model: Mapping[str, Json] | None = None
    tools: tuple[GrantedTool, ...] = ()
    max_turns: int | None = None
    result_schema: Mapping[str, Json] | None = None
    timeout_seconds: float | None = None

    def start(self, traceparent: str | None) -> dict[str, Json]:
        """Return the first message."""
        return {
            "type": "start",
            "protocol": PROTOCOL,
            "run": self.run,
            "step": self.step,
            "idempotency_key": self.idempotency_key,
            "agents_md": self.agents_md,
            "instructions": self.instructions,
            "input": self.input,
            "model": self.model,
            "tools": [
                {"name": one.name, "description": one.description, "parameters": dict(one.parameters)}
                for one in self.tools
            ],
            "max_turns": self.max_turns,
            "result_schema": self.result_schema,
            "timeout_seconds": self.timeout_seconds,
            "traceparent": traceparent,
        }


def written(message: Mapping[str, Json]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, default=str).encode() + b"\n"


def read_message(line: bytes) -> Mapping[str, Json]:
    """Return what a line of a harness says; raises `StepError` (`agent-failed`) that quotes what is no message."""
    try:
        found = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _nonsense("it wrote something that is no JSON", line) from None
    if not isinstance(found, dict):
        raise _nonsense("it wrote JSON that is no object", line)
    message = cast("dict[str, Json]", found)
    kind = message.get("type")
    needed = _NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None:
        raise _nonsense(f"it wrote a message whose `type` is none of {', '.join(_NEEDED)}", line)
    for name, fits in needed.items():
        if name not in message or not fits(message[name]):
            raise _nonsense(f"its `{kind}` has no `{name}` as docs/harnesses.md wants it", line)
    return message


def _refuse(constant: str) -> Json:
    raise ValueError(constant)


def _nonsense(what: str, line: bytes) -> StepError:
    text = line[: 4 * _SHOWN].decode("utf-8", "replace").rstrip("\r\n")
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + " …"
    return StepError(f"{what}: {shown!r}", error_name="agent-failed")
