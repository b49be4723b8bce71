"""The places of a spec where a value with expressions may stand, and what each of them accepts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from translator.language.document import join_pointer
from translator.language.expressions import JsonSchema
from translator.language.model import Node, Switch
from translator.language.schema_walk import as_schema
from translator.planning.channels import accepted
from translator.planning.draft import Draft, DraftNode

Role = Literal["value", "condition", "switch"]

_CONDITION: tuple[JsonSchema, ...] = ({"type": "boolean"},)
_LIST: tuple[JsonSchema, ...] = ({"type": "array"},)
_TEXT: tuple[JsonSchema, ...] = ()  # whatever the value is, it becomes text


@dataclass(frozen=True, slots=True)
class Place:
    """A value at a place: `accepts` are schemas of which it must fit one (none: anything goes).

    `is_after`: evaluated when the node has a result; `sees` are names that only exist here.
    """

    path: str
    value: Any
    node: DraftNode | None
    is_after: bool = False
    role: Role = "value"
    accepts: tuple[JsonSchema, ...] = ()
    sees: tuple[str, ...] = ()


def places(draft: Draft) -> Iterator[Place]:
    """Walk through all places of a spec: the outputs, then each node's."""
    channels = {name: accepted(one.reduce, one.json_schema) for name, one in draft.spec.state.items()}
    for name, value in draft.spec.outputs.items():
        yield Place(join_pointer("/outputs", name), value, None)
    for one in draft.every_node():
        sees = (one.node.map.each,) if one.node.map else ()
        yield from _of_arguments(draft, one, sees)
        yield from _of_writes(one, channels)
        yield from _of_verb(one, sees)
        yield from _of_modifiers(one, sees)
        yield from _of_next(one)


def _of_arguments(draft: Draft, one: DraftNode, sees: tuple[str, ...]) -> Iterator[Place]:
    entry = draft.entries.get(one.id)
    parameters: dict[str, Any] = entry.parameters.get("properties", {}) if entry else {}
    for name, value in one.node.with_.items():
        accepts = (_standing_alone(parameters[name], entry.parameters),) if entry and name in parameters else ()
        yield Place(one.at("with", name), value, one, accepts=accepts, sees=sees)


def _standing_alone(schema: Any, whole: JsonSchema) -> JsonSchema:
    """Keep what `$ref`s of one parameter point to beside it."""
    alone = as_schema(schema)
    return {**alone, "$defs": whole["$defs"]} if "$defs" in whole and "$defs" not in alone else alone


def _of_writes(one: DraftNode, channels: Mapping[str, tuple[JsonSchema, ...]]) -> Iterator[Place]:
    for key, written, is_after in (("save", one.node.save, True), ("set", one.node.set or {}, False)):
        for name, value in written.items():
            yield Place(one.at(key, name), value, one, is_after=is_after, accepts=channels.get(name, ()))


def _of_verb(one: DraftNode, sees: tuple[str, ...]) -> Iterator[Place]:
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
            yield Place(one.at(*keys), value, one, accepts=_TEXT, sees=sees)
    yield from _of_wait(one, node)


def _of_wait(one: DraftNode, node: Node) -> Iterator[Place]:
    if not node.wait:
        return
    if node.wait.key is not None:
        yield Place(one.at("wait", "key"), node.wait.key, one)
    if node.wait.poll:
        for name, value in node.wait.poll.with_.items():
            yield Place(one.at("wait", "poll", "with", name), value, one)
        if node.wait.until is not None:
            until = one.at("wait", "until")
            yield Place(until, node.wait.until, one, role="condition", accepts=_CONDITION, sees=("result",))
    elif node.wait.until is not None:
        yield Place(one.at("wait", "until"), node.wait.until, one)


def _of_modifiers(one: DraftNode, sees: tuple[str, ...]) -> Iterator[Place]:
    node = one.node
    if node.map:
        yield Place(one.at("map", "in"), node.map.in_, one, accepts=_LIST)
    if node.when is not None:
        yield Place(one.at("when"), node.when, one, role="condition", accepts=_CONDITION)
    if node.idempotency_key is not None:
        yield Place(one.at("idempotency_key"), node.idempotency_key, one, sees=sees)
    if node.cache and not isinstance(node.cache, bool) and node.cache.key is not None:
        yield Place(one.at("cache", "key"), node.cache.key, one, sees=sees)
    if node.compensate:
        for name, value in node.compensate.with_.items():
            yield Place(one.at("compensate", "with", name), value, one, is_after=True)


def _of_next(one: DraftNode) -> Iterator[Place]:
    transition = one.node.next
    if isinstance(transition, Switch):
        yield Place(one.at("next", "switch"), transition.switch, one, is_after=True, role="switch")
    elif isinstance(transition, tuple):
        for number, branch in enumerate(transition):
            if branch.when is not None:
                path = one.at("next", number, "when")
                yield Place(path, branch.when, one, is_after=True, role="condition", accepts=_CONDITION)
