"""Values against JSON Schemas: compiled once, checked in bounded time, and never repeated in what is said of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from translator.language.document import is_list, is_mapping, join_pointer
from translator.language.model import Spec
from translator.language.problems import MAX_PROBLEMS, did_you_mean
from translator.language.schema_keywords import MANY, NAMED, ONE, SchemaIndex, rebased, target_of
from translator.language.schema_rules import CHECKING, RULES, TARGET, Checking, TooCostlyError

STEPS = 400_000
"""How many schemas may meet how many values in one check; about a second on a slow machine."""


class SchemaError(ValueError):
    """A schema that was not checked before: a `$ref` in it leads nowhere."""


@dataclass(frozen=True, slots=True)
class SchemaViolation:
    """One way in which a value breaks its schema; `path` is a JSON pointer to the part that does."""

    path: str
    message: str
    keyword: str
    suggestion: str | None = None


@cache
def _validator_class() -> Any:
    return validators.create(
        meta_schema=Draft202012Validator.META_SCHEMA,
        validators=RULES,
        type_checker=Draft202012Validator.TYPE_CHECKER,
    )


class Validator:
    """Checks values against one schema; `defs` are the document's definitions, which `#/defs/N` means.

    The schema must have passed `check_schema`. Nothing is ever fetched.
    """

    def __init__(self, schema: Any, defs: Mapping[str, Any] | None = None) -> None:
        """Compile a schema; raise SchemaError when it refers to something that is not there."""
        compiled = _Compiler(defs or {}).compile(None, schema)
        # an empty registry: without one, jsonschema would fetch what it does not know
        self._validator = _validator_class()(compiled, registry=Registry[Any]())
        self._validators: dict[int, Any] = {}
        self._choices: dict[int, frozenset[Any]] = {}

    def problems(self, value: Any, pointer_prefix: str = "") -> list[SchemaViolation]:
        """Return how `value` breaks the schema, at most MAX_PROBLEMS ways; paths begin with `pointer_prefix`."""
        token = CHECKING.set(Checking(STEPS, self._validators, self._choices))
        found: list[SchemaViolation] = []
        try:
            if self._validator.schema is False:
                return [SchemaViolation(pointer_prefix, "nothing may stand here", "false")]
            errors = islice(self._validator.iter_errors(value), MAX_PROBLEMS)
            found.extend(_violation(error, pointer_prefix) for error in errors)
        except (TooCostlyError, RecursionError):
            message = "checking this value against its schema takes too many steps"
            found.append(SchemaViolation(pointer_prefix, message, "cost", "send less, or simplify the schema"))
        finally:
            CHECKING.reset(token)
        return found

    def is_valid(self, value: Any) -> bool:
        """Tell whether `value` fits the schema."""
        return not self.problems(value)


def _violation(error: ValidationError, prefix: str) -> SchemaViolation:
    path: list[str | int] = list(error.absolute_path)
    suggestion: str | None = None
    if error.validator in ("additionalProperties", "unevaluatedProperties") and path:
        schema: Any = error.schema
        known: dict[str, Any] = schema.get("properties", {}) if is_mapping(schema) else {}
        key = str(path[-1])
        suggestion = did_you_mean(key, known) or (f"known keys: {', '.join(list(known)[:20])}" if known else None)
    return SchemaViolation(join_pointer(prefix, *path), error.message, str(error.validator or "false"), suggestion)


class _Compiler:
    """Makes schemas in which every `$ref` is the very schema that it means."""

    def __init__(self, defs: Mapping[str, Any]) -> None:
        self._defs = defs
        self._indexes: dict[str | None, SchemaIndex] = {}
        self._made: dict[tuple[str | None, str], Any] = {}
        self._waiting: list[tuple[dict[str, Any], Any, str | None, str]] = []

    def compile(self, home: str | None, root: Any) -> Any:
        """Compile a schema whose own root is `root`; `home` names the definition that it is, if it is one."""
        self._indexes[home] = SchemaIndex.of(root)
        compiled = self._at(home, "")
        while self._waiting:  # no recursion: refs may lead on and on
            made, schema, inner_home, pointer = self._waiting.pop()
            for keyword, value in schema.items():
                self._add(made, keyword, value, inner_home, join_pointer(pointer, keyword))
        return compiled

    def _at(self, home: str | None, pointer: str) -> Any:
        if (home, pointer) in self._made:
            return self._made[home, pointer]
        schema = self._indexes[home].schemas.get(pointer, _NOWHERE)
        if schema is _NOWHERE:
            raise SchemaError("a $ref leads to a place where there is no schema")
        if not is_mapping(schema):
            self._made[home, pointer] = bool(schema)
            return bool(schema)
        made: dict[str, Any] = {}
        self._made[home, pointer] = made
        self._waiting.append((made, schema, home, pointer))
        return made

    def _add(self, made: dict[str, Any], keyword: str, value: Any, home: str | None, pointer: str) -> None:
        if keyword == "$ref":
            made[TARGET] = self._target(str(value), home)
        elif keyword in ONE:
            made[keyword] = self._at(home, pointer)
        elif keyword in MANY and is_list(value):
            made[keyword] = [self._at(home, join_pointer(pointer, index)) for index in range(len(value))]
        elif keyword in NAMED and is_mapping(value):
            if keyword not in ("$defs", "definitions"):
                made[keyword] = {name: self._at(home, join_pointer(pointer, name)) for name in value}
        elif keyword in RULES or keyword in ("minContains", "maxContains"):
            made[keyword] = value

    def _target(self, ref: str, home: str | None) -> Any:
        target = target_of(ref, self._indexes[home]) if ref.startswith("#") else None
        if target is None:
            raise SchemaError("a $ref leads to a place where there is no schema")
        if target.definition is None:
            return self._at(home, target.pointer)
        if target.definition not in self._defs:
            raise SchemaError("a $ref leads to a definition that the document does not have")
        if target.definition not in self._indexes:
            self._indexes[target.definition] = SchemaIndex.of(self._defs[target.definition])
        return self._at(target.definition, target.pointer)


_NOWHERE = object()


def inputs_schema(spec: Spec) -> dict[str, Any]:
    """Return the JSON Schema of a spec's inputs: an object that takes no others, each required unless it has a default.

    An input's own `#…` are rewritten to where it stands; `#/defs/N` still means the document's definitions.
    """
    names = spec.inputs.items()
    return {
        "type": "object",
        "properties": {name: rebased(schema, join_pointer("/properties", name)) for name, schema in names},
        "required": [name for name, schema in names if not (is_mapping(schema) and "default" in schema)],
        "additionalProperties": False,
    }


def with_defaults(schema: Any, value: Any) -> Any:
    """Return `value` with the defaults of the object's properties filled in where they are missing, at every depth."""
    if not is_mapping(schema) or not is_mapping(value):
        return value
    filled = dict(value)
    properties: Any = schema.get("properties")
    for name, inner in properties.items() if is_mapping(properties) else ():
        if name in filled:
            filled[name] = with_defaults(inner, filled[name])
        elif is_mapping(inner) and "default" in inner:
            filled[name] = inner["default"]
    return filled
