"""Luigi parameters as JSON Schema, and their values from JSON, from text and to text.

Part of the stage host: standard library and Luigi only, Python 3.8.
"""

# Luigi is hardly typed
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import TYPE_CHECKING, Any

import luigi
import luigi.parameter

if TYPE_CHECKING:  # Python 3.8 cannot subscript these
    from collections.abc import Callable

    Schema = dict[str, Any]

STRUCTURED = ("DictParameter", "ListParameter", "TupleParameter")


class InvalidParameter(Exception):
    """A parameter does not take this value."""

    kind = "invalid-parameter"


@functools.lru_cache(maxsize=None)  # noqa: UP033 - cache is no function of Python 3.8
def params_of(kind: type[luigi.Task]) -> list[tuple[str, luigi.Parameter[Any]]]:
    """Return a task's parameters; Luigi looks through all attributes of the class each time, a tenth of a millisecond.

    A class may get parameters later: `params_of.cache_clear()` at the beginning of each step.
    """
    return kind.get_params()


def remember_parameters() -> None:
    """Let Luigi itself, which asks several times for each task that is made, look at a class once, too.

    What it found is dropped together with what `params_of` remembers.
    """
    task: Any = luigi.Task
    original = task.get_params.__func__

    @functools.lru_cache(maxsize=None)  # noqa: UP033
    def remembered(kind: type[luigi.Task]) -> list[tuple[str, luigi.Parameter[Any]]]:
        return original(kind)

    clear = params_of.cache_clear

    def clear_both() -> None:
        clear()
        remembered.cache_clear()

    params_of.cache_clear = clear_both  # type: ignore[method-assign]
    task.get_params = classmethod(lambda kind: list(remembered(kind)))


def is_a(parameter: luigi.Parameter[Any], *names: str) -> bool:
    """Tell whether a parameter is of one of Luigi's types; not every version has every type."""
    return any(isinstance(parameter, getattr(luigi.parameter, name, ())) for name in names)


def is_private(parameter: luigi.Parameter[Any]) -> bool:
    """Tell whether the value must not be written down."""
    return parameter.visibility == luigi.parameter.ParameterVisibility.PRIVATE


def is_hidden(parameter: luigi.Parameter[Any]) -> bool:
    """Tell whether the value is kept off screens."""
    return parameter.visibility != luigi.parameter.ParameterVisibility.PUBLIC


def parameters_schema(task_class: type[luigi.Task]) -> Schema:
    """Return the closed object schema of what a stage takes; raises `InvalidParameter` for what no spec can say."""
    properties: Schema = {}
    required: list[str] = []
    family = task_class.get_task_family()
    for name, parameter in params_of(task_class):
        has_default = parameter.has_task_value(family, name)
        if is_a(parameter, "TaskParameter"):
            if not has_default:
                raise InvalidParameter(f"parameter {name} takes a task class, which a spec cannot name")
            continue
        properties[name] = parameter_schema(parameter)
        if not has_default:
            required.append(name)
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def parameter_schema(parameter: luigi.Parameter[Any]) -> Schema:
    """Return the schema of one parameter, its marks and its default included."""
    schema = _type_schema(parameter)
    default = static_default(parameter)
    if is_nullable(parameter):
        schema = _or_null(schema)
    if parameter.description:
        schema["description"] = str(parameter.description)
    if is_hidden(parameter):
        schema["x-luigi-visibility"] = "private" if is_private(parameter) else "hidden"
    if not parameter.significant:
        schema["x-luigi-insignificant"] = True
    if not is_hidden(parameter) and default is not None and isinstance(default, (bool, int, float, str)):
        schema["default"] = default
    return schema


def static_default(parameter: luigi.Parameter[Any]) -> Any:
    """Return the default that the class gives, None when it gives none."""
    default = getattr(parameter, "_default", None)
    return None if default is getattr(luigi.parameter, "_no_value", None) else default


def is_nullable(parameter: luigi.Parameter[Any]) -> bool:
    """Tell whether None is a value of it."""
    if any(kind.__name__.startswith("Optional") for kind in type(parameter).__mro__):
        return True
    return getattr(parameter, "_default", "") is None


def _or_null(schema: Schema) -> Schema:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    kinds = schema.get("type")
    if kinds is None:
        return schema
    return {**schema, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}


def _type_schema(parameter: luigi.Parameter[Any]) -> Schema:
    for name, schema in SCHEMAS:
        if is_a(parameter, name):
            found: Any = schema(parameter) if callable(schema) else schema
            return dict(found)
    return {"type": "string"}  # as on Luigi's command line: whatever it is, it can be parsed from text


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": "^" + pattern + "$"}


