"""Turns a plan into a LangGraph `StateGraph` in which every node of the spec is a node.

A flow becomes conditional edges. A DAG becomes one superstep: all its nodes are triggered at once, and each waits
for its own needs inside, so that none waits for its slowest layer. LangGraph's barrier joins are of no use here: inside
a cycle they end the run silently. What lies inside a block is a graph of its own, which the block's node calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Annotated, Any, Protocol, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END as GRAPH_END
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from typing_extensions import TypedDict  # LangGraph wants this one before Python 3.12

from translator.planning.plan import END, Plan, Step
from translator.reducing import combine, empty

Json = Any
GraphState = dict[str, Json]
Graph = StateGraph[Any, Any, Any, Any]
Inside = CompiledStateGraph[Any, Any, Any, Any]
DONE = ".done"
_CHANNEL = "state."  # a node id has no dot, so no channel is ever called like a node
_GOTO = "goto"
_OVERWRITE = "__overwrite__"  # LangGraph's plain form of `Overwrite`, which strict msgpack lets pass
_BLOCKS = frozenset({"dag", "flow"})


@dataclass(frozen=True, slots=True)
class Change:
    """What one step does to the state: channels are emptied, then values are saved through the reducers."""

    saves: Mapping[str, Json] = field(default_factory=dict[str, Json])
    resets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Update:
    """What a node of the graph does to the state, change after change, and where a flow goes next."""

    changes: tuple[Change, ...] = ()
    goto: str | None = None  # a node of the flow or "end"


class Stepper(Protocol):
    """What happens in the nodes of the graph. `state` maps each channel to its value."""

    async def work(
        self, step: Step, inside: Inside | None, state: Mapping[str, Json], config: RunnableConfig
    ) -> Update:
        """Execute a step; `inside` is the graph of what it holds."""
        ...

    async def leave(self, state: Mapping[str, Json], config: RunnableConfig) -> Update:
        """End the DAG that a workflow is."""
        ...


def compile(plan: Plan, stepper: Stepper) -> Graph:  # noqa: A001 - the word of the field, always read as compiling.compile
    """Build the graph of a plan; its nodes call `stepper`. The caller compiles it with a checkpointer."""
    builder = _Builder(plan, stepper, plan.workflows)
    graph = builder.body(None)
    if plan.is_dag:
        builder.add_leaver(graph)
    return graph


def compile_inside(plan: Plan, body: str, stepper: Stepper) -> Inside:
    """Compile the graph of what is inside a block, or under `finally`, to be called by a node."""
    return _Builder(plan, stepper, plan.workflows).inside(body)


def initial_state(plan: Plan) -> GraphState:
    """Return the graph's input: every channel at its default."""
    return graph_state({name: channel.default for name, channel in plan.state.items()})


def graph_state(channels: Mapping[str, Json], goto: str = "") -> GraphState:
    """Return the input of a graph that starts with these values in its channels, with the injected node `goto`."""
    return {_CHANNEL + name: value for name, value in channels.items()} | {_GOTO: goto}


def channels_of(graph_state: Mapping[str, Json]) -> dict[str, Json]:
    """Return the spec's channels out of the graph's state."""
    return {key.removeprefix(_CHANNEL): value for key, value in graph_state.items() if key.startswith(_CHANNEL)}


def apply(plan: Plan, state: Mapping[str, Json], update: Update) -> dict[str, Json]:
    """Return the channels as they are after an update."""
    after = dict(state)
    for change in update.changes:
        for name in change.resets:
            after[name] = empty(plan.state[name].reduce)
        for name, value in change.saves.items():
            after[name] = combine(plan.state[name].reduce, after.get(name), value)
    return after


