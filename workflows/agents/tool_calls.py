"""Calls of tools by an agent: granted ones only, checked, approved where that is asked for, recorded, and made once.

What goes wrong in a tool is told to the model, which may do something else; only limits, and what stops the whole
step, end the agent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from translator.language.schemas import Validator
from translator.planning.plan import AgentTool, Step
from workflows.agents import tasks
from workflows.agents.answers import UNREADABLE
from workflows.agents.approving import approval
from workflows.agents.conversation import Conversation
from workflows.agents.talk import Talk
from workflows.attempt import MAX_CRASHES
from workflows.errors import StepError
from workflows.failpoints import hit
from workflows.frames import Visit
from workflows.nodes.call import NodeCall
from workflows.ports import ToolCall
from workflows.records import StepExecution, StepStatus
from workflows.usage import ONE_TOOL_CALL

Json = Any
MOST_TOLD = 64 * 1024  # characters of a result that the model is told
_ENDS_THE_STEP = frozenset({"not-mocked", "cancelled", "time-limit"})


@dataclass(frozen=True, slots=True)
class Told:
    """What the model is told of a call."""

    text: str
    is_error: bool = False


class _Failed(Exception):
    """A call that has no result; the model is told so, and why."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


async def called(talk: Talk, call: Mapping[str, Any]) -> Told:
    """Return what became of a call of the model's, made now or earlier; raises `StepError` at a limit, and `Quiet`."""
    async with talk.strand():
        number = talk.conversation.calls[call["id"]]
        before = talk.conversation.recorded(number)
        if before is not None and before.status in {StepStatus.SUCCEEDED, StepStatus.FAILED}:
            return _told(before, await talk.conversation.attempt.result(before))
        return await _Call(talk, number, str(call["name"]), call["args"]).told()


def begin(talk: Talk, calls: Sequence[Mapping[str, Any]]) -> None:
    """Queue the records of the calls in an answer that nothing holds up, behind that of the answer itself.

    They are being written while the graph comes to the calls, each of which waits for the same flush.
    """
    for one in calls:
        tool, number = talk.tools.get(one["name"]), talk.conversation.calls.get(one["id"], "")
        if tool is None or tool.call.kind != "tool" or tool.requires_approval:
            continue
        call = _Call(talk, number, one["name"], one["args"])
        with suppress(_Failed, StepError):  # which is told when the graph comes to the call
            call.check(tool)
            talk.begun[number] = call.announced(tool)


