"""The scalar types of the language: names, durations, references, templates.

Each type carries a mark that says which word of the language it is: `shapes` reads it to know what to check, and the
JSON Schema export to know which pattern to show to editors.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,62}$"
_RANGE = r"(@(\*|[~^]?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z.-]+)?))?"
_DURATION = "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_PATTERNS = {
    "name": _NAME,
    "each": _NAME,
    "node-id": _NAME,
    "target": _NAME,
    "secret": _NAME,
    "workflow-name": "^[a-z][a-z0-9._-]{0,62}$",
    "error-name": "^[a-z][a-z0-9-]{0,62}$",
    "version": r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$",
    "duration": _DURATION,
    "pause": _DURATION,
    "catalog-ref": r"^[a-z][a-z0-9._-]*\.[A-Za-z_][A-Za-z0-9_-]*" + _RANGE + "$",
    "workflow-ref": "^[a-z][a-z0-9._-]{0,62}" + _RANGE + "$",
}


@dataclass(frozen=True, slots=True)
class Word:
    """What a text must be, beyond being text."""

    kind: Literal[
        "name", "node-id", "target", "workflow-name", "secret", "error-name", "version", "duration", "pause",
        "catalog-ref", "workflow-ref", "share", "each", "template", "condition", "schema", "value",
    ]  # fmt: skip

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Add the pattern of the word to the JSON Schema of the type that it marks."""
        schema: dict[str, Any] = handler(core_schema)
        if self.kind == "schema":
            return {"type": ["object", "boolean"]}
        if self.kind == "share":
            return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}
        if self.kind in _PATTERNS:
            return {**schema, "pattern": _PATTERNS[self.kind]}
        return schema


Name: TypeAlias = Annotated[str, Word("name")]
EachName: TypeAlias = Annotated[str, Word("each")]  # beside what expressions see anyway
NodeId: TypeAlias = Annotated[str, Word("node-id")]
Target: TypeAlias = Annotated[str, Word("target")]  # a node id, or `end`
WorkflowName: TypeAlias = Annotated[str, Word("workflow-name")]
SecretName: TypeAlias = Annotated[str, Word("secret")]
ErrorName: TypeAlias = Annotated[str, Word("error-name")]
VersionText: TypeAlias = Annotated[str, Word("version")]
Duration: TypeAlias = Annotated[str, Word("duration")]
Pause: TypeAlias = Annotated[str, Word("pause")]  # a duration that may be nothing
CatalogRange: TypeAlias = Annotated[str, Word("catalog-ref")]
WorkflowRange: TypeAlias = Annotated[str, Word("workflow-ref")]
Share: TypeAlias = Annotated[int | str, Word("share")]  # a count, or a percentage such as 20%
Template: TypeAlias = Annotated[str, Word("template")]
Condition: TypeAlias = Annotated[str | bool, Word("condition")]
JsonSchema: TypeAlias = Annotated[dict[str, Any] | bool, Word("schema")]
JsonValue: TypeAlias = Annotated[Any, Word("value")]
