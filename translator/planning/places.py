"""The places of a spec where a value with expressions may stand, and what each of them accepts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from translator.language.document import join_pointer
from translator.language.expressions import JsonSchema
from translator.language.model import Node, Switch
from translator.language.schema_walk import as_schema
from translator.planning.calls import call_of
from translator.planning.channels import accepted
from translator.planning.draft import Draft, DraftNode

Role = Literal["value", "condition", "switch", "items", "time"]
Stage = Literal["items", "arguments", "until", "save", "next", "catch"]
"""When it is evaluated: before the items of a map are known, for each of them, after a poll, with the result, after
what was saved, or when an error was caught."""

_CONDITION: tuple[JsonSchema, ...] = ({"type": "boolean"},)
_LIST: tuple[JsonSchema, ...] = ({"type": "array"},)
_KEY: tuple[JsonSchema, ...] = ({"type": "string"},)
_TEXT: tuple[JsonSchema, ...] = ()  # whatever the value is, it becomes text
_AFTER: frozenset[Stage] = frozenset({"save", "next", "catch"})


@dataclass(frozen=True, slots=True)
class Place:
    """A value at a place: `accepts` are schemas of which it must fit one (none: anything goes)."""

    path: str
    value: Any
    node: DraftNode | None
    stage: Stage = "arguments"
    role: Role = "value"
    accepts: tuple[JsonSchema, ...] = ()

    @property
    def is_after(self) -> bool:
        """Tell whether the node, and what is inside it, has run by then."""
        return self.stage in _AFTER


Channels = Mapping[str, tuple[JsonSchema, ...]]


def places(draft: Draft) -> Iterator[Place]:
    """Walk through all places: the outputs, then each node's; the list of a map before what sees its items."""
    channels = {name: accepted(one.reduce, one.json_schema) for name, one in draft.spec.state.items()}
    for name, value in draft.spec.outputs.items():
        yield Place(join_pointer("/outputs", name), value, None)
    for one in draft.every_node():
        yield from _of_map(one)
        yield from _of_arguments(draft, one)
        yield from _of_writes(one, channels)
        yield from _of_injection(one)
        yield from _of_verb(one)
        yield from _of_modifiers(one)
        yield from _of_next(one)
        yield from _of_catch(one, channels)


def _of_map(one: DraftNode) -> Iterator[Place]:
    if one.node.map:
        items = one.node.map.in_
        value = items if isinstance(items, str) else list(items)
        yield Place(one.at("map", "in"), value, one, "items", role="items", accepts=_LIST)
    if one.node.when is not None:
        yield Place(one.at("when"), one.node.when, one, "items", role="condition", accepts=_CONDITION)


def _of_arguments(draft: Draft, one: DraftNode) -> Iterator[Place]:
    """Walk through the arguments of what is called; those of what takes none are places, too."""
    called = call_of(one)
    entry = draft.entries.get(one.id)
    parameters: dict[str, Any] = entry.parameters.get("properties", {}) if entry else {}
    written = [(called.arguments, called.with_path)] if called else []
    if called is None or called.with_path != one.at("with"):
        written.append((one.node.with_, one.at("with")))
    for arguments, path in written:
        for name, value in arguments.items():
            accepts = (_standing_alone(parameters[name], entry.parameters),) if entry and name in parameters else ()
            yield Place(join_pointer(path, name), value, one, accepts=accepts)


def _standing_alone(schema: Any, whole: JsonSchema) -> JsonSchema:
    """Keep what `$ref`s of one parameter point to beside it."""
    alone = as_schema(schema)
    return {**alone, "$defs": whole["$defs"]} if "$defs" in whole and "$defs" not in alone else alone


def _of_writes(one: DraftNode, channels: Channels) -> Iterator[Place]:
    for name, value in one.node.save.items():
        yield Place(one.at("save", name), value, one, "save", accepts=channels.get(name, ()))
    for name, value in (one.node.set or {}).items():
        yield Place(one.at("set", name), value, one, accepts=channels.get(name, ()))


def _of_injection(one: DraftNode) -> Iterator[Place]:
    if one.injection and one.injection.write is not None:
        yield Place(one.path.removesuffix("node") + "write", one.injection.write, one, "save")


def _of_verb(one: DraftNode) -> Iterator[Place]:
    node = one.node
    texts: list[tuple[tuple[str, ...], Any]] = []
    if node.human:
        texts += [(("human", "title"), node.human.title), (("human", "description"), node.human.description)]
        texts += [(("human", "show", name), value) for name, value in node.human.show.items()]
    if node.fail:
        texts.append((("fail", "message"), node.fail.message))
    if node.emit:
        texts.append((("emit", "data"), node.emit.data))
    if node.agent:
        texts.append((("agent", "instructions"), node.agent.instructions))
    if node.decide and node.decide.agent:
        texts.append((("decide", "agent", "instructions"), node.decide.agent.instructions))
    for keys, value in texts:
        if value is not None:
            yield Place(one.at(*keys), value, one, accepts=_TEXT)
    yield from _of_wait(one, node)


def _of_wait(one: DraftNode, node: Node) -> Iterator[Place]:
    if not node.wait:
        return
    if node.wait.key is not None:
        yield Place(one.at("wait", "key"), node.wait.key, one, accepts=_KEY)
    until = node.wait.until
    if until is not None and node.wait.poll:
        yield Place(one.at("wait", "until"), until, one, "until", role="condition", accepts=_CONDITION)
    elif until is not None:
        yield Place(one.at("wait", "until"), until, one, role="time", accepts=_KEY)


def _of_modifiers(one: DraftNode) -> Iterator[Place]:
    node = one.node
    if node.idempotency_key is not None:
        yield Place(one.at("idempotency_key"), node.idempotency_key, one, accepts=_KEY)
    if node.cache and not isinstance(node.cache, bool) and node.cache.key is not None:
        yield Place(one.at("cache", "key"), node.cache.key, one)
    if node.compensate:
        for name, value in node.compensate.with_.items():
            yield Place(one.at("compensate", "with", name), value, one, "save")


def _of_next(one: DraftNode) -> Iterator[Place]:
    transition = one.node.next
    if isinstance(transition, Switch):
        yield Place(one.at("next", "switch"), transition.switch, one, "next", role="switch")
    elif isinstance(transition, tuple):
        for number, branch in enumerate(transition):
            if branch.when is not None:
                path = one.at("next", number, "when")
                yield Place(path, branch.when, one, "next", role="condition", accepts=_CONDITION)


def _of_catch(one: DraftNode, channels: Channels) -> Iterator[Place]:
    """Walk through what catches save, and give as a result, which must fit the schema if one is declared."""
    node = one.node
    is_single = node.result is not None and node.map is None and not node.nodes
    declared = (as_schema(node.result),) if is_single else ()
    for number, entry in enumerate(node.catch):
        for name, value in entry.save.items():
            yield Place(one.at("catch", number, "save", name), value, one, "catch", accepts=channels.get(name, ()))
        if entry.result is not None:
            yield Place(one.at("catch", number, "result"), entry.result, one, "catch", accepts=declared)
