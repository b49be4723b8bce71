"""Values that are written out in a spec, checked against the schema of the place where they stand."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from translator.language.document import join_pointer
from translator.language.expressions import JsonSchema
from translator.language.fitting import fits

_SIMPLE = frozenset({"type", "enum", "const", "title", "description", "default", "examples"})


def literal_faults(value: Any, schema: JsonSchema, defs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with a value: pointers within it and reasons, none of which repeats the value."""
    if schema.keys() <= _SIMPLE and not isinstance(value, list | dict):
        fit = fits({"const": value}, schema)
        return [] if fit else [("", fit.reason)]
    from translator.language.schemas import Validator  # noqa: PLC0415 - jsonschema loads slowly, and few need it

    return [(one.path, one.message) for one in Validator(dict(schema), defs).problems(value, "")]


def strings(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Walk through all strings of a JSON value with their pointers; not recursive, as documents may be deep."""
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            waiting += [(join_pointer(path, key), one) for key, one in cast("dict[str, Any]", value).items()]
        elif isinstance(value, list):
            waiting += [(join_pointer(path, number), one) for number, one in enumerate(cast("list[Any]", value))]
