"""Turns a plan into a LangGraph `StateGraph` in which every node of the spec is a node.

In a flow, each node says where the run goes next. A DAG becomes one superstep: all its nodes are triggered at once, and
each waits for its own needs inside, so that none waits for its slowest layer. LangGraph's barrier joins are of no use
here: inside a cycle they end the run silently. What lies inside a block is a graph of its own, which the block's node
calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Annotated, Any, Protocol, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END as GRAPH_END
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from typing_extensions import TypedDict  # LangGraph wants this one before Python 3.12

from translator.language.garbage import collector_paused
from translator.planning.plan import END, Plan, Step
from translator.reducing import combine, empty

Json = Any
GraphState = dict[str, Json]
Graph = StateGraph[Any, Any, Any, Any]
Inside = CompiledStateGraph[Any, Any, Any, Any]
DONE = ".done"
_CHANNEL = "state."  # a node id has no dot, so no channel is ever called like a node
_GOTO = "goto"  # which of the injected nodes a graph is called for
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
    with collector_paused():
        return _Builder(plan, stepper, plan.workflows, is_of_the_run=True).body(None)


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
    is_of_the_run: bool = False  # else the plan is called by another one

    @cached_property
    def stages_with_nodes(self) -> frozenset[str | None]:
        """Return the stages into which nodes are injected."""
        return frozenset(step.block for step in self.plan.steps if step.injected)

    def body(self, body: str | None) -> Graph:
        """Build the graph of one map of nodes."""
        graph: Graph = StateGraph(_schema(self.plan))
        members = self.plan.members(body)
        start = self._start(body)
        for step in members:
            self._add(graph, step, self._ways(step, body, is_in_flow=start is not None))
        if start is not None or not members:
            graph.add_edge(START, start or GRAPH_END)
        else:
            names = [step.id for step in members]
            # injected nodes run one at a time, when their task comes
            graph.add_conditional_edges(START, _chosen if members[0].injected else _all(names), names)
        if self._is_left(body):
            graph.add_node(DONE, _Node(self.plan, self.stepper.leave))
            graph.add_edge(DONE, GRAPH_END)
        return graph

    def _is_left(self, body: str | None) -> bool:
        """Tell whether the DAG that the run is has to be closed, with a node that puts saves into the state."""
        return body is None and self.plan.is_dag and self.is_of_the_run

    def _ways(self, step: Step, body: str | None, *, is_in_flow: bool) -> tuple[str, ...]:
        """Return where a step may lead to."""
        if self._is_left(body):
            return (DONE,)
        return _ways_in_flow(step) if is_in_flow else ()

    def _start(self, body: str | None) -> str | None:
        if body is None:
            return None if self.plan.is_dag else self.plan.start
        return next((step.start for step in self.plan.steps if step.id == body), None)

    def inside(self, body: str | None) -> Inside:
        return self.body(body).compile(checkpointer=False)

    def _held(self, step: Step) -> Inside | None:
        """Compile what a step holds."""
        if step.verb in _BLOCKS or step.id in self.stages_with_nodes:
            return self.inside(step.id)
        if step.verb == "workflow" and step.call:
            return _Builder(self.workflows[step.call.source_digest], self.stepper, self.workflows).inside(None)
        return None

    def _add(self, graph: Graph, step: Step, ways: tuple[str, ...]) -> None:
        act = partial(self.stepper.work, step, self._held(step))
        # not an edge each: an edge from everywhere to one node takes LangGraph as long as the nodes do
        always = DONE if ways == (DONE,) else None
        graph.add_node(step.id, _Node(self.plan, act, always), destinations=ways)


class _Node(Runnable[Any, Any]):
    """A node of the graph: what is done there, between LangGraph's words for the state and ours.

    It is no function: LangGraph would look through a function for graphs that it calls, which takes longer than all
    else that compiling a node does.
    """

    def __init__(
        self,
        plan: Plan,
        act: Callable[[Mapping[str, Json], RunnableConfig], Awaitable[Update]],
        always: str | None = None,
    ) -> None:
        self._plan = plan
        self._act = act
        self._always = always  # where it leads to, whatever is done

    def invoke(self, input: GraphState, config: RunnableConfig | None = None, **_: Json) -> Any:  # noqa: A002
        """Refuse: workflows are awaited."""
        raise NotImplementedError("a workflow is awaited: call `ainvoke`")

    async def ainvoke(self, input: GraphState, config: RunnableConfig | None = None, **_: Json) -> Any:  # noqa: A002
        """Do what is done there, and return what that writes."""
        channels = channels_of(input)
        update = await self._act(channels, config or {})
        return _writes(self._plan, channels, update, self._always or update.goto)


def _ways_in_flow(step: Step) -> tuple[str, ...]:
    """Return where a step of a flow may lead to."""
    if step.verb == "fail" and not step.catch:
        return ()
    targets = [
        *(step.transition.targets if step.transition else ()),
        *(one.to for one in step.catch if one.to),
        *step.among,
    ]
    return tuple(dict.fromkeys(map(_in_graph, targets or [END])))


def _in_graph(target: str) -> str:
    return GRAPH_END if target == END else target


async def _chosen(state: GraphState) -> str:  # LangGraph would hand a plain function to a thread
    return cast("str", state[_GOTO])


def _all(names: list[str]) -> Callable[[GraphState], Awaitable[list[str]]]:
    """Return what starts everything at once."""

    async def all_of_them(_: GraphState) -> list[str]:
        return names

    return all_of_them


def _writes(plan: Plan, state: Mapping[str, Json], update: Update, goto: str | None) -> list[Command[Any]]:
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
    found.append(Command(update=last, goto=_in_graph(goto)) if goto else Command(update=last))
    return found


def _schema(plan: Plan) -> type[Any]:
    fields: dict[str, Any] = {_GOTO: str}
    for name, channel in plan.state.items():
        reducer = channel.reduce
        fields[_CHANNEL + name] = Any if reducer == "replace" else Annotated[Any, partial(combine, reducer)]
    return TypedDict("State", fields)  # pyright: ignore[reportArgumentType]
