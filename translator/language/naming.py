"""The names in one expression, looked up in a scope: what is not there is a problem, what is becomes a slot.

A path such as `nodes.collect.result.data` is cut out and replaced by one free variable of its own, a slot, so that the
engine checks and binds exactly the fields that are used, and equal expressions over different fields compile once.
"""

import re
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from translator.language.expressions import ExpressionProblem, JsonSchema, Scope
from translator.language.lexing import Token, plain_text
from translator.language.schema_walk import (
    ANYTHING,
    element_of,
    field_of,
    fields_of,
    mentions_numbers,
    simplified,
    type_without_null,
)

Path = tuple[str, ...]
LOOPS = frozenset(["all", "exists", "exists_one", "existsOne", "map", "filter"])
_WORDS = frozenset(["true", "false", "null", "in", "bool", "int", "uint", "double", "string", "bytes", "list", "map"])
_TYPES = frozenset(["null_type", "type"])
_SLOT = "__slot"
_TYPO, _COMPARED, _SHOWN = 3, 40, 5
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Slot(NamedTuple):
    """Name a free variable for a path: its value, or, where `is_presence`, whether there is one that is not null."""

    name: str
    path: Path
    schema: JsonSchema
    is_presence: bool
    is_nullable: bool  # also when the field, or one on the way to it, may be missing
    has_numbers: bool  # integers in the value may have to become fractions, or the other way round


class Loop(NamedTuple):
    """Hold a comprehension's variable, what it runs over, and between which tokens it exists."""

    variable: str
    schema: JsonSchema
    first: int
    last: int


class Cut(NamedTuple):
    """Replace the text from `start` to `end` (offsets in the scalar) by `text`."""

    start: int
    end: int
    text: str


class Named(NamedTuple):
    """Hold an expression whose names are known.

    `whole` is set where it is one path and nothing else, `schema` also where an index or two follow the path. `spread`
    is the slot of a list that nothing but `map` and `filter` is done to: the list may be worked on piece by piece.
    """

    slots: tuple[Slot, ...]
    cuts: tuple[Cut, ...]
    loops: tuple[Loop, ...]
    whole: Slot | None
    schema: JsonSchema | None
    spread: Slot | None


class _Step(NamedTuple):
    """One link of a chain: `.name`, `["name"]` or `[0]` (name is None)."""

    name: str | None
    offset: int
    last_token: int
    is_dotted: bool


