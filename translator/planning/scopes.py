"""What an expression sees at each place of a spec: typed names, built once per document and shared by all its places.

An engine that compiles the expressions of a stored plan gets exactly the types that planning used: `Scopes.of(plan)`
builds them from the plan alone. All scopes of one document share the schemas of `inputs`, `state` and `nodes`; only
`result` differs from node to node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from translator.language.expressions import JsonSchema, Scope
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
_USAGE: JsonSchema = {"type": "object"}


@dataclass(frozen=True)
class Scopes:
    """The scope of every kind of place in one document.

    `base` holds `inputs`, `state`, `nodes`, `run` and `usage`; `results` is what is known of each node's result.
    """

    base: Scope
    results: Mapping[str, JsonSchema]

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Build the scopes of a plan; do it once per plan, not once per step."""
        channels = {name: channel.schema_ for name, channel in plan.state.items()}
        set_from_start = [name for name, channel in plan.state.items() if channel.default is not None]
        results = {step.id: step.result_known for step in plan.steps}
        return cls.build(plan.inputs, channels, set_from_start, results, plan.secrets)

    @classmethod
    def build(
        cls,
        inputs: JsonSchema,
        channels: Mapping[str, JsonSchema],
        set_from_start: list[str],
        results: Mapping[str, JsonSchema],
        secrets: tuple[str, ...] = (),
    ) -> Self:
        """Build scopes from their parts; channels that are not `set_from_start` may be null."""
        variables: dict[str, JsonSchema] = {
            "inputs": inputs,
            "state": {"type": "object", "properties": dict(channels), "required": set_from_start},
            "nodes": _nodes(results),
            "run": _RUN,
            "usage": _USAGE,
        }
        return cls(Scope(variables, frozenset(secrets)), results)

    def for_arguments(self, step: Step | str) -> Scope:
        """Scope of `with`, and of everything else that is evaluated before the step has a result (`set` too)."""
        del step  # the same for all: nothing of a step is special before it has run
        return self.base

    def for_when(self, step: Step | str) -> Scope:
        """Scope of a DAG member's `when`."""
        return self.for_arguments(step)

    def for_human(self, step: Step | str) -> Scope:
        """Scope of a person's `title`, `description` and `show`, and of a `fail` step's message."""
        return self.for_arguments(step)

    def for_save(self, step: Step | str) -> Scope:
        """Scope of `save`: the step's own `result` besides everything else."""
        return self.base.extended("result", self.results[step if isinstance(step, str) else step.id])

    def for_next(self, step: Step | str) -> Scope:
        """Scope of the conditions and the switch of `next`: as `save`, with the state as it is after it."""
        return self.for_save(step)

    def for_outputs(self) -> Scope:
        """Scope of the outputs of the workflow."""
        return self.base


def _nodes(results: Mapping[str, JsonSchema]) -> JsonSchema:
    properties = {name: _node(schema) for name, schema in results.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _node(result: JsonSchema) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"result": result, "status": {"type": "string"}, "error": _ERROR},
        "required": ["status"],
    }
