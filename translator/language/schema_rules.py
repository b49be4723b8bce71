"""What each keyword of JSON Schema asks of a value, as rules for jsonschema's validator.

jsonschema's own rules put the value into every message (a leak, and slow for large values), match patterns with a
backtracking engine and compare each item with each other. These say what is wrong in words of the schema only, match
with RE2, take time in proportion to the value, and stop when their budget of steps is spent.
"""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from jsonschema.exceptions import ValidationError

from translator.language.document import is_list, is_mapping
from translator.language.patterns import compile_pattern

Errors: TypeAlias = Iterator[ValidationError]
Rule: TypeAlias = Callable[[Any, Any, Any, Any], Errors]
TARGET = "specloom:target"
"""Stands for `$ref` in a compiled schema, and holds the very schema that it means."""


class TooCostlyError(Exception):
    """Checking a value against a schema takes more steps than allowed."""


@dataclass(slots=True)
class Checking:
    """One check of a value: how many steps are left, and what is kept from step to step."""

    steps: int
    validators: dict[int, Any] = field(default_factory=dict[int, Any])  # by identity of the schema, which stays alive
    choices: dict[int, frozenset[Any]] = field(default_factory=dict[int, frozenset[Any]])

    def spend(self, steps: int = 1) -> None:
        """Count steps; raise TooCostlyError when none are left."""
        self.steps -= steps
        if self.steps < 0:
            raise TooCostlyError


CHECKING: ContextVar[Checking] = ContextVar("checking")


def errors_of(validator: Any, schema: Any, value: Any, *path: str | int) -> Errors:
    """Yield what a schema inside another one says of a value inside another one, `path` leading to it."""
    checking = CHECKING.get()
    checking.spend()
    known = checking.validators.get(id(schema))
    if known is None:
        known = checking.validators[id(schema)] = validator.evolve(schema=schema)
    if schema is False:
        yield ValidationError("nothing may stand here", path=path)
        return
    for error in known.iter_errors(value):
        error.path.extendleft(reversed(path))
        yield error


def _fits(validator: Any, schema: Any, value: Any) -> bool:
    return next(errors_of(validator, schema, value), None) is None


def fingerprint(value: Any) -> Any:
    """Return what is equal for values that are equal as JSON: 1 and 1.0 are, 1 and true are not."""
    CHECKING.get().spend()
    if is_mapping(value):
        return frozenset((key, fingerprint(item)) for key, item in value.items())
    if is_list(value):
        return tuple(map(fingerprint, value))
    return (bool, value) if isinstance(value, bool) else value


_NAMES: dict[Any, str] = {
    str: "string",
    dict: "object",
    list: "array",
    int: "integer",
    float: "number",
    bool: "boolean",
}


def _type(validator: Any, types: Any, value: Any, _: Any) -> Errors:
    wanted: list[str] = [types] if isinstance(types, str) else types
    if not any(validator.is_type(value, name) for name in wanted):
        found = _NAMES.get(type(value), "null")
        yield ValidationError(f"expected {' or '.join(wanted)}, found {found}")


def _enum(_: Any, choices: Any, value: Any, __: Any) -> Errors:
    known = CHECKING.get().choices
    if id(choices) not in known:
        known[id(choices)] = frozenset(map(fingerprint, choices))
    if fingerprint(value) not in known[id(choices)]:
        yield ValidationError("none of the values that are allowed here")


def _const(_: Any, constant: Any, value: Any, __: Any) -> Errors:
    if fingerprint(value) != fingerprint(constant):
        yield ValidationError("not the one value that is allowed here")


def _number_rule(breaks: Callable[[Any, Any], bool], message: str) -> Rule:
    def rule(validator: Any, bound: Any, value: Any, _: Any) -> Errors:
        if validator.is_type(value, "number") and breaks(value, bound):
            yield ValidationError(f"{message} {bound}")

    return rule


def _is_no_multiple(value: float, factor: float) -> bool:
    # exact, as written in decimal: 0.3 is a multiple of 0.1
    return bool(Fraction(str(value)) % Fraction(str(factor)))