class NameReader:
    """Walk over the tokens of one expression once; `problems` fills up as it goes."""

    def __init__(self, tokens: list[Token], scope: Scope) -> None:
        self._tokens = tokens
        self._scope = scope
        self._slots: dict[tuple[Path, bool], Slot] = {}  # those that may be used again
        self._all_slots: list[Slot] = []
        self._cuts: list[Cut] = []
        self._loops: list[Loop] = []
        self._ranges: dict[int, JsonSchema] = {}  # last token of a chain: what the chain is
        self.problems: list[ExpressionProblem] = []

    def read(self) -> Named:
        """Look all names up, and cut out the paths."""
        index = 0
        spread: Slot | None = None
        while index < len(self._tokens):
            is_first = index == 0
            index = self._read_at(index)
            if is_first and self._all_slots and self._is_spread_from(index):
                spread = self._all_slots[0]
                self._slots.clear()  # inside the loop the same path is another variable: the whole list
        chain = self._steps(0)
        is_chain = bool(chain) and chain[-1].last_token == len(self._tokens) - 1
        schema = self._ranges.get(len(self._tokens) - 1) if is_chain else None
        return Named(tuple(self._all_slots), tuple(self._cuts), tuple(self._loops), self._whole(), schema, spread)

    def _is_spread_from(self, index: int) -> bool:
        """Tell whether all that follows the path at the beginning is `.map(…)` and `.filter(…)`."""
        if index >= len(self._tokens) or self._cuts[0].end != self._tokens[index - 1].end:
            return False  # of `a.b[0].map(…)` only `a.b` is a slot
        while index < len(self._tokens):
            macro = [token.text for token in self._tokens[index : index + 3]]
            if macro not in ([".", "map", "("], [".", "filter", "("]):
                return False
            index = self._end_of_bracket(index + 2) + 1
        return True

    def _whole(self) -> Slot | None:
        if len(self._cuts) != 1 or not self._tokens:
            return None
        is_all = (self._cuts[0].start, self._cuts[0].end) == (self._tokens[0].start, self._tokens[-1].end)
        slot = self._all_slots[0]
        if not is_all or slot.is_presence:
            return None
        is_scalar = type_without_null(simplified(slot.schema)[0]) in ("integer", "number")
        return slot._replace(has_numbers=is_scalar)  # what is only passed on is not walked through

    def _read_at(self, index: int) -> int:
        token = self._tokens[index]
        if token.kind != "name" or self._is_mark(index - 1, "."):
            return index + 1
        if self._is_mark(index + 1, "("):
            return self._read_has(index) or index + 1
        return self._read_name(index)

    def _read_name(self, index: int) -> int:
        token = self._tokens[index]
        if self._enter_loop(index):
            return index + 1
        for loop in reversed(self._loops):
            if loop.variable == token.text and loop.first <= index <= loop.last:
                return self._follow(index, loop.schema, self._steps(index), (token.text,))
        if token.text in self._scope.variables:
            return self._read_chain(index, is_presence=False)
        if token.text not in _WORDS | _TYPES:
            self.problems.append(self._unknown_root(token))
            return self._steps(index)[-1].last_token + 1 if self._steps(index) else index + 1
        return index + 1

    def _enter_loop(self, index: int) -> bool:
        """Recognise `x.map(name, …)`; the name exists from there to the closing bracket."""
        is_macro = self._is_mark(index - 1, "(") and self._is_mark(index - 3, ".") and self._is_mark(index + 1, ",")
        if not is_macro or self._tokens[index - 2].text not in LOOPS:
            return False
        token = self._tokens[index]
        if token.text.startswith("__"):
            message = "the variable of a loop may not begin with two underscores"
            self.problems.append(ExpressionProblem("expression-syntax", message, token.start))
        schema = element_of(self._ranges.get(index - 4, ANYTHING))
        self._loops.append(Loop(token.text, schema, index + 1, self._end_of_bracket(index)))
        return True

    def _end_of_bracket(self, index: int) -> int:
        depth = 1
        while index < len(self._tokens) - 1 and depth:
            index += 1
            token = self._tokens[index]
            if token.kind == "mark":
                depth += (token.text in "([{") - (token.text in ")]}")
        return index

    def _read_has(self, index: int) -> int | None:
        """Turn `has(path.field)` into a slot of its own, since an absent field cannot be bound."""
        root = index + 2
        if self._tokens[index].text != "has" or root >= len(self._tokens) or self._tokens[root].kind != "name":
            return None
        steps = self._steps(root)
        is_local = any(loop.variable == self._tokens[root].text and loop.last >= root for loop in self._loops)
        if not steps or is_local or self._tokens[root].text not in self._scope.variables:
            return None
        if not self._is_mark(steps[-1].last_token + 1, ")") or not steps[-1].is_dotted:
            return None
        return self._read_chain(root, is_presence=True)

    def _read_chain(self, root: int, *, is_presence: bool) -> int:
        """Cut the longest path of fields that begins at a variable, and check what follows it."""
        token = self._tokens[root]
        path: list[str] = [token.text]
        schema, is_nullable = simplified(self._scope.variables[token.text])
        steps = self._steps(root)
        used = 0
        for step in steps:
            if step.name is None or type_without_null(schema) not in (None, "object"):
                break
            field = field_of(schema, step.name)
            if not field.is_declared and step.is_dotted:
                self.problems.append(self._unknown_field(tuple(path), schema, step.offset))
                return steps[-1].last_token + 1
            path.append(step.name)
            schema, has_null = simplified(field.schema)
            is_nullable = is_nullable or field.is_optional or has_null
            used += 1
        if is_presence and used < len(steps):
            is_presence = False  # a field of an element, say: the engine's own has() sees to it
        last = steps[used - 1].last_token if used else root
        slot = self._slot(tuple(path), schema, is_nullable=is_nullable, is_presence=is_presence)
        first, end = (root - 2, last + 1) if is_presence else (root, last)
        self._cuts.append(Cut(self._tokens[first].start, self._tokens[end].end, slot.name))
        return last + 2 if is_presence else self._follow(last, schema, steps[used:], tuple(path))

    def _slot(self, path: Path, schema: JsonSchema, *, is_nullable: bool, is_presence: bool) -> Slot:
        known = self._slots.get((path, is_presence))
        if known:
            return known
        has_numbers = not is_presence and (type_without_null(schema) == "integer" or mentions_numbers(schema))
        if is_presence:
            schema, is_nullable = {"type": "boolean"}, False
        elif is_nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        slot = Slot(f"{_SLOT}{len(self._all_slots)}", path, schema, is_presence, is_nullable, has_numbers)
        self._slots[path, is_presence] = slot
        self._all_slots.append(slot)
        return slot

    def _follow(self, last: int, schema: JsonSchema, steps: list[_Step], path: Path) -> int:
        """Check the fields behind a value that is not bound by itself: an element's, a loop variable's."""
        for step in steps:
            schema = simplified(schema)[0]
            if step.name is None:
                schema = element_of(schema) if type_without_null(schema) == "array" else ANYTHING
                path = (*path[:-1], f"{path[-1]}[…]")
            else:
                field = field_of(schema, step.name)
                is_object = type_without_null(schema) == "object"
                if is_object and step.is_dotted and not field.is_declared:
                    self.problems.append(self._unknown_field(path, schema, step.offset))
                    return steps[-1].last_token + 1
                schema = field.schema if is_object else ANYTHING
                path = (*path, step.name)
            last = step.last_token
        self._ranges[last] = schema
        return last + 1

    def _steps(self, index: int) -> list[_Step]:
        """Return the links of the chain that begins at a name; a method call ends it."""
        steps: list[_Step] = []
        while step := self._step_after(index):
            steps.append(step)
            index = step.last_token
        return steps

    def _step_after(self, index: int) -> _Step | None:
        following = self._tokens[index + 1 : index + 4]
        if len(following) > 1 and following[0].text == "." and following[1].kind == "name":
            return (
                None if self._is_mark(index + 3, "(") else _Step(following[1].text, following[1].start, index + 2, True)
            )
        if len(following) == 3 and (following[0].text, following[2].text) == ("[", "]"):  # noqa: PLR2004
            key = plain_text(following[1])
            if key is not None or following[1].kind == "number":
                return _Step(key, following[1].start, index + 3, False)
        return None

    def _is_mark(self, index: int, mark: str) -> bool:
        return 0 <= index < len(self._tokens) and self._tokens[index].text == mark

    def _unknown_root(self, token: Token) -> ExpressionProblem:
        if token.text == "secrets" or token.text in self._scope.secrets:
            message = "a secret may not be used in an expression"
            suggestion = "name the secret under `auth:` of the node that needs it"
            return ExpressionProblem("secret-in-expression", message, token.start, suggestion)
        names = list(self._scope.variables)
        message = "there is no such name at this place"
        for owner in names:
            if token.text in fields_of(self._scope.variables[owner]):
                suggestion = f"did you mean `{owner}.{token.text}`?"
                return ExpressionProblem("unknown-variable", message, token.start, suggestion)
        return ExpressionProblem("unknown-variable", message, token.start, _nearest(token.text, (), names))

    def _unknown_field(self, path: Path, schema: JsonSchema, offset: int) -> ExpressionProblem:
        written = next(token.text for token in self._tokens if token.start == offset)
        message = f"`{dotted(path)}` has no such field"
        return ExpressionProblem("unknown-variable", message, offset, _nearest(written, path, fields_of(schema)))


def dotted(path: Path) -> str:
    """Write a path the way an author would."""
    text = path[0]
    for name in path[1:]:
        text += f".{name}" if _IDENTIFIER.match(name) or "[…]" in name else f'["{name}"]'
    return text


def _nearest(written: str, path: Path, names: list[str]) -> str | None:
    """Suggest the name that was probably meant, or show a few; looks at a few dozen names only, since it is slow."""
    ends = (written[0], written[-1])
    alike = (
        name for name in names if abs(len(name) - len(written)) <= _TYPO and (name[:1] in ends or name[-1:] in ends)
    )
    close = get_close_matches(written[:64], list(islice(alike, _COMPARED)), n=1)
    if close:
        return f"did you mean `{dotted((*path, close[0]))}`?"
    shown = ", ".join(f"`{dotted((*path, name))}`" for name in names[:_SHOWN])
    return f"there is {shown}{' and more' if len(names) > _SHOWN else ''}" if names else None
