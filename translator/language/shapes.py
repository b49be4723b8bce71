"""Shapes: what the models' types demand of a document, as checks that report every mistake with its place.

The models are the one place where the language is written down. This file reads their types once and makes of them a
tree of checks; pydantic itself stops at other places than an author wants to be shown, and repeats values.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from translator.language.findings import Findings, Place
from translator.language.problems import did_you_mean
from translator.language.word_checks import check_word
from translator.language.words import Word

Rule = Callable[[dict[str, Any], Place, Findings], None]
TEXT, MAPPING, LIST, WHOLE, NUMBER, BOOLEAN, NULL = (
    "a text",
    "a mapping",
    "a list",
    "a whole number",
    "a number",
    "true or false",
    "nothing",
)
_KINDS = {str: TEXT, dict: MAPPING, list: LIST, int: WHOLE, float: NUMBER, bool: BOOLEAN, NoneType: NULL}


def kind_of(value: Any) -> str:
    """Return what a value of a document is, in words."""
    return _KINDS[type(value)]


class Shape(Protocol):
    """What a value must be: the kinds that it may have, and a check of it."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of values that the check takes."""
        ...

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report everything that is wrong with a value of one of the kinds."""
        ...


def check_shape_of(shape: Shape, value: Any, place: Place, findings: Findings) -> None:
    """Report a value of the wrong kind, or else everything that is wrong with it."""
    kind = kind_of(value)
    if kind in shape.kinds or (kind == WHOLE and NUMBER in shape.kinds):
        shape.check(value, place, findings)
    else:
        expected = " or ".join(shape.kinds)
        findings.at_value(place, "wrong-type", f"expected {expected}, found {kind}", _advice(shape, kind))


def _advice(shape: Shape, kind: str) -> str | None:
    word = shape.word if isinstance(shape, TextShape) else ""
    if word == "version" and kind != MAPPING:
        return 'put the version in quotes, with three numbers: "1.0.0"'
    if word in ("duration", "pause") and kind in (WHOLE, NUMBER):
        return "add a unit: 30s, 5m, 2h or 3d"
    if TEXT in shape.kinds and kind in (WHOLE, NUMBER, BOOLEAN):
        return 'put the value in quotes: "…"'
    if shape.kinds == (MAPPING,) and kind == LIST:
        return "write a mapping: every entry is `name: …`, without a hyphen before it"
    if shape.kinds == (LIST,) and kind in (TEXT, MAPPING):
        return "write a list: [a, b], or every entry on a line of its own after a hyphen"
    return "remove the key, or give it a value" if kind == NULL else None


@dataclass(frozen=True, slots=True)
class AnyShape:
    """Any value, or one that a word of the language describes and a later check reads (a JSON Schema)."""

    kinds: tuple[str, ...] = (TEXT, MAPPING, LIST, WHOLE, NUMBER, BOOLEAN, NULL)
    word: str = ""

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report what the word, if there is one, forbids."""
        if self.word:
            check_word(self.word, value, place, findings)


@dataclass(frozen=True, slots=True)
class TextShape:
    """A text, of a type of the language, perhaps with a least length."""

    word: str = ""
    shortest: int = 0
    kinds: tuple[str, ...] = (TEXT,)

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report a text that is too short or not of its type."""
        if len(value) < self.shortest:
            findings.at_value(place, "out-of-range", "an empty text", "write something here")
        elif self.word:
            check_word(self.word, value, place, findings)


@dataclass(frozen=True, slots=True)
class NumberShape:
    """A number within bounds."""

    kinds: tuple[str, ...]
    least: float | None = None
    over: float | None = None
    most: float | None = None

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report a number outside the bounds."""
        if self.least is not None and value < self.least:
            findings.at_value(place, "out-of-range", "a number that is too small", f"use at least {self.least:,}")
        elif self.over is not None and value <= self.over:
            findings.at_value(place, "out-of-range", "a number that is too small", f"use more than {self.over:,}")
        elif self.most is not None and value > self.most:
            findings.at_value(place, "out-of-range", "a number that is too large", f"use at most {self.most:,}")


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """One of a few words."""

    choices: tuple[str, ...]
    kinds: tuple[str, ...] = (TEXT,)

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Report any other word, and the one that was probably meant."""
        if value not in self.choices:
            suggestion = did_you_mean(value, self.choices) or f"use one of: {', '.join(self.choices)}"
            findings.at_value(place, "unknown-value", "none of the words that may stand here", suggestion)


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list of values of one shape."""

    item: Shape
    shortest: int = 0
    kinds: tuple[str, ...] = (LIST,)

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Check every item."""
        if len(value) < self.shortest:
            findings.at_value(place, "out-of-range", "an empty list", "give at least one entry")
        for index, item in enumerate(value):
            check_shape_of(self.item, item, (place, index), findings)


@dataclass(frozen=True, slots=True)
class MapShape:
    """A mapping from names of the author's to values of one shape."""

    item: Shape
    key_word: str = ""
    kinds: tuple[str, ...] = (MAPPING,)

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Check every key and every value."""
        for key, item in value.items():
            if self.key_word:
                check_word(self.key_word, key, (place, key), findings, is_key=True)
            check_shape_of(self.item, item, (place, key), findings)


@dataclass(slots=True)
class PartShape:
    """A mapping with keys of the language; `rules` check what types cannot say."""

    fields: dict[str, Shape] = field(default_factory=dict[str, Shape])
    required: tuple[str, ...] = ()
    is_open: bool = False  # other keys are looked at by a rule
    rules: tuple[Rule, ...] = ()
    kinds: tuple[str, ...] = (MAPPING,)

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Check every known key, and report those that are unknown or missing."""
        for key, item in value.items():
            shape = self.fields.get(key)
            if shape is not None:
                check_shape_of(shape, item, (place, key), findings)
            elif not self.is_open:
                unknown_field(key, self.fields, place, findings)
        for key in self.required:
            if key not in value:
                findings.lacking(place, "missing-field", f"`{key}` is missing here", f"add `{key}: …`")
        for rule in self.rules:
            rule(value, place, findings)


