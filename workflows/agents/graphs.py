"""The graph of an agent: LangChain's `create_agent`, whose calls of models and tools go through the run's records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import StructuredTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langsmith import run_helpers

from translator.planning.plan import AgentTool
from workflows.agents.answering import RecordedModel
from workflows.agents.answers import Wanted
from workflows.agents.scripted import CORRECTION
from workflows.agents.talk import Talk
from workflows.agents.tool_calls import called, schema_for
from workflows.errors import StepError

Json = Any
_MANY = 1_000_000  # supersteps: an agent's own limit of turns always comes first
_ROUNDS = 2  # the answer, and one correction of it


class _ThroughRecords(AgentMiddleware[Any, Any]):
    """Puts the run's records between the graph and its model and tools; what it needs comes with each invocation."""

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Ask the model of the agent, with its instructions."""
        talk = cast("Talk", request.runtime.context)
        system = SystemMessage(talk.instructions) if talk.instructions else None
        settings = {} if talk.binding.temperature is None else {"temperature": talk.binding.temperature}
        model = cast("BaseChatModel", RecordedModel(talk))
        return await handler(request.override(model=model, system_message=system, model_settings=settings))

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Any]]
    ) -> ToolMessage:
        """Call what was granted under this name."""
        del handler
        call = request.tool_call
        told = await called(cast("Talk", request.runtime.context), call)
        status = "error" if told.is_error else "success"
        return ToolMessage(told.text, tool_call_id=call["id"], name=call["name"], status=status)


def build(tools: tuple[AgentTool, ...], wanted: Wanted) -> Any:
    """Return the compiled graph; raises `StepError` when a schema cannot be a tool's."""
    schema = wanted.tool_schema
    given: Any = ToolStrategy[Any](schema, tool_message_content="The result was given.") if schema else None
    return create_agent(
        cast("BaseChatModel", RecordedModel(None)),
        [_tool(one) for one in tools],
        middleware=[_ThroughRecords()],
        response_format=given,
    )


def _tool(tool: AgentTool) -> StructuredTool:
    """Return what tells the model of a tool; it is called by the middleware."""

    async def call(**arguments: Json) -> Json:
        raise StepError(f"{tool.name} was called beside the records: {sorted(arguments)}", error_name="agent-failed")

    return StructuredTool(
        name=tool.name,
        description=tool.description or tool.call.name,
        args_schema=schema_for(tool),
        coroutine=call,
    )


async def converse(graph: Any, talk: Talk, wanted: Wanted, given: str, history: list[Json]) -> tuple[Json, list[Json]]:
    """Return the agent's result, and all that was said; raises `StepError`s and `Quiet`."""
    messages: list[BaseMessage] = [*messages_from_dict(history), HumanMessage(given)]
    wrong: str | None = None
    for _ in range(_ROUNDS):
        after = await _invoked(graph, talk, messages)
        messages = after["messages"]
        last = messages[-1]
        text = last.text if isinstance(last, AIMessage) else ""
        result, wrong = wanted.read(text, after.get("structured_response"))
        if wrong is None:
            return result, [message_to_dict(one) for one in messages]
        messages = [*messages, HumanMessage(wanted.correction(wrong), name=CORRECTION)]
    raise StepError(f"after one correction: {wrong}", error_name="invalid-result")


async def _invoked(graph: Any, talk: Talk, messages: list[BaseMessage]) -> dict[str, Json]:
    """Run the graph, hidden from the graph of the run around it and from its callbacks."""
    token = var_child_runnable_config.set(None)
    config: RunnableConfig = {"recursion_limit": _MANY, "callbacks": []}
    try:
        with run_helpers.tracing_context(enabled=False):
            return await graph.ainvoke({"messages": messages}, config, context=talk)
    finally:
        var_child_runnable_config.reset(token)
