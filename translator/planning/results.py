"""What is known of each node's result before anything runs: what the author declares, else what the catalog tells."""

from typing import Any

from translator.language.expressions import JsonSchema
from translator.language.problems import Problem
from translator.language.schema_walk import as_schema
from translator.planning.draft import Draft, DraftNode

_SILENT = frozenset({"set", "emit", "fail"})
_NOTHING: JsonSchema = {"type": "null"}
_FAILURE: JsonSchema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "message": {"type": "string"}, "node": {"type": "string"}},
    "required": ["name", "message", "node"],
}
_TEXT: JsonSchema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_BLOCK: JsonSchema = {"type": "object"}


def know_results(draft: Draft) -> list[Problem]:
    """Write down the schema of every result; finds no problems."""
    known = draft.results
    known.update((node.id, _known(draft, node)) for node in draft.nodes.values())
    for one in draft.maps:
        if one.owner and one.owner.node.result is None and one.owner.node.nodes:
            # a block inside shows only that it is an object: written out at every depth, schemas would multiply
            inside = {name: _inner(node, known[name]) for name, node in one.members.items()}
            known[one.owner.id] = {"type": "object", "properties": inside}
    known.update((node.id, _mapped(known[node.id])) for node in draft.nodes.values() if node.node.map)
    return []


def _inner(node: DraftNode, schema: JsonSchema) -> JsonSchema:
    return _BLOCK if node.node.nodes or node.node.map else schema


def _known(draft: Draft, one: DraftNode) -> JsonSchema:
    declared = one.node.result
    entry = draft.entries.get(one.id)
    is_stage = one.verb == "luigi" or (entry is not None and entry.kind == "stage")
    if is_stage and (entry or declared is not None):  # an unknown stage is one mistake, not several
        return _of_stage(one, as_schema(declared) if declared is not None else entry.result if entry else {})
    if declared is not None:
        return as_schema(declared)
    if one.node.agent:
        return _TEXT
    if one.node.decide:
        return _choice(one.node.decide.among)
    is_silent = one.verb in _SILENT or (one.node.wait and not one.node.wait.poll and not one.node.wait.signal)
    if is_silent:
        return _NOTHING
    return entry.result if entry else {}


def _choice(among: tuple[str, ...]) -> JsonSchema:
    """Describe what was chosen, and why."""
    chosen: JsonSchema = {"type": "array", "items": {"enum": [*dict.fromkeys(among)]}}
    fields = {"next": chosen, "reason": {"type": ["string", "null"]}}
    return {"type": "object", "properties": fields, "required": ["next", "reason"]}


def _of_stage(one: DraftNode, said: JsonSchema) -> JsonSchema:
    """Add `outputs`, and with `read` also `data`, to what is said about them."""
    if "$ref" in said:
        return {}
    given = ["outputs", "data"] if one.node.read else ["outputs"]
    fields: dict[str, Any] = {**{name: {} for name in given}, **said.get("properties", {})}
    required = [*dict.fromkeys([*said.get("required", ()), *given])]
    return {**said, "type": "object", "properties": fields, "required": required}


def _mapped(schema: JsonSchema) -> JsonSchema:
    """Describe the whole result of a map, whose items have this result each."""
    parts = {"index": {"type": "integer"}, "item": {}, "error": _FAILURE}
    failure: JsonSchema = {"type": "object", "properties": parts, "required": ["index", "item", "error"]}
    fields = {"ok": {"type": "array", "items": schema}, "failed": {"type": "array", "items": failure}}
    return {"type": "object", "properties": fields, "required": ["ok", "failed"]}
