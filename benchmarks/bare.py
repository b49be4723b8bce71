"""The peer of a run over HTTP: the same LangGraph graph awaited in a bare FastAPI route, nothing stored.

python -m benchmarks.bare PORT NODES
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from benchmarks.tools_that_do_nothing import nothing


class State(TypedDict):
    """What the graph passes on."""

    text: str


def app(nodes: int) -> FastAPI:
    """Build the graph and its one route."""
    graph: Any = StateGraph(State)

    async def node(state: State, config: RunnableConfig) -> dict[str, str]:
        return await nothing.ainvoke({"text": state["text"]}, config)

    for number in range(nodes):
        graph.add_node(f"n{number}", node)
        graph.add_edge(f"n{number - 1}" if number else START, f"n{number}")
    graph.add_edge(f"n{nodes - 1}", END)
    compiled = graph.compile()
    service = FastAPI()

    @service.post("/execute")
    async def execute(body: dict[str, Any]) -> dict[str, Any]:
        return await compiled.ainvoke(body["inputs"])

    return service


if __name__ == "__main__":
    uvicorn.run(app(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
