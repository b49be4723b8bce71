"""The scalar types of the language: names, durations, references, templates; each says what `shape` checks in it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Word:
    """What a text must be, beyond being text; a mark in a field's type that `shape` and the JSON Schema export read."""

    kind: Literal[
        "name", "node-id", "target", "workflow-name", "secret", "error-name", "version", "duration", "pause",
        "catalog-ref", "workflow-ref", "share", "each", "template", "condition", "schema", "value",
    ]  # fmt: skip


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
