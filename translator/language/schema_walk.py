"""What a JSON Schema says of the fields, elements and nullness of the values it describes.

A schema that this room does not understand (`$ref`, several branches) describes anything: then nothing is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from translator.language.expressions import JsonSchema

ANYTHING: JsonSchema = {}
_LARGEST = 2**63
_NAMES_OF_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
"""Lists and objects in an enum are left out: they are rare, and unknown is safe."""


class Field(NamedTuple):
    """Hold what is known of a field: whether it exists at all, its schema, and whether it may be missing or null."""

    is_declared: bool
    schema: JsonSchema
    is_optional: bool


def as_schema(value: Any) -> JsonSchema:
    """Take a subschema as it stands in a document; `true`, `false` and what is no schema describe anything."""
    is_schema = type(value) is dict or isinstance(value, Mapping)  # the first is common, and ten times as fast
    return cast("JsonSchema", value) if is_schema else ANYTHING


def simplified(schema: JsonSchema) -> tuple[JsonSchema, bool]:
    """Return the schema without its null, and whether it had one: `anyOf: [T, null]` and `type: [T, "null"]` are T."""
    if isinstance(schema.get("type"), str):
        return schema, schema["type"] == "null"
    for key in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(key)
        if isinstance(branches, Sequence) and branches:
            schemas = [as_schema(branch) for branch in cast("Sequence[Any]", branches)]
            others = [branch for branch in schemas if not _is_null(branch)]
            has_null = len(others) < len(schemas)
            if len(others) != 1:
                return ANYTHING, has_null
            inner, is_nullable = simplified(others[0])
            return inner, is_nullable or has_null
    types = types_of(schema)
    return schema, types is not None and "null" in types


def types_of(schema: JsonSchema) -> frozenset[str] | None:
    """Return the names of the JSON types that values may have, or None where nothing is known."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return frozenset([declared])
    if isinstance(declared, Sequence):
        return frozenset(str(name) for name in cast("Sequence[Any]", declared))
    if "const" in schema:
        return _types_of_values([schema["const"]])
    enum = schema.get("enum")
    if isinstance(enum, Sequence):
        return _types_of_values(cast("Sequence[Any]", enum))
    if "properties" in schema:
        return frozenset(["object"])
    return None


def type_without_null(schema: JsonSchema) -> str | None:
    """Return the one JSON type of a simplified schema, `number` for integers and numbers, None if there are several."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return declared if declared != "null" else None
    types = sorted((types_of(schema) or frozenset[str]()) - {"null"})
    if types == ["integer", "number"]:
        return "number"
    return types[0] if len(types) == 1 else None


def field_of(schema: JsonSchema, name: str) -> Field:
    """Look a field up; where none are declared, or others are allowed on purpose, any name is one.

    `additionalProperties: false` closes an object without fields, too.
    """
    declared = schema.get("properties")
    if not declared or not (type(declared) is dict or isinstance(declared, Mapping)):
        others = schema.get("additionalProperties", True)
        return Field(others is not False, as_schema(others), False)
    fields = cast("Mapping[str, Any]", declared)
    if name in fields:
        return Field(True, as_schema(fields[name]), name not in (schema.get("required") or ()))
    others = schema.get("additionalProperties", False)
    is_open = others is not False or "patternProperties" in schema
    return Field(is_open, as_schema(others), True)


def fields_of(schema: JsonSchema) -> list[str]:
    """Return the names of the declared fields, in their order."""
    declared = schema.get("properties")
    return list(cast("Mapping[str, Any]", declared)) if isinstance(declared, Mapping) else []


def element_of(schema: JsonSchema) -> JsonSchema:
    """Return the schema of what a loop over a value sees: the items of a list, the keys of an object."""
    inner = simplified(schema)[0]
    kind = type_without_null(inner)
    if kind == "object":
        return {"type": "string"}
    return as_schema(inner.get("items")) if kind == "array" else ANYTHING


def mentions_numbers(schema: JsonSchema) -> bool:
    """Tell whether `number` stands anywhere in a schema, so that integers in its values are to be made fractions."""
    inner = simplified(schema)[0]
    kind = type_without_null(inner)
    if kind == "array":
        return mentions_numbers(as_schema(inner.get("items")))
    if kind == "object":
        return any(mentions_numbers(field_of(inner, name).schema) for name in fields_of(inner))
    return kind == "number"


def with_fractions(value: Any, schema: JsonSchema) -> Any:
    """Return the value with integers made fractions wherever its schema says `number`, and 1.0 made 1 for `integer`."""
    inner = simplified(schema)[0]
    kind = type_without_null(inner)
    if kind in ("number", "integer"):
        return _number(value, kind)
    if kind == "array" and isinstance(value, list):
        items = as_schema(inner.get("items"))
        elements = cast("list[Any]", value)
        if type_without_null(simplified(items)[0]) == "number":
            return [_number(element, "number") for element in elements]
        return [with_fractions(element, items) for element in elements] if mentions_numbers(items) else elements
    if kind == "object" and isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: with_fractions(item, field_of(inner, key).schema) for key, item in fields.items()}
    return value


def _number(value: Any, kind: str) -> Any:
    if kind == "number" and type(value) is int:
        return float(value) if abs(value) <= _LARGEST else value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)  # to JSON Schema 1.0 is an integer
    return value


def _is_null(schema: JsonSchema) -> bool:
    return list(types_of(schema) or ()) == ["null"]


def _types_of_values(values: Sequence[Any]) -> frozenset[str] | None:
    types: list[type] = [type(value) for value in values]
    names = [_NAMES_OF_TYPES.get(each) for each in types]
    return frozenset(name for name in names if name) if names and None not in names else None
