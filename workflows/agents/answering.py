"""An answer of a model: given back when it is recorded, else streamed, counted as it comes, and recorded."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    SystemMessage,
    ToolCall,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.utils import message_chunk_to_message
from langchain_core.runnables import RunnableBinding

from workflows.agents.answers import UNREADABLE
from workflows.agents.conversation import shortened
from workflows.agents.failures import TooLarge, as_step_error
from workflows.agents.talk import TALK, Talk
from workflows.agents.tool_calls import begin
from workflows.errors import StepError
from workflows.usage import NOTHING, Usage, usage_of

Json = Any
_PATIENCE = 0.1  # seconds between two attempts to stop a call
_LONGEST = 2000  # characters of arguments that are no JSON
_CHARACTERS_OF_A_TOKEN = 4  # about, in English
ESTIMATED = "estimated_tokens"
"""Under `unknown` of a usage: how many of its tokens nobody has told."""


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """Stands before the model of the agent that is at work: what that answered already is not asked again.

    It has what the graph uses of a model and is none itself: a second one would cost more than all the recording.
    """

    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def bind_tools(self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any) -> RecordedModel:
        """Return this with what the model itself makes of the tools, which are the same in all turns."""
        talk = TALK.get()
        if talk.bound is None:
            bound = talk.model.bind_tools(tools, tool_choice=tool_choice, **kwargs)
            talk.bound = cast("RunnableBinding[Any, Any]", bound).kwargs
        return RecordedModel(talk.bound)

    def bind(self, **kwargs: Any) -> RecordedModel:
        """Return this with options for each call."""
        return RecordedModel(kwargs)

    async def ainvoke(self, messages: list[BaseMessage]) -> AIMessage:
        """Return the next answer of the conversation; raises `StepError`s, and `Quiet` when the server stops."""
        talk = TALK.get()
        temperature = talk.binding.temperature
        options = self.options if temperature is None else {**self.options, "temperature": temperature}
        said = [SystemMessage(talk.instructions), *messages] if talk.instructions else messages
        return await answered(talk, talk.model, said, options)


async def answered(talk: Talk, model: Any, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
    """Return the next answer of the conversation, recorded or asked for now; raises `StepError`s."""
    conversation = talk.conversation
    number = str(talk.next_turn())
    before = conversation.recorded(number)
    if before is not None:
        message = cast("AIMessage", messages_from_dict([await conversation.attempt.result(before)])[0])
    else:
        row = conversation.opened(number, talk.card.name)
        message, usage = await _asked(talk, model, messages, options)
        _number_calls(message, conversation.turn, set(conversation.calls))
        kept = await conversation.kept(message_to_dict(message), number)
        data: dict[str, Json] = {"role": "assistant", "text": shortened(message.text)}
        if message.tool_calls:
            data["tool_calls"] = [{"tool": one["name"], "arguments": one["args"]} for one in message.tool_calls]
        data["usage"] = usage.as_json()
        conversation.attempt.append(conversation.succeed(row, kept), conversation.tell("agent.message", data))
    talk.expect(message.tool_calls)
    if before is None:
        begin(talk, message.tool_calls)
        conversation.call.meter.save()  # with the answer and the calls: they are written together, or not at all
        if talk.begun:
            talk.hurry()
    return message


async def _asked(
    talk: Talk, model: Any, messages: list[BaseMessage], options: Mapping[str, Any]
) -> tuple[AIMessage, Usage]:
    """Ask the model, and count what that takes however it ends."""
    call, card = talk.conversation.call, talk.card
    call.meter.allow()
    counted, began = _Counted(talk), time.monotonic()
    tracing = call.attempt.ports.tracing
    about = {"gen_ai.operation.name": "chat", "gen_ai.request.model": card.model or card.name}
    with tracing.span(f"chat {card.model or card.name}", "client", about) as span:
        try:
            async with asyncio.timeout(card.seconds):
                message = await _insisting(counted.message(model, messages, options))
        except TimeoutError as late:
            message = f"the model {card.name} took longer than {card.seconds:g} s"
            error = StepError(message, error_name="timeout")
            span.failed(error.error_name)
            counted.end(began, messages)
            raise error from late
        except asyncio.CancelledError:
            with suppress(StepError):  # that it is too much says nothing to whoever stops the agent
                counted.end(began, messages)
            raise
        except Exception as broken:  # noqa: BLE001 - every provider raises its own
            error = as_step_error(broken, card, talk.scrubber)
            span.failed(error.error_name)
            counted.end(began, messages)
            raise error from None
        counted.end(began, messages)
        used = counted.usage
        span.set({"gen_ai.usage.input_tokens": used.tokens_in, "gen_ai.usage.output_tokens": used.tokens_out})
    return message, counted.usage


async def _insisting(work: Coroutine[Any, Any, AIMessage]) -> AIMessage:
    """Await work in a task of its own, and stop that for certain when this is cancelled.

    An HTTP client that is about to connect may swallow a cancellation, and go on to read an answer without an end.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody reports it as lost
        raise
    return task.result()


