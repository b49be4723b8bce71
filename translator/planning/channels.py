"""Channels and what may be saved into them: each reducer takes values of its own shape.

`append`, `union` and `messages` take one item or a list of items: a list is joined item by item, anything else is
added as one item. `merge` takes an object, of which fields may be missing. `sum`, `min` and `max` take numbers.
"""

from collections.abc import Iterator
from typing import Any

from translator.language.document import join_pointer
from translator.language.expressions import JsonSchema
from translator.language.fitting import fits
from translator.language.problems import Problem
from translator.language.schema_walk import as_schema
from translator.planning.draft import Draft, DraftNode, NodeMap
from translator.planning.plan import Reducer

_SHAPES: dict[Reducer, JsonSchema] = {
    "append": {"type": "array"},
    "union": {"type": "array"},
    "messages": {"type": "array"},
    "merge": {"type": "object"},
    "sum": {"type": "number"},
    "min": {"type": "number"},
    "max": {"type": "number"},
}
_WHOLE = frozenset({"default", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"})
_PARTS = frozenset({"default", "required", "minProperties", "maxProperties", "dependentRequired"})
_TOTALS = frozenset({"default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const"})


def accepted(reducer: Reducer, schema: JsonSchema) -> tuple[JsonSchema, ...]:
    """Return the schemas of which a saved value must fit one; rules about the whole do not hold for a part of it."""
    if reducer in {"append", "union", "messages"}:
        return (_without(schema, _WHOLE), as_schema(schema.get("items")))
    if reducer == "merge":
        return (_without(schema, _PARTS) or {"type": "object"},)
    if reducer == "sum":
        return (_without(schema, _TOTALS) or {"type": "number"},)
    return (schema,)


def _without(schema: JsonSchema, keys: frozenset[str]) -> JsonSchema:
    return {key: value for key, value in schema.items() if key not in keys}


def check_channels(draft: Draft) -> list[Problem]:
    """Check that reducers fit their channels, and that no two nodes of a DAG race for one."""
    conflicts = [problem for one in draft.maps if one.kind == "dag" for problem in _races(draft, one)]
    repeated = {problem.path: problem for node in draft.every_node() for problem in _item_races(draft, node)}
    conflicts = [problem for problem in conflicts if problem.path not in repeated]
    return [*_reducers(draft), *conflicts, *repeated.values()]


def _reducers(draft: Draft) -> Iterator[Problem]:
    for name, channel in draft.spec.state.items():
        shape = _SHAPES.get(channel.reduce)
        if shape is not None and not fits(channel.json_schema, shape):
            message = f"`reduce: {channel.reduce}` needs a channel of type {shape['type']}"
            yield draft.at_value(join_pointer("/state", name, "reduce"), "type-mismatch", message, _suitable(shape))


def _suitable(shape: JsonSchema) -> str:
    return f"declare the channel as `type: {shape['type']}`, or take another reducer"


def _races(draft: Draft, one: NodeMap) -> Iterator[Problem]:
    """Report the second of two members that write, in themselves or deeper, a channel that has no reducer."""
    writer_of: dict[str, str] = {}
    for name, member, path in _writes(draft, one):
        channel = draft.spec.state.get(name)
        if channel is None or channel.reduce != "replace":
            continue
        if writer_of.setdefault(name, member) != member:
            message = "another node of this DAG saves into the same channel, and nothing says how the two values join"
            suggestion = "give the channel a `reduce`, such as append or merge, or let only one node save into it"
            yield draft.at_key(path, "missing-reducer", message, suggestion)


def _item_races(draft: Draft, one: DraftNode) -> Iterator[Problem]:
    """Report writes that happen for every item of a map, into a channel that has no reducer; not the map's own."""
    if not one.node.map:
        return
    inside = draft.inside.get(one)
    writes = [(name, path) for name, _, path in _writes(draft, inside)] if inside else []
    writes += [(name, one.at("set", name)) for name in one.node.set or {}]
    for name, path in writes:
        channel = draft.spec.state.get(name)
        if channel is not None and channel.reduce == "replace":
            message = "every item of the map saves into this channel, and nothing says how their values join"
            suggestion = "give the channel a `reduce`, such as append or merge, or save the result of the whole map"
            yield draft.at_key(path, "missing-reducer", message, suggestion)


def _writes(draft: Draft, one: NodeMap) -> Iterator[tuple[str, str, str]]:
    """Walk through all writes under a map: channel, the direct member that it happens in, and where it is written."""
    inside = draft.inside
    waiting: list[tuple[str, DraftNode]] = [(member.id, member) for member in reversed(one.members.values())]
    while waiting:
        member, node = waiting.pop()
        yield from ((name, member, path) for name, path, _ in writes_of(node))
        if node in inside:
            waiting.extend((member, deeper) for deeper in reversed(inside[node].members.values()))


def writes_of(one: DraftNode) -> Iterator[tuple[str, str, Any]]:
    """Walk through what a node writes itself, also when it caught an error: channel, pointer and value."""
    yield from ((name, one.at("set", name), value) for name, value in (one.node.set or {}).items())
    yield from ((name, one.at("save", name), value) for name, value in one.node.save.items())
    yield from caught_writes_of(one)


def caught_writes_of(one: DraftNode) -> Iterator[tuple[str, str, Any]]:
    """Walk through what a node writes when it caught an error: channel, pointer and value."""
    for number, entry in enumerate(one.node.catch):
        yield from ((name, one.at("catch", number, "save", name), value) for name, value in entry.save.items())
