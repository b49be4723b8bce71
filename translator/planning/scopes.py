"""What an expression sees at each place of a spec: typed names, built once per document and shared by all its places.

An engine that compiles the expressions of a stored plan gets exactly the types that planning used: `Scopes.of(plan)`
builds them from the plan alone. All scopes of one document share the schemas of `inputs`, `state` and `nodes`; only
`result`, `error` and the items of maps differ from node to node. Each scope is made once: equal ones are one object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from translator.language.expressions import JsonSchema, Scope
from translator.language.figures import USAGE
from translator.language.fitting import fits
from translator.language.templates import has_expression, schema_of
from translator.planning.plan import Plan, Step

_ERROR: JsonSchema = {
    "type": ["object", "null"],
    "properties": {"name": {"type": "string"}, "message": {"type": "string"}, "node": {"type": "string"}},
}
_RUN: JsonSchema = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "attempt": {"type": "integer"},
        "status": {"type": "string"},
        "error": _ERROR,
        "created_at": {"type": "string"},
    },
    "required": ["id", "attempt", "status", "created_at"],
}
TASK = "task"
"""The name by which an injected node sees the task of the stage that it runs around."""

_TASK: JsonSchema = {
    "type": "object",
    "properties": {
        "key": {"type": "string"},
        "name": {"type": "string"},
        "stage": {"type": "string"},
        "params": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        "outputs": {},
        "data": {},
    },
    "required": ["key", "name", "stage", "params"],
}


_CAUGHT: JsonSchema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "message": {"type": "string"}, "node": {"type": "string"}},
    "required": ["name", "message", "node"],
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is special about one step: the block around it, the name of its item if it is mapped, and its results.

    `polled` is what a wait gets from each poll; `goes_on_caught`: after a caught error its own `next` is taken;
    `is_injected`: it runs around tasks of the stage around it, and sees `task`.
    """

    around: str | None
    each: str | None
    result: JsonSchema
    polled: JsonSchema
    goes_on_caught: bool
    is_injected: bool = False


@dataclass(frozen=True)
class Scopes:
    """The scope of every kind of place in one document.

    `base` holds `inputs`, `state`, `nodes`, `run` and `usage`; `items` is what is known of one item of each map.
    """

    base: Scope
    standings: Mapping[str, Standing]
    items: Mapping[str, JsonSchema]
    _made: dict[tuple[str, str | None], Scope] = field(
        default_factory=dict[tuple[str, str | None], Scope], compare=False, repr=False
    )
    _extended: dict[tuple[int, str, int], Scope] = field(
        default_factory=dict[tuple[int, str, int], Scope], compare=False, repr=False
    )

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Build the scopes of a plan; do it once per plan, not once per step."""
        base = base_scope(
            plan.inputs,
            {name: channel.schema_ for name, channel in plan.state.items()},
            [name for name, channel in plan.state.items() if channel.default is not None],
            {step.id: _seen(step) for step in plan.steps},
            plan.secrets,
        )
        items = {step.id: step.map.item for step in plan.steps if step.map}
        return cls(base, {step.id: _standing(step) for step in plan.steps}, items)

    def for_arguments(self, step: Step | str) -> Scope:
        """Scope of `with`, and of all else that is evaluated for each item before there is a result.

        `set`, `emit`, `wait`, what a person is asked and a failure's message are such, too.
        """
        name = _id(step)
        standing = self.standings[name]
        around = self.for_items(name)
        return self._with_item(around, name) if standing.each is not None else around

    def for_items(self, step: Step | str) -> Scope:
        """Scope of a map's `in`: the items of the maps around the step, not its own."""
        standing = self.standings[_id(step)]
        around = standing.around
        if around is None or around not in self.standings:  # at the top, or under `finally`
            return self.base
        key = (around, "inside")
        if key not in self._made:
            outside = self.for_arguments(around)
            self._made[key] = outside.extended(TASK, _TASK) if standing.is_injected else outside
        return self._made[key]

    def for_when(self, step: Step | str) -> Scope:
        """Scope of a DAG member's `when`: asked once, before there are items."""
        return self.for_items(step)

    def for_human(self, step: Step | str) -> Scope:
        """Scope of a person's `title`, `description` and `show`, and of a `fail` step's message."""
        return self.for_arguments(step)

    def for_cache(self, step: Step | str) -> Scope:
        """Scope of `cache.key` and `idempotency_key`."""
        return self.for_arguments(step)

    def for_until(self, step: Step | str) -> Scope:
        """Scope of the condition that ends a poll: as `with`, and `result` is what the poll gave."""
        return self._with(self.for_arguments(step), "result", self.standings[_id(step)].polled)

    def for_save(self, step: Step | str) -> Scope:
        """Scope of `save`: the step's own `result` (of a map, the whole one) besides everything around it."""
        return self._with(self.for_items(step), "result", self.standings[_id(step)].result)

    def for_next(self, step: Step | str) -> Scope:
        """Scope of the conditions and the switch of `next`: as `save`, with the state as it is after it.

        Where a `catch` goes on with `next`, `result` is what the catch gives, or null.
        """
        standing = self.standings[_id(step)]
        if not standing.goes_on_caught:
            return self.for_save(step)
        key = (_id(step), "next")
        if key not in self._made:
            name = _id(step)
            seen: JsonSchema = self.base.variables["nodes"]["properties"][name]["properties"]["result"]
            self._made[key] = self.for_items(name).extended("result", {"anyOf": [seen, {"type": "null"}]})
        return self._made[key]

    def for_catch(self, step: Step | str) -> Scope:
        """Scope of a catch's `save` and `result`: `error` is `{name, message, node}`; its own items are over."""
        return self._with(self.for_items(step), "error", _CAUGHT)

    def for_outputs(self) -> Scope:
        """Scope of the outputs of the workflow."""
        return self.base

    def _with(self, scope: Scope, name: str, schema: JsonSchema) -> Scope:
        """Extend a scope; mostly results are one object for all steps that call the same, and so are their scopes."""
        key = (id(scope), name, id(schema))
        if key not in self._extended:
            self._extended[key] = scope.extended(name, schema)
        return self._extended[key]

    def _with_item(self, scope: Scope, name: str) -> Scope:
        each = self.standings[name].each
        key = (name, each)
        if each is not None and key not in self._made:
            self._made[key] = scope.extended(each, self.items.get(name, {}))
        return self._made[key]