def _told(row: StepExecution, result: Json) -> Told:
    """Return what a row says: the result as JSON, or a text as it is."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    if len(text) > MOST_TOLD:
        text = f"{text[:MOST_TOLD]}\n… cut here: {len(text) - MOST_TOLD:,} characters more"
    return Told(text, row.status is StepStatus.FAILED)


@dataclass
class _Call:
    """One call on its way."""

    talk: Talk
    number: str
    name: str  # as the model calls it
    arguments: Json
    is_counted: bool = False

    @property
    def _conversation(self) -> Conversation:
        return self.talk.conversation

    async def told(self) -> Told:
        """Make the call, record how it ended, and return what the model is told of it."""
        conversation, tool = self._conversation, self.talk.tools.get(self.name)
        row: StepExecution | None = None
        shown = tool.call.name if tool else self.name
        try:
            tool = self._granted(tool)
            self.check(tool)
            given = await self._allowed(tool)
            if isinstance(given, str):
                row = conversation.opened(self.number, shown, self.arguments)
                return await self._ended(row, given)
            row = await self._begun(tool)
            return await self._ended(row, await self._made(tool, row))
        except _Failed as failed:
            row = row or conversation.opened(self.number, shown, self.arguments)
            return await self._ended(row, f"error: {failed.message}", failed)

    # --- before ----------------------------------------------------------------------------------------------------

    def _granted(self, tool: AgentTool | None) -> AgentTool:
        """Raise `_Failed` for a tool that was not granted, whatever the model was told by whom."""
        if tool is None:
            granted = ", ".join(self.talk.tools) or "none"
            raise _Failed("unknown-tool", f"there is no tool {self.name[:80]}; the tools are: {granted}")
        return tool

    def check(self, tool: AgentTool) -> None:
        """Raise `_Failed` for arguments that the tool does not take."""
        if isinstance(self.arguments, dict) and set(cast("dict[str, Json]", self.arguments)) == {UNREADABLE}:
            raise _Failed("invalid-arguments", "the arguments are no JSON object")
        hidden = set(tool.auth) & set(cast("dict[str, Json]", self.arguments))
        validator = self.talk.validators.get(tool.name) or Validator(schema_for(tool), {})
        violations = validator.problems(self.arguments, "")
        if hidden or violations:
            where = f" at {violations[0].path}" if violations and violations[0].path else ""
            said = violations[0].message if violations else f"{', '.join(sorted(hidden))} is not yours to give"
            raise _Failed("invalid-arguments", f"the arguments do not fit{where}: {said}")

    async def _allowed(self, tool: AgentTool) -> str | None:
        """Ask a person where that is wanted; returns what the model is told instead of calling, if anything."""
        if not tool.requires_approval:
            return None
        decision = await approval(self.talk, self.number, tool.call.name, self.arguments)
        if decision.kind == "respond":
            return decision.message
        if decision.kind == "edit":
            self.arguments = decision.arguments
            self.check(tool)
        elif decision.kind != "approve":
            why = f": {decision.message}" if decision.message else ""
            raise _Failed("rejected", f"a person rejected this call{why}")
        return None

    async def _begun(self, tool: AgentTool) -> StepExecution:
        """Record that the call begins, and return when that is durable; raises `StepError` at a limit."""
        before, self.is_counted = self._conversation.recorded(self.number), True
        if before is not None and before.status is StepStatus.RUNNING and tasks.waits(self.talk, self.number):
            return before
        row = self.talk.begun.pop(self.number, None)
        if row is None:
            row = self.announced(tool)
            self._conversation.call.meter.save()
        await self._conversation.attempt.ports.journal.durable()
        hit("agent.called")
        return row

    def announced(self, tool: AgentTool) -> StepExecution:
        """Queue the record of a call that begins; raises `StepError` at a limit."""
        conversation = self._conversation
        row = conversation.opened(self.number, tool.call.name, self.arguments)
        if row.try_number > MAX_CRASHES:
            message = f"the server died {MAX_CRASHES} times during this call of {tool.call.name}"
            raise StepError(message, error_name="crashed")
        conversation.call.meter.call_tool()
        data = {"tool": tool.call.name, "arguments": self.arguments}
        conversation.attempt.append(row, conversation.tell("agent.tool-called", data))
        return row

    # --- the call itself -------------------------------------------------------------------------------------------

    async def _made(self, tool: AgentTool, row: StepExecution) -> Json:
        """Return the result; raises `_Failed`."""
        call, name = self._conversation.call, tool.call.name
        about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        with call.attempt.ports.tracing.span(f"execute_tool {name}", "internal", about) as span:
            try:
                return await self._result(tool, row, span.traceparent)
            except StepError as error:
                if error.error_name in _ENDS_THE_STEP:
                    raise
                span.failed(error.error_name)
                raise _Failed(error.error_name, error.message) from error

    async def _result(self, tool: AgentTool, row: StepExecution, span: str | None) -> Json:
        call = self._conversation.call
        if tool.call.kind in tasks.KINDS:
            return await tasks.used(self.talk, tool, row, self.number, span)
        if tool.call.kind == "stage":
            return await call.nodes["luigi"](self._below(tool, row))
        return await call.attempt.ports.tools.call(
            ToolCall(
                binding=tool.call,
                arguments=self.arguments,
                secrets=tool.auth,
                idempotency_key=row.idempotency_key,
                timeout_seconds=self._seconds,
                run_id=call.attempt.run.id,
                step=call.step_id,
            )
        )

    @property
    def _seconds(self) -> float | None:
        """Return how much time of the step's own one call may take."""
        return self._conversation.call.program.step.timeout_seconds

    def _below(self, tool: AgentTool, row: StepExecution) -> NodeCall:
        """Return the call of a stage as if it were a step: with a visit of its own, so that calls don't meet."""
        call = self._conversation.call
        own = call.program.step
        step = Step(id=own.id, verb="luigi", path=own.path, call=tool.call, mask=own.mask)
        visit = f"{call.visit.id}:{self._conversation.prefix}.{self.number}"
        execution = replace(call.execution, visit=visit, task="", idempotency_key=row.idempotency_key)
        return replace(
            call,
            program=replace(call.program, step=step, result=None),
            visit=Visit(visit, call.visit.activity),
            execution=execution,
            arguments=self.arguments,
        )

    # --- after -----------------------------------------------------------------------------------------------------

    async def _ended(self, row: StepExecution, result: Json, failed: _Failed | None = None) -> Told:
        """Record the end of a call, and count it; raises `StepError` at a limit."""
        conversation = self._conversation
        try:
            kept = await conversation.kept(result, self.number)
        except (TypeError, ValueError):
            failed = _Failed("tool-failed", "what the tool returned is no JSON")
            result = f"error: {failed.message}"
            kept = {"value": result}
        ended = conversation.fail(row, failed.name, failed.message, kept) if failed else conversation.succeed(row, kept)
        seconds = round((datetime.now(UTC) - row.started_at).total_seconds(), 3)
        data: dict[str, Json] = {"tool": row.name, "seconds": seconds}
        if failed:
            data["error"] = {"name": failed.name, "message": failed.message}
        conversation.attempt.append(ended, conversation.tell("agent.tool-returned", data))
        hit("agent.returned")
        if not self.is_counted:  # it was not made, but the model wanted it
            conversation.call.meter.count(ONE_TOOL_CALL)
            conversation.call.meter.save()
        conversation.call.meter.check()
        return _told(ended, result)


def schema_for(tool: AgentTool) -> dict[str, Json]:
    """Return what the model is told that a tool takes: without what is a secret."""
    schema = dict(tool.call.parameters)
    hidden = set(tool.auth)
    if hidden:
        properties = cast("dict[str, Json]", schema.get("properties", {}))
        schema["properties"] = {name: one for name, one in properties.items() if name not in hidden}
        schema["required"] = [name for name in cast("list[str]", schema.get("required", [])) if name not in hidden]
    return {"type": "object", **schema}