class _Counted:
    """Takes an answer piece by piece and counts what it uses; stops it where that is more than is allowed."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._characters = 0  # of the answer so far
        self._is_told = False  # how many tokens it took
        self.usage = NOTHING

    def add(self, usage: Usage) -> None:
        """Count; raises `StepError` when it is too much."""
        self.usage += usage
        self._talk.conversation.call.meter.add(usage)

    def end(self, began: float, messages: Sequence[BaseMessage]) -> None:
        """Count the call itself, which began at a moment and ends now; raises `StepError` when it is too much.

        Where an answer came, or a part of one, and no tokens were told, they are estimated, so that limits hold for
        streams that break off and for servers that count nothing.
        """
        milliseconds = round((time.monotonic() - began) * 1000, 3)
        taken = Usage(model_calls=1, latency_ms=milliseconds, models=(self._talk.card.name,))
        if self._characters and not self._is_told:
            taken += self._estimated(messages)
        self.add(taken)

    def _estimated(self, messages: Sequence[BaseMessage]) -> Usage:
        asked = sum(len(one.text) for one in messages)
        tokens_in, tokens_out = (math.ceil(one / _CHARACTERS_OF_A_TOKEN) for one in (asked, self._characters))
        told = {"input_tokens": tokens_in, "output_tokens": tokens_out, ESTIMATED: tokens_in + tokens_out}
        return usage_of(told, price=self._talk.card.price)

    async def message(self, model: Any, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Return the whole answer."""
        if not self._talk.card.streaming:
            answer = cast("AIMessage", await model.ainvoke(messages, **options))
            self._take(len(answer.text) + sum(len(json.dumps(one["args"])) for one in answer.tool_calls))
            self._count(answer)
            return answer
        pieces: list[AIMessageChunk] = []
        stream = cast("AsyncGenerator[AIMessageChunk]", model.astream(messages, **options))
        async with aclosing(stream):  # what is cut is hung up on at once: else the server would go on
            async for piece in stream:
                self._take(len(piece.text) + sum(len(one["args"] or "") for one in piece.tool_call_chunks))
                self._count(piece)
                pieces.append(piece)
        whole = add_ai_message_chunks(pieces[0], *pieces[1:])
        return cast("AIMessage", message_chunk_to_message(whole))

    def _take(self, characters: int) -> None:
        card = self._talk.card
        self._characters += characters
        if self._characters > card.max_bytes:
            raise TooLarge(card.name, card.max_bytes)

    def _count(self, piece: AIMessage) -> None:
        """Count what a piece reports: some servers tell what came since, others what it is altogether."""
        if not piece.usage_metadata:
            return
        card, self._is_told = self._talk.card, True
        told = usage_of(piece.usage_metadata, price=card.price)
        if 0 < self.usage.tokens_in <= told.tokens_in:
            told = usage_of(
                {
                    "input_tokens": told.tokens_in - self.usage.tokens_in,
                    "output_tokens": max(0, told.tokens_out - self.usage.tokens_out),
                    "input_token_details": {"cache_read": max(0, told.cached_tokens - self.usage.cached_tokens)},
                },
                price=card.price,
            )
        if told:
            self.add(told)


def _number_calls(message: AIMessage, turn: int, known: set[str]) -> None:
    """Give each call of a tool an id of its own, and make calls of those whose arguments are no JSON."""
    calls = list(message.tool_calls)
    for broken in message.invalid_tool_calls:
        arguments = {UNREADABLE: (broken["args"] or "")[:_LONGEST]}
        calls.append(ToolCall(name=broken["name"] or "", args=arguments, id=broken["id"], type="tool_call"))
    for place, one in enumerate(calls):
        if not one["id"] or one["id"] in known:
            calls[place] = ToolCall(name=one["name"], args=one["args"], id=f"call-{turn}-{place + 1}", type="tool_call")
        known.add(calls[place]["id"] or "")
    message.tool_calls, message.invalid_tool_calls = calls, []
    message.additional_kwargs.pop("tool_calls", None)  # the same in the provider's words; ids and all are old there