def unknown_field(key: str, known: "dict[str, Any] | tuple[str, ...]", place: Place, findings: Findings) -> None:
    """Report a key that the mapping at `place` does not have."""
    suggestion = did_you_mean(key, known) or f"known keys: {', '.join(known)}"
    findings.at_key((place, key), "unknown-field", "this mapping has no such key", suggestion)


@dataclass(frozen=True, slots=True)
class UnionShape:
    """One of several shapes, told apart by the kind of the value."""

    choices: tuple[Shape, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of all choices."""
        return tuple(dict.fromkeys(kind for shape in self.choices for kind in shape.kinds))

    def check(self, value: Any, place: Place, findings: Findings) -> None:
        """Check the value as the first choice that takes its kind."""
        kind = kind_of(value)
        shape = next((shape for shape in self.choices if kind in shape.kinds), self.choices[0])
        shape.check(value, place, findings)


Rules = dict[type[BaseModel], tuple[Rule, ...]]
"""What is checked of a part beyond the types of its fields."""

_WORD_KINDS = {
    "condition": (TEXT, BOOLEAN),
    "share": (WHOLE, TEXT),
    "schema": (MAPPING, BOOLEAN),
    "value": (TEXT, MAPPING, LIST, WHOLE, NUMBER, BOOLEAN, NULL),
}


class ShapeMaker:
    """Makes shapes of models, each once, so that models may hold themselves."""

    def __init__(self, rules: Rules, *, own_keys: tuple[type[BaseModel], ...] = ()) -> None:
        """Make shapes with these rules; parts of `own_keys` report unknown keys by a rule of their own."""
        self._rules = rules
        self._own_keys = own_keys
        self._parts: dict[type[BaseModel], PartShape] = {}

    def part(self, model: type[BaseModel]) -> PartShape:
        """Return the shape of a model."""
        if model in self._parts:
            return self._parts[model]
        shape = self._parts[model] = PartShape(rules=self._rules.get(model, ()))
        shape.is_open = model.model_config.get("extra") == "allow" or model in self._own_keys
        shape.required = tuple(info.alias or name for name, info in model.model_fields.items() if info.is_required())
        for name, info in model.model_fields.items():
            shape.fields[info.alias or name] = self._shape(info.annotation, info.metadata)
        return shape

    def _shape(self, annotation: Any, marks: list[Any]) -> Shape:  # noqa: PLR0911 - one line for each kind of type
        origin, arguments = get_origin(annotation), get_args(annotation)
        word = next((mark.kind for mark in marks if isinstance(mark, Word)), "")
        if origin is Annotated:
            return self._shape(arguments[0], [*marks, *_flat(arguments[1:])])
        if word in _WORD_KINDS:
            return AnyShape(_WORD_KINDS[word], word)
        if origin in (Union, UnionType):
            return self._union(arguments, marks)
        if origin is Literal:
            return ChoiceShape(arguments)
        if origin is tuple:
            return ListShape(self._shape(arguments[0], []), _shortest(marks))
        if origin is dict:
            return self._mapping(*arguments)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self.part(annotation)
        return _scalar(annotation, word, marks)

    def _union(self, arguments: tuple[Any, ...], marks: list[Any]) -> Shape:
        choices = tuple(self._shape(argument, marks) for argument in arguments if argument is not NoneType)
        return choices[0] if len(choices) == 1 else UnionShape(choices)

    def _mapping(self, key: Any, item: Any) -> Shape:
        words = [mark.kind for mark in get_args(key)[1:] if isinstance(mark, Word)]
        return MapShape(self._shape(item, []), words[0] if words else "")


def _scalar(annotation: Any, word: str, marks: list[Any]) -> Shape:
    if annotation is str:
        return TextShape(word, _shortest(marks))
    if annotation is bool:
        return AnyShape((BOOLEAN,))
    if annotation in (int, float):
        kinds = (WHOLE,) if annotation is int else (NUMBER,)
        return NumberShape(kinds, _bound(marks, Ge, "ge"), _bound(marks, Gt, "gt"), _bound(marks, Le, "le"))
    message = f"no shape for {annotation!r}"
    raise TypeError(message)


def _flat(marks: tuple[Any, ...]) -> list[Any]:
    """Return marks with those inside pydantic's field descriptions."""
    return [inner for mark in marks for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]


def _bound(marks: list[Any], kind: type[Any], name: str) -> float | None:
    return next((getattr(mark, name) for mark in marks if isinstance(mark, kind)), None)


def _shortest(marks: list[Any]) -> int:
    return next((mark.min_length for mark in marks if isinstance(mark, MinLen)), 0)


@cache
def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a part of the language, as a document writes them."""
    return tuple(info.alias or name for name, info in model.model_fields.items())
