"""Turns a plan into a LangGraph `StateGraph` in which every node of the spec is a node.

A flow becomes conditional edges. A DAG becomes one superstep: all its nodes are triggered at once, and each waits
for its own needs inside, so that none waits for its slowest layer. LangGraph's barrier joins are of no use here: inside
a cycle they end the run silently. So a block is entered by a node of its name, and left by a node called `<name>.done`,
which puts the saves of its members into the state in the order of the document.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END as GRAPH_END
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict  # LangGraph wants this one before Python 3.12

from translator.planning.plan import END, Plan, Step
from translator.reducing import combine, empty

Json = Any
GraphState = dict[str, Json]
Graph = StateGraph[Any, Any, Any, Any]
DONE = ".done"
_CHANNEL = "state."  # a node id has no dot, so no channel is ever called like a node
_GOTO = "goto"
_OVERWRITE = "__overwrite__"  # LangGraph's plain form of `Overwrite`, which strict msgpack lets pass


@dataclass(frozen=True, slots=True)
class Update:
    """What a node does to the state, and where a flow goes next."""

    saves: tuple[Mapping[str, Json], ...] = ()  # applied one after the other through the reducers
    resets: frozenset[str] = frozenset()  # emptied before the saves
    goto: str | None = None  # a node of the flow or "end"


class Stepper(Protocol):
    """What happens in the nodes of the graph. `state` maps each channel to its value."""

    async def work(self, step: Step, state: Mapping[str, Json], config: RunnableConfig) -> Update:
        """Execute a step."""
        ...

    async def enter(self, block: Step, state: Mapping[str, Json], config: RunnableConfig) -> Update:
        """Begin a block that stands in a flow."""
        ...

    async def leave(self, block: Step | None, state: Mapping[str, Json], config: RunnableConfig) -> Update:
        """End a block; None is the top-level map of a DAG workflow."""
        ...


def compile(plan: Plan, stepper: Stepper) -> Graph:  # noqa: A001 - the word of the field, always read as compiling.compile
    """Build the graph of a plan; its nodes call `stepper`. The caller compiles it with a checkpointer."""
    graph: Graph = StateGraph(_schema(plan))
    builder = _Builder(plan, stepper, graph)
    if plan.is_dag:
        builder.add_dag(None, START)
        graph.add_edge(DONE, GRAPH_END)
    else:
        for step in plan.members(None):
            builder.add_flow_node(step)
        graph.add_edge(START, plan.start or "")
    return graph


def initial_state(plan: Plan) -> GraphState:
    """Return the graph's input: every channel at its default."""
    return {_CHANNEL + name: channel.default for name, channel in plan.state.items()} | {_GOTO: ""}


def channels_of(graph_state: Mapping[str, Json]) -> dict[str, Json]:
    """Return the spec's channels out of the graph's state."""
    return {key.removeprefix(_CHANNEL): value for key, value in graph_state.items() if key.startswith(_CHANNEL)}


def apply(plan: Plan, state: Mapping[str, Json], update: Update) -> dict[str, Json]:
    """Return the channels as they are after an update."""
    after = dict(state)
    for name in update.resets:
        after[name] = empty(plan.state[name].reduce)
    for saves in update.saves:
        for name, value in saves.items():
            after[name] = combine(plan.state[name].reduce, after.get(name), value)
    return after


@dataclass(frozen=True)
class _Builder:
    plan: Plan
    stepper: Stepper
    graph: Graph

    def add_flow_node(self, step: Step) -> None:
        if step.verb == "dag":
            self._add(step.id, partial(self.stepper.enter, step))
            self.add_dag(step, step.id)
            leaver = step.id + DONE
        else:
            self._add(step.id, partial(self.stepper.work, step))
            leaver = step.id
        targets = step.transition.targets if step.transition else (END,)
        if step.verb != "fail":
            self.graph.add_conditional_edges(
                leaver, _chosen, {one: GRAPH_END if one == END else one for one in targets}
            )

    def add_dag(self, block: Step | None, entry: str) -> None:
        """Trigger all that stands in the block, however deep, from `entry`, and close it with one node."""
        closing = (block.id if block else "") + DONE
        self._add(closing, partial(self.stepper.leave, block))
        members = self._inside(block.id if block else None)
        for step in members:
            self._add(step.id, partial(self.stepper.work, step))
            self.graph.add_edge(entry, step.id)
            self.graph.add_edge(step.id, closing)
        if not members:
            self.graph.add_edge(entry, closing)

    def _inside(self, block: str | None) -> list[Step]:
        found: list[Step] = []
        for step in self.plan.members(block):
            found += [step, *(self._inside(step.id) if step.verb == "dag" else ())]
        return found

    def _add(self, name: str, act: Callable[[Mapping[str, Json], RunnableConfig], Awaitable[Update]]) -> None:
        plan = self.plan

        async def node(state: GraphState, config: RunnableConfig) -> Any:
            update = await act(channels_of(state), config)
            return _writes(plan, update)

        self.graph.add_node(name, node)  # pyright: ignore[reportArgumentType] - a dict is the state's own type


def _chosen(state: GraphState) -> str:
    return cast("str", state[_GOTO])


def _writes(plan: Plan, update: Update) -> list[Command[Any]]:
    """Translate an update into LangGraph's writes, one command for each that must keep its turn."""
    resets = set(update.resets)
    found: list[Command[Any]] = [
        Command(update={_CHANNEL + name: _write(plan, name, saves[name], resets) for name in saves})
        for saves in update.saves
    ]
    left = {_CHANNEL + name: {_OVERWRITE: empty(plan.state[name].reduce)} for name in sorted(resets)}
    found.append(Command(update=left | ({_GOTO: update.goto} if update.goto else {})))
    return found


def _write(plan: Plan, name: str, value: Json, resets: set[str]) -> Json:
    reducer = plan.state[name].reduce
    if name not in resets:
        return value
    resets.discard(name)
    return {_OVERWRITE: combine(reducer, empty(reducer), value)}


def _schema(plan: Plan) -> type[Any]:
    fields: dict[str, Any] = {_GOTO: str}
    for name, channel in plan.state.items():
        reducer = channel.reduce
        fields[_CHANNEL + name] = Any if reducer == "replace" else Annotated[Any, partial(combine, reducer)]
    return TypedDict("State", fields)  # pyright: ignore[reportArgumentType]