def _numerical(parameter: Any) -> Schema:
    is_closed_below = parameter._left_op(1, 1)  # noqa: SLF001 - Luigi keeps them nowhere else
    is_closed_above = parameter._right_op(1, 1)  # noqa: SLF001
    return {
        "type": "integer" if parameter._var_type is int else "number",  # noqa: SLF001
        "minimum" if is_closed_below else "exclusiveMinimum": parameter._min_value,  # noqa: SLF001
        "maximum" if is_closed_above else "exclusiveMaximum": parameter._max_value,  # noqa: SLF001
    }


def _enum(parameter: Any) -> Schema:
    return {"enum": list(parameter._enum.__members__)}  # noqa: SLF001


def _choice(parameter: Any) -> Schema:
    return {"enum": sorted(parameter._choices)}  # noqa: SLF001


def _structured(kind: str) -> Callable[[Any], Schema]:
    def schema_of(parameter: Any) -> Schema:
        own = getattr(parameter, "schema", None)
        own = getattr(own, "schema", own)  # a validator holds its schema
        return own if isinstance(own, dict) else {"type": kind}

    return schema_of


SCHEMAS: tuple[tuple[str, Any], ...] = (  # a type before the one that it derives from
    ("BoolParameter", {"type": "boolean"}),
    ("IntParameter", {"type": "integer"}),
    ("FloatParameter", {"type": "number"}),
    ("NumericalParameter", _numerical),
    ("MonthParameter", _text(r"\d{4}-\d{2}")),
    ("YearParameter", {"type": ["string", "integer"], "pattern": r"^\d{4}$"}),
    ("DateParameter", {**_text(r"\d{4}-\d{2}-\d{2}"), "format": "date"}),
    ("DateHourParameter", _text(r"\d{4}-\d{2}-\d{2}T\d{2}")),
    ("DateMinuteParameter", _text(r"\d{4}-\d{2}-\d{2}T\d{4}")),
    ("DateSecondParameter", _text(r"\d{4}-\d{2}-\d{2}T\d{6}")),
    ("TimeDeltaParameter", {"type": ["string", "number"]}),
    ("EnumListParameter", lambda parameter: {"type": "array", "items": _enum(parameter)}),
    ("EnumParameter", _enum),
    ("ChoiceListParameter", lambda parameter: {"type": "array", "items": _choice(parameter)}),
    ("ChoiceParameter", _choice),
    ("PathParameter", {"type": "string", "format": "path"}),
    ("DictParameter", _structured("object")),
    ("ListParameter", _structured("array")),
)


def value_from_json(parameter: luigi.Parameter[Any], name: str, value: Any) -> Any:
    """Return the value that a task gets for a JSON argument.

    Luigi's constructors check nothing, so it is parsed, normalised, written down and read back. Raises
    `InvalidParameter`, with no value in its text.
    """
    try:
        found = parameter.normalize(_parsed(parameter, value))
        is_stable = is_same(value_from_text(parameter, text_of(parameter, found)), found)
    except Exception as error:  # a parameter of the user's own may raise anything
        kind = type(parameter).__name__
        raise InvalidParameter(f"parameter {name}: this is no value of a {kind}") from error
    if not is_stable:
        raise InvalidParameter(f"parameter {name}: the value changes when it is written down and read again")
    return found


def _parsed(parameter: Any, value: Any) -> Any:
    if value is None:
        if not is_nullable(parameter):
            raise ValueError("null")
        return None
    if is_a(parameter, "EnumListParameter"):
        return tuple(parameter._enum[name] for name in value)  # noqa: SLF001
    if is_a(parameter, *STRUCTURED, "ChoiceListParameter"):
        return value
    if is_a(parameter, "BoolParameter", "NumericalParameter", "ChoiceParameter"):
        return parameter.parse(value)
    if is_a(parameter, "TimeDeltaParameter") and not isinstance(value, str):
        return dt.timedelta(seconds=value)
    return parameter.parse(_as_text(value))


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # to JSON Schema, 2.0 is an integer
    return str(value)


def text_of(parameter: luigi.Parameter[Any], value: Any) -> str | None:
    """Return the text form of a value, null for None."""
    return None if value is None else str(parameter.serialize(value))


def value_from_text(parameter: luigi.Parameter[Any], text: str | None) -> Any:
    """Return the value that `text_of` wrote."""
    if text is None:
        return None
    if is_a(parameter, *STRUCTURED) and type(parameter).__module__ == "luigi.parameter":
        return parameter.normalize(json.loads(text))  # Luigi's own way back loses null, true and false in tuples
    return parameter.normalize(parameter.parse(text))


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal and of one type."""
    return type(one) is type(other) and one == other
