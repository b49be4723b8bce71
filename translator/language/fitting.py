"""Whether values of one JSON Schema are acceptable where another is wanted, as far as that is known beforehand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from translator.language.expressions import JsonSchema
from translator.language.schema_walk import as_schema, fields_of, types_of

_MAX_DEPTH = 32
_ANY_OF = 8  # a choice counts as so many levels, and has so many branches at most: the pairs of branches multiply


class Fit(NamedTuple):
    """Tell whether a schema fits; `reason` says why it does not. Truthy when it fits."""

    is_fitting: bool
    reason: str = ""

    def __bool__(self) -> bool:
        """Make `if fits(a, b)` read as it should."""
        return self.is_fitting


_FINE = Fit(True)


def fits(actual: JsonSchema, wanted: JsonSchema) -> Fit:
    """Refuse only what is certainly wrong: what is unknown fits, `integer` fits `number`, `T or null` fits `T`.

    Types, enums and constants, fields and elements are compared; bounds and patterns are not, as they depend on values.
    """
    return _fits(actual, wanted, 0)


def _fits(actual: JsonSchema, wanted: JsonSchema, depth: int) -> Fit:
    if depth > _MAX_DEPTH or "$ref" in actual or "$ref" in wanted:
        return _FINE
    for key in ("anyOf", "oneOf"):
        if key in actual:
            return _any_of(_fits(branch, wanted, depth + _ANY_OF) for branch in _branches(actual[key]))
        if key in wanted:
            return _any_of(_fits(actual, branch, depth + _ANY_OF) for branch in _branches(wanted[key]))
    for check in (_types_fit, _values_fit):
        fit = check(actual, wanted)
        if not fit:
            return fit
    return _fields_fit(actual, wanted, depth) and _elements_fit(actual, wanted, depth)


def _any_of(results: Iterable[Fit]) -> Fit:
    first: Fit | None = None
    for count, result in enumerate(results, 1):
        if result or count > _ANY_OF:
            return _FINE
        first = result if first is None else first
    return first if first is not None else _FINE


def _branches(value: Any) -> list[JsonSchema]:
    return [as_schema(branch) for branch in cast("Sequence[Any]", value)] if isinstance(value, Sequence) else []


def _types_fit(actual: JsonSchema, wanted: JsonSchema) -> Fit:
    mine, theirs = types_of(actual), types_of(wanted)
    if mine is None or theirs is None:
        return _FINE
    constant = actual.get("const")
    if isinstance(constant, float) and constant.is_integer():
        mine = frozenset(["integer"])  # to JSON Schema 1.0 is an integer
    if mine & (theirs | {"integer"} if "number" in theirs else theirs):
        return _FINE
    way_out = "; write `int(…)`" if "number" in mine and "integer" in theirs else ""
    return Fit(False, f"{_spoken(mine)} where {_spoken(theirs)} is wanted{way_out}")


def _values_fit(actual: JsonSchema, wanted: JsonSchema) -> Fit:
    """Compare constants and enums: nothing in common is certainly wrong."""
    mine, theirs = _values(actual), _values(wanted)
    if theirs is None:
        return _FINE
    if mine is None or any(value in theirs for value in mine):
        return _FINE
    return Fit(False, "none of its values is one of the allowed ones")


def _values(schema: JsonSchema) -> list[Any] | None:
    """Return the only possible values, told apart as JSON does: true is not 1."""
    if "const" in schema:
        return [_told_apart(schema["const"])]
    enum = schema.get("enum")
    if isinstance(enum, Sequence) and not isinstance(enum, str):
        return [_told_apart(value) for value in cast("Sequence[Any]", enum)]
    return None


def _told_apart(value: Any) -> Any:
    return (isinstance(value, bool), value)


def _fields_fit(actual: JsonSchema, wanted: JsonSchema, depth: int) -> Fit:
    """Compare the declared fields of two objects, and miss what is required and cannot be there."""
    mine, theirs = _properties(actual), _properties(wanted)
    is_closed = actual.get("additionalProperties") is False
    for name in cast("Iterable[str]", wanted.get("required") or ()):
        if is_closed and name not in mine:
            return Fit(False, f"the field `{name}` is missing")
    for name in fields_of(actual):
        if name in theirs:
            fit = _fits(as_schema(mine[name]), as_schema(theirs[name]), depth + 1)
            if not fit:
                return Fit(False, f"field `{name}`: {fit.reason}")
        elif wanted.get("additionalProperties") is False and name in (actual.get("required") or ()):
            return Fit(False, "a field that is not wanted")
    return _FINE


def _elements_fit(actual: JsonSchema, wanted: JsonSchema, depth: int) -> Fit:
    """Compare the elements of two lists; an empty list fits any, so only elements that are there can be wrong."""
    theirs = wanted.get("items")
    if not isinstance(theirs, Mapping):
        return _FINE
    prefix = _branches(actual.get("prefixItems"))
    items = actual.get("items")
    for element in prefix or ([as_schema(items)] if isinstance(items, Mapping) else []):
        fit = _fits(element, as_schema(theirs), depth + 1)
        if not fit:
            return Fit(False, f"an element: {fit.reason}")
    return _FINE


def _properties(schema: JsonSchema) -> Mapping[str, Any]:
    declared = schema.get("properties")
    return cast("Mapping[str, Any]", declared) if isinstance(declared, Mapping) else {}


def _spoken(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))
