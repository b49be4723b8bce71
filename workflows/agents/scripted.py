"""The model that needs no provider: it answers from the script of its table in the catalog, always in the same way.

Which answer comes is read off the conversation alone, so that it is the same on resume, after a crash and beside
others. Values of answers may be computed from what was said: `"${ input.topic }"`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from translator.language.expressions import ExpressionEngine, ExpressionError, Scope
from translator.language.templates import compile_value
from translator.planning.agents import RESULT
from workflows.agents.cards import ModelCard, ScriptedAnswer
from workflows.errors import StepError

Json = Any
CORRECTION = "correction"
"""The name of messages that ask for a better answer: they begin no conversation."""

_PIECES = re.compile(r"\S+\s*|\s+")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_SCOPE = Scope({"input": {}, "last": {}, "turn": {"type": "integer"}, "tools": {"type": "array"}})


class ScriptedModel(BaseChatModel):
    """Answers from a script. An entry with `when` is given where that holds; the others one after the other."""

    card: ModelCard
    expressions: Any
    streaming: bool = True  # how it answers when it is awaited, as models of providers have it
    _compiled: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with the tools that it may call."""
        del tool_choice
        names = [convert_to_openai_tool(tool)["function"]["name"] for tool in tools]
        return cast("Runnable[LanguageModelInput, AIMessage]", self.bind(tools=names, **kwargs))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[str] = (),
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del stop, run_manager, kwargs
        seen = _seen(messages, tools)
        answer = self._chosen(seen)
        if answer.error is not None:
            raise StepError("as the script says", error_name=answer.error)
        text, calls = self._said(answer, seen, tools)
        for piece in _PIECES.findall(text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
            await asyncio.sleep(answer.seconds)
        if calls:
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=_chunks(calls, seen["turn"])))
        tokens_in = answer.tokens_in if answer.tokens_in is not None else sum(_words(one.text) for one in messages)
        words = _words(text) + sum(_words(json.dumps(arguments)) + 1 for _, arguments in calls)
        tokens_out = answer.tokens_out if answer.tokens_out is not None else words
        usage = UsageMetadata(input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=tokens_in + tokens_out)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))

    def _chosen(self, seen: dict[str, Json]) -> ScriptedAnswer:
        """Return the first answer whose `when` holds, else the next of those without."""
        plain: list[ScriptedAnswer] = []
        for answer in self.card.script:
            if answer.when is None:
                plain.append(answer)
            elif self._value(answer.when, seen) is True:
                return answer
        if not plain:
            raise StepError(f"no answer of the model {self.card.name} fits", error_name="agent-failed")
        turn: int = seen["turn"]
        return plain[min(turn, len(plain) - 1)]

    def _said(
        self, answer: ScriptedAnswer, seen: dict[str, Json], tools: Sequence[str]
    ) -> tuple[str, list[tuple[str, Json]]]:
        """Return the text of an answer and the tools that it calls; a result is given as a tool, if there is one."""
        text = str(self._value(answer.text, seen)) if answer.text is not None else ""
        calls = [(_UNFIT.sub("_", one.tool), self._value(one.arguments, seen)) for one in answer.calls]
        if answer.has_value:
            value = self._value(answer.value, seen)
            if RESULT in tools:
                calls.append((RESULT, value))
            else:
                text += json.dumps(value, ensure_ascii=False)
        return text, calls

    def _value(self, value: Json, seen: dict[str, Json]) -> Json:
        """Evaluate the expressions in a value; raises `StepError`."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._compiled:
            self._compiled[key] = compile_value(value, _SCOPE, cast("ExpressionEngine", self.expressions))
        compiled = self._compiled[key]
        if compiled.problems:
            message = f"the script of the model {self.card.name}: {compiled.problems[0][1].message}"
            raise StepError(message, error_name="agent-failed")
        try:
            return compiled.evaluate(seen)
        except ExpressionError as error:
            message = f"the script of the model {self.card.name}: {error.message}"
            raise StepError(message, error_name="agent-failed") from error


def _seen(messages: Sequence[BaseMessage], tools: Sequence[str]) -> dict[str, Json]:
    """Return what expressions of the script see."""
    begins = [place for place, one in enumerate(messages) if isinstance(one, HumanMessage) and one.name != CORRECTION]
    start = begins[-1] if begins else 0
    given = messages[start].text if begins else ""
    turn = sum(isinstance(one, AIMessage) for one in messages[start:])
    last = messages[-1].text if messages else ""
    return {"input": _read(given), "last": _read(last), "turn": turn, "tools": list(tools)}


def _read(text: str) -> Json:
    """Return a text as JSON, if it is some."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _chunks(calls: Sequence[tuple[str, Json]], turn: int) -> list[ToolCallChunk]:
    return [
        ToolCallChunk(
            name=name,
            args=json.dumps(arguments, ensure_ascii=False),
            id=f"call_{turn + 1}_{number}",
            index=number,
            type="tool_call_chunk",
        )
        for number, (name, arguments) in enumerate(calls)
    ]


def _words(text: str) -> int:
    return len(text.split())