@dataclass(frozen=True)
class _Builder:
    plan: Plan
    stepper: Stepper
    workflows: Mapping[str, Plan]  # what is called, at any depth, by digest

    @cached_property
    def stages_with_nodes(self) -> frozenset[str | None]:
        """Return the stages into which nodes are injected."""
        return frozenset(step.block for step in self.plan.steps if step.injected)

    def body(self, body: str | None) -> Graph:
        """Build the graph of one map of nodes."""
        graph: Graph = StateGraph(_schema(self.plan))
        members = self.plan.members(body)
        start = self._start(body)
        if members and members[0].injected:  # one at a time, when its task comes
            graph.add_conditional_edges(START, _chosen, {step.id: step.id for step in members})
        for step in members:
            self._add(graph, step)
            if step.injected:
                continue
            if start is None:
                graph.add_edge(START, step.id)
            elif step.verb != "fail" or step.catch:
                graph.add_conditional_edges(step.id, _chosen, _ways(step))
        if start is not None or not members:
            graph.add_edge(START, start or GRAPH_END)
        return graph

    def _start(self, body: str | None) -> str | None:
        if body is None:
            return None if self.plan.is_dag else self.plan.start
        return next((step.start for step in self.plan.steps if step.id == body), None)

    def add_leaver(self, graph: Graph) -> None:
        """Close the top-level DAG with a node that puts the saves of its members into the state."""
        plan, stepper = self.plan, self.stepper

        async def leave(state: GraphState, config: RunnableConfig) -> Any:
            channels = channels_of(state)
            return _writes(plan, channels, await stepper.leave(channels, config))

        graph.add_node(DONE, leave)  # pyright: ignore[reportArgumentType] - a dict is the state's own type
        for step in plan.members(None):
            graph.add_edge(step.id, DONE)
        graph.add_edge(DONE, GRAPH_END)

    def inside(self, body: str | None) -> Inside:
        return self.body(body).compile(checkpointer=False)

    def _held(self, step: Step) -> Inside | None:
        """Compile what a step holds."""
        if step.verb in _BLOCKS or step.id in self.stages_with_nodes:
            return self.inside(step.id)
        if step.verb == "workflow" and step.call:
            return _Builder(self.workflows[step.call.source_digest], self.stepper, self.workflows).inside(None)
        return None

    def _add(self, graph: Graph, step: Step) -> None:
        plan, stepper = self.plan, self.stepper
        inside = self._held(step)  # in the closure of its node, where LangGraph finds a subgraph to show

        async def node(state: GraphState, config: RunnableConfig) -> Any:
            channels = channels_of(state)
            return _writes(plan, channels, await stepper.work(step, inside, channels, config))

        graph.add_node(step.id, node)  # pyright: ignore[reportArgumentType] - a dict is the state's own type


def _ways(step: Step) -> dict[Any, str]:
    targets = [
        *(step.transition.targets if step.transition else ()),
        *(one.to for one in step.catch if one.to),
        *step.among,
    ]
    return {one: GRAPH_END if one == END else one for one in targets or [END]}


def _chosen(state: GraphState) -> str:
    return cast("str", state[_GOTO])


def _writes(plan: Plan, state: Mapping[str, Json], update: Update) -> list[Command[Any]]:
    """Translate an update into LangGraph's writes: one by one through a reducer, else what is left at the end."""
    replaced = {name for change in update.changes for name in change.saves if plan.state[name].reduce == "replace"}
    emptied = {name for change in update.changes for name in change.resets}
    found: list[Command[Any]] = []
    for change in update.changes:
        kept = {_CHANNEL + name: change.saves[name] for name in change.saves if name not in replaced | emptied}
        found += [Command(update=kept)] if kept else []
    after = apply(plan, state, update) if replaced or emptied else {}
    last: GraphState = {_CHANNEL + name: after[name] for name in sorted(replaced)}
    last |= {_CHANNEL + name: {_OVERWRITE: after[name]} for name in sorted(emptied - replaced)}
    found.append(Command(update=last | ({_GOTO: update.goto} if update.goto else {})))
    return found


def _schema(plan: Plan) -> type[Any]:
    fields: dict[str, Any] = {_GOTO: str}
    for name, channel in plan.state.items():
        reducer = channel.reduce
        fields[_CHANNEL + name] = Any if reducer == "replace" else Annotated[Any, partial(combine, reducer)]
    return TypedDict("State", fields)  # pyright: ignore[reportArgumentType]
