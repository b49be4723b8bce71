"""The draft: a spec on its way to a plan, its maps of nodes laid out flat, and what the passes have found so far."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from translator.language.document import Document, join_pointer
from translator.language.expressions import ExpressionEngine, JsonSchema
from translator.language.model import Injection, Node, Spec, Verb, injected_id
from translator.language.problems import Problem, did_you_mean, problem_at
from translator.language.templates import CompiledValue
from translator.planning.catalog import Catalog, CatalogEntry
from translator.planning.plan import END, AgentBinding, Bound, Plan
from translator.planning.scopes import Scopes, Standing, base_scope, seen_by_others

_MOST_COMPARED = 40_000  # names that suggestions are looked for among, in one document


@dataclass(frozen=True, slots=True)
class Way:
    """From one node to another: a target of a flow, or a need of a DAG (from the needed to the one that needs it).

    `path` is where the text says so, `word` what it says there: the name of the other node.
    """

    source: str
    target: str
    path: str
    word: str


@dataclass(frozen=True, slots=True, eq=False)
class DraftNode:
    """A node, where it stands, and the map that it belongs to."""

    id: str
    path: str
    node: Node
    verb: Verb
    map: "NodeMap"
    injection: Injection | None = None  # around which tasks of the stage it runs, when it is injected into one

    def at(self, *keys: str | int) -> str:
        """Return the pointer to something in the node."""
        return join_pointer(self.path, *keys)


@dataclass(eq=False)
class NodeMap:
    """A map of nodes: a flow with a start, or a DAG. `owner` is the block that it is the inside of."""

    path: str
    kind: Literal["flow", "dag"]
    start: str | None
    owner: DraftNode | None = None
    is_final: bool = False  # the map under `finally`
    members: dict[str, DraftNode] = field(default_factory=dict[str, DraftNode])

    @property
    def start_path(self) -> str:
        """Return where `start` stands."""
        return self.path.removesuffix("nodes") + "start"

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """Return every way that the text names, in its order, known or not; ways to the end too."""
        if self.kind == "flow":
            return tuple(
                Way(one.id, to, one.path + suffix, to)
                for one in self.members.values()
                for suffix, to in one.node.targets
            )
        return tuple(
            Way(need, one.id, one.at("needs", number), need)
            for one in self.members.values()
            for number, need in enumerate(one.node.needs or ())
        )

    @cached_property
    def known_ways(self) -> tuple[Way, ...]:
        """Return the ways between nodes of this map, and to the end."""
        known = {*self.members, END} if self.kind == "flow" else self.members
        return tuple(way for way in self.ways if way.word in known)

    @cached_property
    def graph(self) -> dict[str, list[str]]:
        """Return who leads to whom; the end is a node of it, and a DAG ends when all its nodes have."""
        ends = [] if self.kind == "flow" else [END]
        following: dict[str, list[str]] = {name: [*ends] for name in self.members} | {END: []}
        for way in self.known_ways:
            following[way.source].append(way.target)
        return {name: list(dict.fromkeys(targets)) for name, targets in following.items()}

    @property
    def has_broken_ways(self) -> bool:
        """Tell whether a way leads to a node that is not there."""
        return len(self.known_ways) < len(self.ways)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the expressions of one place read. `node` is None for the outputs of the workflow."""

    path: str
    value: Any
    node: DraftNode | None
    is_after: bool  # the node's own result is there already
    references: frozenset[tuple[str, ...]]