def _size_rule(kind: str, breaks: Callable[[int, Any], bool], message: str) -> Rule:
    def rule(validator: Any, bound: Any, value: Any, _: Any) -> Errors:
        if validator.is_type(value, kind) and breaks(len(value), bound):
            yield ValidationError(message.format(int(bound)))

    return rule


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Errors:
    if isinstance(value, str) and not compile_pattern(pattern).search(value):
        yield ValidationError("does not match the pattern that is asked for here")


def _unique(_: Any, is_unique: Any, value: Any, __: Any) -> Errors:
    if is_unique and is_list(value):
        seen: dict[Any, int] = {}
        for index, item in enumerate(value):
            first = seen.setdefault(fingerprint(item), index)
            if first != index:
                yield ValidationError(f"the same as item {first}, and every item may occur once", path=(index,))


def _required(_: Any, names: Any, value: Any, __: Any) -> Errors:
    if is_mapping(value):
        for name in names:
            if name not in value:
                yield ValidationError(f"`{name}` is missing")


def _dependent_required(_: Any, dependencies: Any, value: Any, __: Any) -> Errors:
    if is_mapping(value):
        for name, others in dependencies.items():
            for other in others if name in value else ():
                if other not in value:
                    yield ValidationError(f"`{other}` is missing, which goes with `{name}`")


def _properties(validator: Any, properties: Any, value: Any, _: Any) -> Errors:
    if is_mapping(value):
        for name, schema in properties.items():
            if name in value:
                yield from errors_of(validator, schema, value[name], name)


def _pattern_properties(validator: Any, patterns: Any, value: Any, _: Any) -> Errors:
    if is_mapping(value):
        for pattern, schema in patterns.items():
            search = compile_pattern(pattern).search
            for name, item in value.items():
                CHECKING.get().spend()
                if search(name):
                    yield from errors_of(validator, schema, item, name)


def is_additional(name: str, schema: Any) -> bool:
    """Tell whether neither `properties` nor `patternProperties` of a schema know a name."""
    if name in schema.get("properties", ()):
        return False
    return not any(compile_pattern(pattern).search(name) for pattern in schema.get("patternProperties", ()))


def _additional_properties(validator: Any, additional: Any, value: Any, schema: Any) -> Errors:
    if is_mapping(value):
        for name, item in value.items():
            CHECKING.get().spend(1 + len(schema.get("patternProperties", ())))
            if not is_additional(name, schema):
                continue
            if additional is False:
                yield ValidationError("no such key is known here", path=(name,))
            else:
                yield from errors_of(validator, additional, item, name)


def _property_names(validator: Any, names: Any, value: Any, _: Any) -> Errors:
    if is_mapping(value):
        for name in value:
            if not _fits(validator, names, name):
                yield ValidationError("a key that may not be used here", path=(name,))


def _prefix_items(validator: Any, schemas: Any, value: Any, _: Any) -> Errors:
    if is_list(value):
        for index, (schema, item) in enumerate(zip(schemas, value, strict=False)):
            yield from errors_of(validator, schema, item, index)


def _items(validator: Any, items: Any, value: Any, schema: Any) -> Errors:
    if is_list(value):
        for index in range(len(schema.get("prefixItems", ())), len(value)):
            yield from errors_of(validator, items, value[index], index)


def _contains(validator: Any, contains: Any, value: Any, schema: Any) -> Errors:
    if is_list(value):
        count = sum(_fits(validator, contains, item) for item in value)
        if count < schema.get("minContains", 1):
            yield ValidationError("too few items are of the kind that is asked for here")
        if count > schema.get("maxContains", len(value)):
            yield ValidationError("too many items are of the kind that is asked for here")


def _all_of(validator: Any, schemas: Any, value: Any, _: Any) -> Errors:
    for schema in schemas:
        yield from errors_of(validator, schema, value)


def _any_of(validator: Any, schemas: Any, value: Any, _: Any) -> Errors:
    if not any(_fits(validator, schema, value) for schema in schemas):
        yield ValidationError("fits none of the alternatives")


def _one_of(validator: Any, schemas: Any, value: Any, _: Any) -> Errors:
    count = sum(_fits(validator, schema, value) for schema in schemas)
    if count != 1:
        yield ValidationError("fits none of the alternatives" if not count else "fits several alternatives, not one")


def _not(validator: Any, schema: Any, value: Any, _: Any) -> Errors:
    if _fits(validator, schema, value):
        yield ValidationError("is just what may not stand here")


