"""The keywords of JSON Schema draft 2020-12: what each must hold, where schemas lie within schemas, and what refs mean.

In a spec `#/defs/N` means the document's `defs`; any other `#…` means the schema that it stands in, from its own root.
`$id` changes nothing here, since nothing is ever fetched or looked up by name.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from translator.language.document import is_list, is_mapping, join_pointer, split_pointer

ONE = frozenset(
    [
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
MANY = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
NAMED = frozenset(["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"])
IN_PLACE = frozenset(["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"])
"""The keywords whose schemas look at the same value, not at a part of it."""

TYPES = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_list(value: Any) -> bool:
    return is_list(value)


def _are_names(value: Any) -> bool:
    return is_list(value) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _are_types(value: Any) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return _are_names(value) and bool(value) and TYPES.issuperset(value)


def _are_lists_of_names(value: Any) -> bool:
    return is_mapping(value) and all(map(_are_names, value.values()))


_COUNTS = "maxItems minItems maxLength minLength maxProperties minProperties maxContains minContains"
_NUMBERS = "maximum minimum exclusiveMaximum exclusiveMinimum"
_TEXTS = "$id $schema $ref $anchor $comment title description format pattern contentEncoding contentMediaType"

DEMANDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(_COUNTS.split(), (_is_count, "a whole number from 0")),
    **dict.fromkeys(_NUMBERS.split(), (_is_number, "a number")),
    **dict.fromkeys(_TEXTS.split(), (_is_text, "a text")),
    **dict.fromkeys(("deprecated", "readOnly", "writeOnly", "uniqueItems"), (_is_flag, "true or false")),
    **dict.fromkeys(("enum", "examples"), (_is_list, "a list")),
    "multipleOf": (_is_positive, "a number over 0"),
    "required": (_are_names, "a list of names, each once"),
    "dependentRequired": (_are_lists_of_names, "a mapping from names to lists of names"),
    "type": (_are_types, f"one or more of {', '.join(sorted(TYPES))}"),
}
ANY = frozenset(("const", "default"))
KEYWORDS = frozenset((*DEMANDS, *ANY, *ONE, *MANY, *NAMED))
UNSUPPORTED = frozenset(("$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"))


def inner_schemas(schema: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the schemas right inside `schema`, each with the keys that lead to it; what is malformed is passed over."""
    if not is_mapping(schema):
        return
    for keyword, value in schema.items():
        if keyword in ONE:
            yield (keyword,), value
        elif keyword in MANY and is_list(value):
            yield from (((keyword, index), item) for index, item in enumerate(value))
        elif keyword in NAMED and is_mapping(value):
            yield from (((keyword, name), item) for name, item in value.items())


@dataclass(slots=True)
class SchemaIndex:
    """All schemas within one schema by their pointers from its root, and its anchors."""

    schemas: dict[str, Any] = field(default_factory=dict[str, Any])
    anchors: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, root: Any) -> "SchemaIndex":
        """Index a schema, without recursion."""
        index = cls()
        waiting: list[tuple[str, Any]] = [("", root)]
        while waiting:
            pointer, schema = waiting.pop()
            index.schemas[pointer] = schema
            if is_mapping(schema) and isinstance(schema.get("$anchor"), str):
                index.anchors[schema["$anchor"]] = pointer
            waiting.extend((join_pointer(pointer, *keys), inner) for keys, inner in inner_schemas(schema))
        return index


@dataclass(frozen=True, slots=True)
class Target:
    """What a `$ref` means: a definition of the document (None: the schema's own root), and a pointer from there."""

    definition: str | None
    pointer: str


def target_of(ref: str, index: SchemaIndex) -> Target | None:
    """Return what a `$ref` beginning with # means in the schema of `index`; None when that is nothing it could mean."""
    fragment = _unquoted(ref[1:])
    if fragment.startswith("/defs/"):
        definition, *rest = split_pointer(fragment[len("/defs") :])
        return Target(definition, join_pointer("", *rest))
    if not fragment or fragment.startswith("/"):
        return Target(None, fragment)
    anchor = index.anchors.get(fragment)
    return None if anchor is None else Target(None, anchor)


def _unquoted(fragment: str) -> str:
    if "%" not in fragment:
        return fragment
    from urllib.parse import unquote  # noqa: PLC0415 - rare, and urllib is heavy

    return unquote(fragment)


def rebased(schema: Any, prefix: str) -> Any:
    """Return a schema whose own `#…` are written as pointers below `prefix`, to stand inside another one."""
    index = SchemaIndex.of(schema)

    def copy(part: Any) -> Any:
        if not is_mapping(part):
            return part
        result = dict[str, Any](part)
        for keys, inner in inner_schemas(part):
            if len(keys) == 1:
                result[str(keys[0])] = copy(inner)
            else:
                holder = result[str(keys[0])] = result[str(keys[0])].copy()
                holder[keys[1]] = copy(inner)
        ref: Any = result.get("$ref")
        target = target_of(ref, index) if isinstance(ref, str) and ref.startswith("#") else None
        if target is not None and target.definition is None:
            result["$ref"] = f"#{prefix}{target.pointer}"
        return result

    return copy(schema)
