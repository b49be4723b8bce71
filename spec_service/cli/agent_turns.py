"""What an agent has said and called: its events, folded into turns, and the lines of those."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spec_service.cli.printable import lasting, one_line
from spec_service.views import EventView
from translator.planning.agents import RESULT

Json = Any
RUNNING, SUCCEEDED, FAILED = "running", "succeeded", "failed"
_TEXT = 100  # characters


@dataclass(slots=True)
class CallRow:
    """A call of a tool by an agent."""

    tool: str
    status: str = RUNNING
    attempt: int = 0
    seconds: float | None = None
    note: str = ""


@dataclass(slots=True)
class TurnRow:
    """An answer of an agent's model, and the calls that came of it."""

    number: int  # in its conversation, from 1
    text: str = ""
    usage: Mapping[str, Json] = field(default_factory=dict[str, Json])
    calls: list[CallRow] = field(default_factory=list[CallRow])


def take_agent(turns: list[TurnRow], event: EventView) -> None:
    """Take an `agent.` event; what was told to the model begins a conversation."""
    data: dict[str, Json] = event.data or {}
    if event.type == "agent.message":
        if data.get("role") == "assistant":
            number = turns[-1].number + 1 if turns else 1
            turns.append(TurnRow(number, _said(data), data.get("usage") or {}))
        elif turns:
            turns.append(TurnRow(0))  # replaced by the first answer, so that numbers begin anew
        if len(turns) > 1 and turns[-2].number == 0:
            del turns[-2]
        return
    turn = turns[-1] if turns else None
    if turn is None or event.type not in {"agent.tool-called", "agent.tool-returned"}:
        return
    tool = str(data.get("tool"))
    if event.type == "agent.tool-called":
        cut_off = next((one for one in turn.calls if _is_open(one, tool) and one.attempt < event.attempt), None)
        if cut_off is not None:
            cut_off.attempt = event.attempt
        else:
            turn.calls.append(CallRow(tool, attempt=event.attempt))
        return
    call = next((one for one in turn.calls if _is_open(one, tool)), None)
    if call is None:  # one that was refused before it began
        call = CallRow(tool)
        turn.calls.append(call)
    error: Mapping[str, Json] = data.get("error") or {}
    call.status, call.seconds = (FAILED if error else SUCCEEDED), data.get("seconds")
    call.note = f"{error.get('name')}: {error.get('message')}" if error else ""


def turn_lines(turns: list[TurnRow], mark: Callable[[str], str]) -> list[str]:
    """Return a line for each turn, with what it took, and one below it for each call."""
    lines: list[str] = []
    for turn in (one for one in turns if one.number):
        lines.append("  ".join(part for part in (f"    turn {turn.number}", used(turn.usage), turn.text) if part))
        for call in turn.calls:
            seconds = f"  {lasting(call.seconds)}" if call.seconds is not None else ""
            note = f"  {one_line(call.note, _TEXT)}" if call.note else ""
            lines.append(f"      {mark(call.status)} {one_line(call.tool, _TEXT)}{seconds}{note}")
    return lines


def turns_json(turns: list[TurnRow]) -> list[dict[str, Json]]:
    """Return the turns for machines."""
    return [
        {
            "turn": turn.number,
            "text": turn.text,
            "usage": dict(turn.usage),
            "calls": [{"tool": one.tool, "status": one.status, "seconds": one.seconds} for one in turn.calls],
        }
        for turn in turns
        if turn.number
    ]


def used(usage: Mapping[str, Json]) -> str:
    """Return the tokens and the cost of an answer; nothing where none were told."""
    tokens_in, tokens_out, cost = (usage.get(name) or 0 for name in ("tokens_in", "tokens_out", "cost_usd"))
    if not (tokens_in or tokens_out or cost):
        return ""
    return f"[{tokens_in:,} → {tokens_out:,} tokens{f', ${cost:.4g}' if cost else ''}]"


def _said(data: Mapping[str, Json]) -> str:
    """Return what an answer says beside its calls of tools, which have lines of their own."""
    gives = any(one.get("tool") == RESULT for one in data.get("tool_calls") or ())
    said = one_line(str(data.get("text") or ""), _TEXT)
    return " ".join(part for part in (said, "gives its result" if gives else "") if part)


def _is_open(call: CallRow, tool: str) -> bool:
    return call.tool == tool and call.status == RUNNING
