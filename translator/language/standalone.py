"""Schemas that stand on their own: with the definitions of the document that they refer to inside of them."""

from collections.abc import Mapping
from typing import Any

from translator.language.document import is_mapping, join_pointer
from translator.language.schema_keywords import SchemaIndex, inner_schemas, rebased, target_of

_HOME = "$defs"


def standalone(schema: Any, defs: Mapping[str, Any]) -> Any:
    """Return a schema that means the same without `defs`: what `#/defs/N` named stands under its own `$defs`.

    A schema that refers to no definition is returned as it is, one that is nothing but a definition is that definition.
    What `defs` lacks stays as it is written.
    """
    schema = _followed(schema, defs)
    if not is_mapping(schema):
        return schema
    used: dict[str, Any] = {}
    made = _moved(schema, SchemaIndex.of(schema), defs, used)
    if not used:
        return schema
    own: Any = made.get(_HOME)
    return {**made, _HOME: {**(own if is_mapping(own) else {}), **used}}


def _followed(schema: Any, defs: Mapping[str, Any]) -> Any:
    """Return the definition that a schema is, if it is nothing else."""
    seen: set[str] = set()
    while is_mapping(schema) and set(schema) == {"$ref"} and str(schema["$ref"]).startswith("#/defs/"):
        target = target_of(schema["$ref"], SchemaIndex())
        name = target.definition if target and not target.pointer else None
        if name is None or name not in defs or name in seen:
            break
        seen.add(name)
        schema = defs[name]
    return schema


def _moved(part: Any, index: SchemaIndex, defs: Mapping[str, Any], used: dict[str, Any]) -> Any:
    """Return a part of a schema whose references to definitions lead to where these will stand; they go to `used`."""
    if not is_mapping(part):
        return part
    result = dict[str, Any](part)
    for keys, inner in inner_schemas(part):
        if len(keys) == 1:
            result[str(keys[0])] = _moved(inner, index, defs, used)
        else:
            holder = result[str(keys[0])] = result[str(keys[0])].copy()
            holder[keys[1]] = _moved(inner, index, defs, used)
    ref: Any = part.get("$ref")
    target = target_of(ref, index) if isinstance(ref, str) and ref.startswith("#") else None
    if target is not None and target.definition is not None and target.definition in defs:
        name = f"defs.{target.definition}"  # apart from what the schema calls its own
        at = join_pointer(f"/{_HOME}", name)
        result["$ref"] = f"#{at}{target.pointer}"
        if name not in used:
            used[name] = None  # so that a definition that refers to itself is taken once
            whole = rebased(defs[target.definition], at)
            used[name] = _moved(whole, SchemaIndex.of(defs[target.definition]), defs, used)
    return result
