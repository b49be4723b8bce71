"""The graph of an agent: LangChain's `create_agent`, whose calls of models and tools go through the run's records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import StructuredTool
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolNode
from langsmith import run_helpers

from translator.language.schemas import Validator
from translator.planning.plan import AgentTool
from workflows.agents.answering import RecordedModel
from workflows.agents.answers import Wanted
from workflows.agents.scripted import CORRECTION
from workflows.agents.talk import TALK, Talk
from workflows.agents.tool_calls import called, schema_for
from workflows.errors import StepError

Json = Any
_MANY = 1_000_000  # supersteps: an agent's own limit of turns always comes first
_ROUNDS = 2  # the answer, and one correction of it


class _WithTools(AgentMiddleware[Any, Any]):
    """Gives the graph a node for calls of tools, whatever is granted; what is in it is replaced."""

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Any]]
    ) -> ToolMessage:
        """Refuse: this stands in a node that is never run."""
        del handler
        raise StepError(f"{request.tool_call['name']} was called beside the records", error_name="agent-failed")


async def _through_records(request: ToolCallRequest, _: Callable[[ToolCallRequest], Awaitable[Any]]) -> ToolMessage:
    """Call what was granted under this name."""
    call = request.tool_call
    told = await called(TALK.get(), call)
    status = "error" if told.is_error else "success"
    return ToolMessage(told.text, tool_call_id=call["id"], name=call["name"], status=status)


@dataclass(frozen=True, slots=True)
class Built:
    """What of an agent is the same whenever it works."""

    graph: Any
    validators: Mapping[str, Validator]  # of the arguments of its tools, by the names that models see


def build(tools: tuple[AgentTool, ...], wanted: Wanted) -> Built:
    """Return the compiled graph of an agent; raises `StepError` when a schema cannot be a tool's.

    A middleware would be told of each call, too, but LangChain hands all calls of middlewares to LangSmith, whether
    that listens or not, over two other threads each: that took as long as all the recording.
    """
    schema = wanted.tool_schema
    given: Any = ToolStrategy[Any](schema, tool_message_content="The result was given.") if schema else None
    granted = [_tool(one) for one in tools]
    model = cast("BaseChatModel", RecordedModel())
    graph = cast("Any", create_agent(model, granted, middleware=[_WithTools()], response_format=given))
    node = ToolNode(granted, awrap_tool_call=_through_records)
    graph.nodes["tools"] = graph.nodes["tools"].copy({"bound": node})
    _choose_without_threads(graph)
    return Built(graph, {one.name: Validator(schema_for(one), {}) for one in tools})


def _choose_without_threads(graph: Any) -> None:
    """Have the ways of a graph chosen where it runs: LangGraph hands a plain function to a thread, and traces it."""
    for ways in graph.builder.branches.values():
        for way in ways.values():
            way.path.afunc, way.path.trace = None, False


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
    token, talking = var_child_runnable_config.set(None), TALK.set(talk)
    config: RunnableConfig = {"recursion_limit": _MANY, "callbacks": []}
    try:
        with run_helpers.tracing_context(enabled=False):
            return await graph.ainvoke({"messages": messages}, config)
    finally:
        TALK.reset(talking)
        var_child_runnable_config.reset(token)