def _if(validator: Any, condition: Any, value: Any, schema: Any) -> Errors:
    branch = schema.get("then" if _fits(validator, condition, value) else "else", True)
    yield from errors_of(validator, branch, value)


def _dependent_schemas(validator: Any, dependencies: Any, value: Any, _: Any) -> Errors:
    if is_mapping(value):
        for name, schema in dependencies.items():
            if name in value:
                yield from errors_of(validator, schema, value)


def _target(validator: Any, schema: Any, value: Any, _: Any) -> Errors:
    yield from errors_of(validator, schema, value)


def _unevaluated_properties(validator: Any, unevaluated: Any, value: Any, schema: Any) -> Errors:
    if is_mapping(value):
        seen = {key for key in _evaluated(validator, schema, value, is_root=True) if isinstance(key, str)}
        for name in value.keys() - seen:
            if unevaluated is False:
                yield ValidationError("no such key is known here", path=(name,))
            else:
                yield from errors_of(validator, unevaluated, value[name], name)


def _unevaluated_items(validator: Any, unevaluated: Any, value: Any, schema: Any) -> Errors:
    if is_list(value):
        seen = _evaluated(validator, schema, value, is_root=True)
        for index in range(len(value)):
            if index not in seen:
                yield from errors_of(validator, unevaluated, value[index], index)


def _evaluated(validator: Any, schema: Any, value: Any, *, is_root: bool = False) -> set[str | int]:
    """Return the keys or indexes of a value that a schema has looked at, with all that it applies in place."""
    CHECKING.get().spend()
    if not is_mapping(schema) or not (is_root or _fits(validator, schema, value)):
        return set()
    seen = _own_evaluated(validator, schema, value, is_root=is_root)
    inner: list[Any] = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, ())]
    if "if" in schema:
        holds = _fits(validator, schema["if"], value)
        inner.extend((schema["if"], schema.get("then" if holds else "else", True)))
    if is_mapping(value):
        inner.extend(part for name, part in schema.get("dependentSchemas", {}).items() if name in value)
    inner.append(schema.get(TARGET))
    for part in inner:
        seen |= _evaluated(validator, part, value)
    return seen


def _own_evaluated(validator: Any, schema: dict[str, Any], value: Any, *, is_root: bool) -> set[str | int]:
    CHECKING.get().spend(len(value) if is_mapping(value) or is_list(value) else 1)
    if is_mapping(value):
        if "additionalProperties" in schema or ("unevaluatedProperties" in schema and not is_root):
            return set(value)
        return {name for name in value if not is_additional(name, schema)}
    if not is_list(value):
        return set()
    if "items" in schema or ("unevaluatedItems" in schema and not is_root):
        return set(range(len(value)))
    seen: set[str | int] = set(range(min(len(schema.get("prefixItems", ())), len(value))))
    if "contains" in schema:
        seen |= {index for index, item in enumerate(value) if _fits(validator, schema["contains"], item)}
    return seen


RULES: dict[str, Rule] = {
    TARGET: _target,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _number_rule(lambda value, bound: value < bound, "must be at least"),
    "maximum": _number_rule(lambda value, bound: value > bound, "must be at most"),
    "exclusiveMinimum": _number_rule(lambda value, bound: value <= bound, "must be more than"),
    "exclusiveMaximum": _number_rule(lambda value, bound: value >= bound, "must be less than"),
    "multipleOf": _number_rule(_is_no_multiple, "must be a multiple of"),
    "minLength": _size_rule("string", lambda size, bound: size < bound, "must have at least {} characters"),
    "maxLength": _size_rule("string", lambda size, bound: size > bound, "must have at most {} characters"),
    "minItems": _size_rule("array", lambda size, bound: size < bound, "must have at least {} items"),
    "maxItems": _size_rule("array", lambda size, bound: size > bound, "must have at most {} items"),
    "minProperties": _size_rule("object", lambda size, bound: size < bound, "must have at least {} keys"),
    "maxProperties": _size_rule("object", lambda size, bound: size > bound, "must have at most {} keys"),
    "pattern": _pattern,
    "uniqueItems": _unique,
    "required": _required,
    "dependentRequired": _dependent_required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "prefixItems": _prefix_items,
    "items": _items,
    "contains": _contains,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "dependentSchemas": _dependent_schemas,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