def base_scope(
    inputs: JsonSchema,
    channels: Mapping[str, JsonSchema],
    set_from_start: list[str],
    results: Mapping[str, JsonSchema],
    secrets: tuple[str, ...] = (),
) -> Scope:
    """Return what is seen everywhere in a document; channels that are not `set_from_start` may be null."""
    variables: dict[str, JsonSchema] = {
        "inputs": inputs,
        "state": {"type": "object", "properties": dict(channels), "required": set_from_start},
        "nodes": _nodes(results),
        "run": _RUN,
        "usage": USAGE,
    }
    return Scope(variables, frozenset(secrets))


def seen_by_others(result: JsonSchema, caught: Sequence[Any], *, is_enforced: bool) -> JsonSchema:
    """Return what `nodes.<id>.result` is to others: what a catch puts in its place may be anything.

    That it is null needs no saying: to others every result may be. Where a schema is declared, catches must fit it.
    """
    if is_enforced or all(one is None or _is_like(one, result) for one in caught):
        return result
    return {}


def _is_like(value: Any, schema: JsonSchema) -> bool:
    return not has_expression(value) and fits(schema_of(value), schema).is_fitting


def _seen(step: Step) -> JsonSchema:
    is_enforced = step.result is not None
    return seen_by_others(step.result_known, [one.result for one in step.catch], is_enforced=is_enforced)


def _standing(step: Step) -> Standing:
    return Standing(
        around=step.block,
        each=step.map.each if step.map else None,
        result=step.result_known,
        polled=step.call.result if step.call and step.call.kind == "tool" else {},
        goes_on_caught=any(one.to is None for one in step.catch),
        is_injected=step.injected is not None,
    )


def _id(step: Step | str) -> str:
    return step if isinstance(step, str) else step.id


def _nodes(results: Mapping[str, JsonSchema]) -> JsonSchema:
    properties = {name: _node(schema) for name, schema in results.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _node(result: JsonSchema) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"result": result, "status": {"type": "string"}, "error": _ERROR},
        "required": ["status"],
    }
