"""The expression engine: CEL, by the project's own C++ implementation.

Three of its ways shape this room. An evaluation error comes back as a value. `number` has to be a DOUBLE and `integer`
an INT, and those two are never compared. A variable that may be null can be declared for the check, but not bound:
so an expression with one is checked in one environment and run in another, where that variable is dynamic.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, cast

from cel_expr_python import cel

from translator.language.expressions import (
    EngineFault,
    ExpressionFailed,
    ExpressionTooCostly,
    JsonSchema,
)
from translator.language.schema_walk import as_schema, simplified, type_without_null

_REMEMBERED = 4096
_SCALARS = {"string": "string", "boolean": "bool", "integer": "int", "number": "double"}
_WRAPPERS = {"string": "StringValue", "boolean": "BoolValue", "integer": "Int64Value", "number": "DoubleValue"}
_PLAIN = {"STRING": "string", "BOOL": "boolean", "INT": "integer", "UINT": "integer", "DOUBLE": "number"}
_SHORT = {"TIMESTAMP": "string", "DURATION": "string", "NULL": "null"}
_REPORT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '(.*)'", re.DOTALL)
_FUNCTIONS = (
    "all bool bytes contains double duration dyn endsWith exists exists_one filter getDate getDayOfMonth getDayOfWeek "
    "getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth getSeconds has int map matches size "
    "startsWith string timestamp type uint"
)
_SPOKEN = (
    (r"wrapper\((\w+)\)", r"\1 or null"),
    (r"\bint\b", "integer"),
    (r"\bdouble\b", "number"),
    (r"\bbool\b", "boolean"),
    (r"\bmap\b", "object"),
    (r"\bdyn\b", "anything"),
    (r"\bnull_type\b", "null"),
)
_OPERATORS = {"_?_:_": "? :", "_[_]": "[ ]", "-_": "-", "!_": "!", "@in": "in"}
_REASONS = (
    ("divide by zero", "a division by zero"),
    ("modulus by zero", "a division by zero"),
    ("overflow", "a number became too large"),
    ("Key not found", "a field that is read is not there"),
    ("No value with name", "a field that is read is not there"),
    ("SELECT", "a field of something that has no fields is read"),
    ("Index", "a list has no element at this index"),
    ("index", "a list has no element at this index"),
    ("No matching overloads", "an operation does not take values of these types"),
    ("Unexpected value type", "a value has another type than was declared"),
    ("regular expression", "a regular expression cannot be read"),
)


class CelExpression:
    """Hold one checked program."""

    def __init__(self, program: cel.Expression, schema: JsonSchema) -> None:
        self._program = program
        self._schema = schema

    @property
    def schema(self) -> JsonSchema:
        """Describe the result by its static type."""
        return self._schema

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return JSON; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        try:
            result = self._program.eval(data=values)
            kind = result.type().name()
            plain = result.plain_value()
        except MemoryError:
            raise ExpressionTooCostly from None
        except Exception as error:  # noqa: BLE001 — the binding raises whatever C++ threw
            if "budget" in str(error) or "bad_alloc" in str(error):
                raise ExpressionTooCostly from None
            raise ExpressionFailed from None
        if kind in ("ERROR", "UNKNOWN"):
            raise ExpressionFailed(_reason(str(plain)))
        return _as_json(plain)


class CelEngine:
    """Compile CEL; programs and environments are remembered, as equal texts over equal types are common."""

    def __init__(self) -> None:
        self._programs: OrderedDict[tuple[Any, ...], CelExpression | EngineFault] = OrderedDict()
        self._environments: OrderedDict[tuple[tuple[str, str], ...], cel.Env] = OrderedDict()

    def compile(self, text: str, variables: Mapping[str, JsonSchema]) -> CelExpression | EngineFault:
        """Check `text` against the schemas of its free names; never raise."""
        types = {name: _signature(schema) for name, schema in variables.items()}
        key = (text, *types.items())
        known = self._programs.get(key)
        if known is None:
            known = self._compiled(text, types)
            _remember(self._programs, key, known)
        return known

    def _compiled(self, text: str, types: Mapping[str, str]) -> CelExpression | EngineFault:
        try:
            program = self._environment(types).compile(text)
            schema = _schema_of(repr(program.return_type()))
            if any(signature.startswith("google") for signature in types.values()):
                bindable = {name: "dyn" if kind.startswith("google") else kind for name, kind in types.items()}
                program = self._environment(bindable).deserialize(program.serialize())
        except Exception as error:  # noqa: BLE001 — the binding raises whatever C++ threw
            return _fault(str(error), text)
        return CelExpression(program, schema)

    def _environment(self, types: Mapping[str, str]) -> cel.Env:
        key = tuple(types.items())
        known = self._environments.get(key)
        if known is None:
            known = cel.NewEnv(variables={name: cel.Type(signature) for name, signature in key})
            _remember(self._environments, key, known)
        return known


def _remember(memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _signature(schema: JsonSchema) -> str:
    """Name the CEL type of a schema; lists and objects that may be null are dynamic, as CEL has no word for them."""
    inner, is_nullable = simplified(schema)
    kind = type_without_null(inner)
    if kind in _SCALARS:
        return f"google.protobuf.{_WRAPPERS[kind]}" if is_nullable else _SCALARS[kind]
    if is_nullable or kind not in ("array", "object"):
        return "dyn"
    if kind == "object":
        return "map<string,dyn>"
    element = _signature(as_schema(inner.get("items")))
    return f"list<{'dyn' if element.startswith('google') else element}>"


def _schema_of(type_name: str) -> JsonSchema:
    """Return the schema of a CEL type as the binding writes it: `LIST<INT>`, `DYN`; that it may be null is not told."""
    if type_name in _PLAIN or type_name in _SHORT:
        return {"type": _PLAIN.get(type_name) or _SHORT[type_name]}
    if type_name.startswith("LIST<"):
        return {"type": "array", "items": _schema_of(type_name[5:-1])}
    if type_name.startswith("MAP<"):
        return {"type": "object"}
    return {}


def _fault(report: str, text: str) -> EngineFault:
    """Turn the first line of an error report into a problem that echoes nothing of the text."""
    if "recursion" in report:
        return EngineFault("expression-too-large", "the expression is nested too deep", 0, "compute parts of it before")
    found = _REPORT.search(report)
    if found is None:
        return EngineFault("expression-syntax", "the expression cannot be read", 0)
    offset = _offset(text, int(found.group(1)), int(found.group(2)))
    said = found.group(3)
    overload = _OVERLOAD.search(said)
    if overload:
        return _no_operation(overload.group(1), overload.group(2), offset)
    if "undeclared reference" in said:
        return _undeclared(said, text, offset)
    if "select operation" in said:
        return EngineFault("no-such-operation", "a value of this type has no fields", offset)
    return EngineFault("expression-syntax", "this cannot be read as CEL", offset)


def _offset(text: str, line: int, column: int) -> int:
    """Translate a position (line from 1, column from 1) into code points from the start."""
    if line < 1:
        return 0
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + max(column - 1, 0), len(text))


def _no_operation(operator: str, operands: str, offset: int) -> EngineFault:
    name = _OPERATORS.get(operator) or operator.strip("_").replace("@", "")
    words = set(re.findall(r"\w+", operands))
    suggestion = None
    if {"int", "double"} <= words:
        suggestion = "write `double(…)` around the integer; a literal beside a fraction is written `1.0`"
    elif name == "? :":
        suggestion = "write `dyn(…)` around one of two branches of different types"
    elif "null_type" in words:
        suggestion = "this value is never null; write `dyn(…)` around it to compare it nevertheless"
    elif "string" in words and words & {"int", "double", "bool"} and name == "+":
        suggestion = "write `string(…)` around what is no text"
    shown = operands.removeprefix("(").removesuffix(")")
    for cel_name, json_name in _SPOKEN:
        shown = re.sub(cel_name, json_name, shown)
    return EngineFault("no-such-operation", f"`{name}` does not take ({shown})", offset, suggestion)


def _undeclared(said: str, text: str, offset: int) -> EngineFault:
    """Tell functions from variables: for a call the engine points at its bracket."""
    if text[offset : offset + 1] != "(":
        return EngineFault("unknown-variable", "there is no such name at this place", offset)
    written = re.search(r"'([^']*)'", said)
    close = get_close_matches(written.group(1)[:64] if written else "", _FUNCTIONS.split(), n=1)
    suggestion = f"did you mean `{close[0]}(…)`?" if close else None
    return EngineFault("unknown-function", "there is no such function", _start_of_name(text, offset), suggestion)


def _start_of_name(text: str, end: int) -> int:
    name = re.search(r"[A-Za-z0-9_]+\s*\Z", text[:end])
    return name.start() if name else end


def _reason(said: str) -> str:
    found = next((reason for sign, reason in _REASONS if sign in said), None)
    return f"the evaluation ended in an error: {found}" if found else "the evaluation ended in an error"


def _as_json(value: Any) -> Any:
    """Return a CEL value as JSON: dates and durations are texts; bytes, types and infinities are none."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise ExpressionFailed("the result is no finite number")
    if isinstance(value, list):
        return [_as_json(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_as_key(key): _as_json(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    raise ExpressionFailed("the result is nothing that JSON can hold")


def _as_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    raise ExpressionFailed("a key of the resulting object is no text")