@dataclass(eq=False)
class Draft:
    """A spec with what the passes add to it. Without a catalog only what the text tells is known."""

    spec: Spec
    document: Document
    engine: ExpressionEngine
    catalog: Catalog | None
    maps: tuple[NodeMap, ...]
    entries: dict[str, CatalogEntry] = field(default_factory=dict[str, CatalogEntry])  # by node id
    agents: dict[str, AgentBinding] = field(default_factory=dict[str, AgentBinding])  # by node id
    granted: dict[str, CatalogEntry | Problem] = field(
        default_factory=dict[str, CatalogEntry | Problem]
    )  # workflows that agents may call or start, by reference
    results: dict[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])  # by node id
    readings: list[Reading] = field(default_factory=list[Reading])
    bounds: list[Bound] = field(default_factory=list[Bound])
    items: dict[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])  # of one item of each map, by node id
    compiled: dict[tuple[str, int], CompiledValue] = field(
        default_factory=dict[tuple[str, int], CompiledValue]
    )  # by text, and the scope that it was compiled in
    called: dict[str, Plan] = field(default_factory=dict[str, Plan])  # plans of workflows, at any depth, by digest
    outputs: dict[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])  # what is known of each
    visits: dict[str, int | None] = field(
        default_factory=dict[str, int | None]
    )  # of nodes on cycles, each time that the flow is entered, at most; None: nobody knows
    _compared: int = 0

    def did_you_mean(self, word: str, choices: Collection[str]) -> str | None:
        """Return the sentence that suggests the nearest choice; none after many, as only 50 problems are ever shown."""
        self._compared += len(choices)
        return did_you_mean(word, choices) if self._compared <= _MOST_COMPARED else None

    @cached_property
    def nodes(self) -> dict[str, DraftNode]:
        """Return all nodes by id, in the order of the document; of several with one id, the first."""
        found: dict[str, DraftNode] = {}
        for node in self.every_node():
            found.setdefault(node.id, node)
        return found

    @cached_property
    def inside(self) -> dict[DraftNode, NodeMap]:
        """Return the map inside each block."""
        return {one.owner: one for one in self.maps if one.owner}

    def every_node(self) -> Iterator[DraftNode]:
        """Walk through all nodes, a block before its members."""
        inside = self.inside
        waiting = [node for one in reversed(self.maps) if not one.owner for node in reversed(one.members.values())]
        while waiting:
            node = waiting.pop()
            yield node
            if node in inside:
                waiting.extend(reversed(inside[node].members.values()))

    @cached_property
    def scopes(self) -> Scopes:
        """Return what expressions see; ask only when the results of all nodes are known."""
        return Scopes(
            base_scope(
                self.inputs,
                {name: channel.json_schema for name, channel in self.spec.state.items()},
                [name for name, channel in self.spec.state.items() if channel.default is not None],
                {name: self._seen(one) for name, one in self.nodes.items()},
                self.spec.secrets,
            ),
            {name: self._standing(one) for name, one in self.nodes.items()},
            self.items,
        )

    def _seen(self, one: DraftNode) -> JsonSchema:
        caught = [entry.result for entry in one.node.catch]
        return seen_by_others(self.results[one.id], caught, is_enforced=one.node.result is not None)

    def _standing(self, one: DraftNode) -> Standing:
        node, entry = one.node, self.entries.get(one.id)
        return Standing(
            around=one.map.owner.id if one.map.owner else None,
            each=node.map.each if node.map else None,
            is_injected=one.injection is not None,
            result=self.results[one.id],
            polled=entry.result if entry and entry.kind == "tool" else {},
            goes_on_caught=any(entry.to is None for entry in node.catch),
        )

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Return the schema of the inputs: a closed object, whose fields are required unless they have a default."""
        from translator.language.schemas import inputs_schema  # noqa: PLC0415 - jsonschema loads slowly

        return inputs_schema(self.spec)

    @property
    def top(self) -> NodeMap:
        """Return the map of the workflow itself."""
        return self.maps[0]

    def at_key(self, path: str, name: str, message: str, suggestion: str | None = None) -> Problem:
        """Make a problem that is shown at the key that `path` ends with."""
        return problem_at(self.document.key_position(path), name, message, path, suggestion)

    def at_value(self, path: str, name: str, message: str, suggestion: str | None = None) -> Problem:
        """Make a problem that is shown where the value at `path` starts."""
        return problem_at(self.document.value_position(path), name, message, path, suggestion)

    def lacking(self, path: str, name: str, message: str, suggestion: str | None = None) -> Problem:
        """Make a problem about something that the mapping or list at `path` lacks."""
        return problem_at(self.document.place(path), name, message, path, suggestion)


def draft(spec: Spec, document: Document, engine: ExpressionEngine, catalog: Catalog | None) -> Draft:
    """Lay out the maps of a spec: the top one first, then blocks as they stand in the text, then `finally`."""
    maps: list[NodeMap] = []
    top = NodeMap("/nodes", _kind_of_top(spec, document), spec.start)
    _fill(top, spec.nodes, maps)
    if spec.finally_:
        _fill(NodeMap("/finally", "dag", None, is_final=True), spec.finally_, maps)
    return Draft(spec, document, engine, catalog, tuple(maps))


def _fill(one: NodeMap, nodes: dict[str, Node], maps: list[NodeMap]) -> None:
    maps.append(one)
    for name, node in nodes.items():
        _add(one, DraftNode(name, join_pointer(one.path, name), node, node.verb, one), maps)


def _add(one: NodeMap, member: DraftNode, maps: list[NodeMap]) -> None:
    """Put a node into its map, and lay out what is inside it."""
    one.members[member.id], node = member, member.node
    if node.dag is not None:
        _fill(NodeMap(member.at("dag"), "dag", None, member, one.is_final), node.dag, maps)
    elif node.flow is not None:
        inside = NodeMap(member.at("flow", "nodes"), "flow", node.flow.start, member, one.is_final)
        _fill(inside, node.flow.nodes, maps)
    elif node.inject:
        _inject(NodeMap(member.at("inject"), "dag", None, member, one.is_final), node.inject, maps)


def _inject(one: NodeMap, injections: tuple[Injection, ...], maps: list[NodeMap]) -> None:
    """Lay out the nodes that are injected into a stage: members of it, of which none needs another."""
    maps.append(one)
    for number, injection in enumerate(injections):
        name = injection.id or injected_id(one.owner.id if one.owner else "", number, injection.moment)
        path = join_pointer(one.path, number, "node")
        _add(one, DraftNode(name, path, injection.node, injection.node.verb, one, injection), maps)


def contradictions(one: NodeMap, kind: Literal["flow", "dag"]) -> Iterator[str]:
    """Walk through the keys in a map that a flow, or a DAG, cannot have, as pointers."""
    if kind == "dag" and one.start is not None:
        yield one.start_path
    for member in one.members.values():
        node = member.node
        if kind == "dag" and node.next is not None:
            yield member.at("next")
        if kind == "flow" and node.needs is not None:
            yield member.at("needs")
        if kind == "flow" and node.when is not None:
            yield member.at("when")


def _kind_of_top(spec: Spec, document: Document) -> Literal["flow", "dag"]:
    """Tell by the first key in the text that only one of the two has; a map without any is a DAG."""
    probe = NodeMap("/nodes", "dag", spec.start)
    probe.members = {name: DraftNode(name, f"/nodes/{name}", node, "set", probe) for name, node in spec.nodes.items()}
    of_flows = list(contradictions(probe, "dag"))
    of_dags = list(contradictions(probe, "flow"))
    if not of_flows or not of_dags:
        return "flow" if of_flows else "dag"
    first_of_flows = min(document.key_position(path) for path in of_flows)
    first_of_dags = min(document.key_position(path) for path in of_dags)
    return "flow" if first_of_flows < first_of_dags else "dag"
