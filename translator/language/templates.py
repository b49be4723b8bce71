"""The strings of a spec: literal text and `${ … }` expressions, compiled once and evaluated per step."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from translator.language.costs import Effort, effort_of
from translator.language.expressions import (
    CompiledExpression,
    EngineFault,
    ExpressionEngine,
    ExpressionFailed,
    ExpressionProblem,
    ExpressionTooCostly,
    JsonSchema,
    Scope,
    evaluate_spread,
)
from translator.language.lexing import MAX_EXPRESSION, Lexed, lex
from translator.language.naming import Cut, Named, NameReader, Slot
from translator.language.schema_walk import with_fractions

_MAX_TEXT = 2**24
_MAX_PARTS = 100
_MAX_PROBLEMS = 50  # no author reads more, and the search for what was meant is slow
_OPENING = re.compile(r"\$?\$\{")
_MISSING: Final = object()


@dataclass(frozen=True, eq=False)
class Expression:
    """Hold one compiled `${ … }`; a lone path is read without the engine, so `program` is None then.

    `spread` names a variable whose list may be worked on piece by piece, see `evaluate_spread`.
    """

    text: str
    slots: tuple[Slot, ...]
    schema: JsonSchema
    effort: Effort
    program: CompiledExpression | None
    spread: str | None

    @property
    def variables(self) -> dict[str, JsonSchema]:
        """Return the schemas of the free names of `text`: with it, what an engine needs to compile it elsewhere."""
        return {slot.name: slot.schema for slot in self.slots}

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the free names; one whose field is not there is left out."""
        bound = {slot.name: _value_of(slot, values) for slot in self.slots}
        return {name: value for name, value in bound.items() if value is not _MISSING}

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value as JSON; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        if self.program is not None:
            return evaluate_spread(self.program, self.bind(values), self.spread)
        value = _value_of(self.slots[0], values)
        if value is _MISSING:
            raise ExpressionFailed("the field that is read is not there")
        return value

    def is_heavy(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the evaluation may take long or much memory, so that it belongs in a child process."""
        return (
            self.program is not None and self.effort.may_be_heavy and self.effort.is_heavy(self.bind(values).values())
        )


@dataclass(frozen=True)
class Template:
    """Hold one compiled string: a lone expression keeps its type, a mixed string gives text.

    `references` are the paths that are read (`("nodes", "collect", "result", "data")`); `schema` describes the result.
    """

    source: str
    parts: tuple[str | Expression, ...]
    is_expression: bool
    references: frozenset[tuple[str, ...]]
    schema: JsonSchema

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Return the expressions in the order of the text."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def evaluate(self, values: Mapping[str, Any], known: Mapping[Expression, Any] | None = None) -> Any:
        """Return the value as JSON; `known` are expressions evaluated elsewhere.

        Raises `ExpressionFailed` or `ExpressionTooCostly`.
        """
        results = [
            part if isinstance(part, str) else known[part] if known and part in known else part.evaluate(values)
            for part in self.parts
        ]
        return results[0] if self.is_expression else _joined(results)

    def is_heavy(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the evaluation may take long or much memory, so that it belongs in a child process."""
        return any(expression.is_heavy(values) for expression in self.expressions)


@dataclass(frozen=True)
class CompiledValue:
    """Hold a JSON value whose strings are compiled; `problems` are `(JSON pointer within the value, problem)`."""

    source: Any
    tree: Any  # as `source`, with a Template for each string
    problems: tuple[tuple[str, ExpressionProblem], ...]
    references: frozenset[tuple[str, ...]]
    schema: JsonSchema
    expressions: tuple[Expression, ...]

    def evaluate(self, values: Mapping[str, Any], known: Mapping[Expression, Any] | None = None) -> Any:
        """Return the value with every expression evaluated; raise like `Template.evaluate`, or if it has problems."""
        if self.problems:
            raise ExpressionFailed("an expression of this value was refused")
        return _evaluated(self.tree, values, known)

    def is_heavy(self, values: Mapping[str, Any]) -> bool:
        """Tell whether any part is heavy."""
        return any(expression.is_heavy(values) for expression in self.expressions)


def compile_template(text: str, scope: Scope, engine: ExpressionEngine) -> Template | list[ExpressionProblem]:
    """Compile one string of a spec, or say everything that is wrong with it, in the order of the text."""
    parts: list[str | Expression] = []
    problems: list[ExpressionProblem] = []
    position = 0
    while len(problems) < _MAX_PROBLEMS and (opening := _OPENING.search(text, position)):
        parts.append(text[position : opening.start()])
        position = opening.end()
        if opening.group() == "$${":
            parts.append("${")
            continue
        lexed = lex(text, position)
        if lexed.closing is None or len(parts) > 2 * _MAX_PARTS:
            problems.append(_unclosed(text, opening.start()) if lexed.closing is None else _too_many(opening.start()))
            break
        made = _compile_expression(text, position, lexed, scope, engine)
        if isinstance(made, Expression):
            parts.append(made)
        else:
            problems.extend(made)
        position = lexed.closing + 1
    return problems or _template(text, [*parts, text[position:]])


def compile_value(value: Any, scope: Scope, engine: ExpressionEngine) -> CompiledValue:
    """Compile every string in a JSON value (keys are left alone)."""
    problems: list[tuple[str, ExpressionProblem]] = []
    templates: list[Template] = []

    def compiled(node: Any, pointer: str) -> Any:
        if isinstance(node, str) and len(problems) < _MAX_PROBLEMS:
            made = compile_template(node, scope, engine)
            if isinstance(made, Template):
                templates.append(made)
                return made
            problems.extend((pointer, problem) for problem in made)
            return node
        if isinstance(node, Mapping):
            fields = cast("Mapping[str, Any]", node).items()
            return {key: compiled(item, f"{pointer}/{_escaped(key)}") for key, item in fields}
        if isinstance(node, list | tuple):
            return [compiled(item, f"{pointer}/{index}") for index, item in enumerate(cast("list[Any]", node))]
        return node

    tree = compiled(value, "")
    references = frozenset(path for template in templates for path in template.references)
    expressions = tuple(expression for template in templates for expression in template.expressions)
    return CompiledValue(value, tree, tuple(problems), references, schema_of(tree), expressions)


def schema_of(node: Any) -> JsonSchema:
    """Return the schema of a compiled value, or of one that is written out."""
    if isinstance(node, Template):
        return node.schema
    if isinstance(node, dict):
        fields = {key: schema_of(item) for key, item in cast("dict[str, Any]", node).items()}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    if isinstance(node, list):
        return {"type": "array", "prefixItems": [schema_of(item) for item in cast("list[Any]", node)], "items": False}
    return {"const": node}


def has_expression(value: Any) -> bool:
    """Tell whether a string in a JSON value holds `${`."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(has_expression(one) for one in cast("dict[str, Any]", value).values())
    return isinstance(value, list) and any(has_expression(one) for one in cast("list[Any]", value))


def _compile_expression(
    text: str, start: int, lexed: Lexed, scope: Scope, engine: ExpressionEngine
) -> Expression | list[ExpressionProblem]:
    """Compile what stands between an offset of a string and the closing brace."""
    tokens, end = lexed.tokens, lexed.closing or 0
    if not tokens:
        return [ExpressionProblem("expression-syntax", "there is nothing between the braces", start)]
    if end - start > MAX_EXPRESSION:
        return [_too_large(start)]
    reader = NameReader(tokens, scope)
    named = reader.read()
    effort = effort_of(tokens, named.loops, len(named.cuts))
    rewritten = _rewritten(text, start, end, named.cuts)
    if named.whole is not None and not reader.problems:
        return Expression(rewritten, (named.whole,), named.whole.schema, effort, None, None)
    program = engine.compile(rewritten, {slot.name: slot.schema for slot in named.slots})
    if isinstance(program, EngineFault):
        return _problems(program, reader.problems, start, named)
    schema = program.schema if named.schema is None else named.schema
    spread = named.spread.name if named.spread else None
    return reader.problems or Expression(rewritten, named.slots, schema, effort, program, spread)


def _problems(fault: EngineFault, found: list[ExpressionProblem], start: int, named: Named) -> list[ExpressionProblem]:
    """Prefer what the names say, but where the text cannot be read at all, say only that."""
    at = _source_offset(fault.offset, start, named.cuts)
    problem = ExpressionProblem(fault.name, fault.message, at, fault.suggestion)
    return [problem] if fault.name in ("expression-syntax", "expression-too-large") or not found else found


def _rewritten(text: str, start: int, end: int, cuts: Iterable[Cut]) -> str:
    pieces: list[str] = []
    for cut in cuts:
        pieces += [text[start : cut.start], cut.text]
        start = cut.end
    return "".join([*pieces, text[start:end]])


def _source_offset(offset: int, start: int, cuts: tuple[Cut, ...]) -> int:
    """Translate an offset in the rewritten text into one in the source."""
    starts: list[int] = []  # of the replacements, in the rewritten text
    shift = start
    shifts: list[int] = []
    for cut in cuts:
        starts.append(cut.start - shift)
        shift += (cut.end - cut.start) - len(cut.text)
        shifts.append(shift)
    index = bisect_right(starts, offset) - 1
    if index < 0:
        return start + offset
    is_within = offset < starts[index] + len(cuts[index].text)
    return cuts[index].start if is_within else offset + shifts[index]


def _template(source: str, pieces: list[str | Expression]) -> Template:
    parts = tuple(piece for piece in pieces if piece != "")
    expressions = [part for part in parts if isinstance(part, Expression)]
    is_expression = len(parts) == 1 and len(expressions) == 1
    references = frozenset(slot.path for expression in expressions for slot in expression.slots)
    schema: JsonSchema = {"type": "string"}
    if is_expression:
        schema = expressions[0].schema
    elif not expressions:
        schema = {"type": "string", "const": "".join(str(part) for part in parts)}
    return Template(source, parts, is_expression, references, schema)


def _unclosed(text: str, start: int) -> ExpressionProblem:
    if len(text) - start > MAX_EXPRESSION:
        return _too_large(start)
    message = "the expression that begins here is never closed"
    return ExpressionProblem("expression-syntax", message, start, "close it with `}`; a literal `${` is written `$${`")


def _too_large(start: int) -> ExpressionProblem:
    message = f"an expression has at most {MAX_EXPRESSION} characters"
    return ExpressionProblem("expression-too-large", message, start, "compute parts of it in a `set` node before")


def _too_many(start: int) -> ExpressionProblem:
    message = f"one text has at most {_MAX_PARTS} expressions"
    return ExpressionProblem("expression-too-large", message, start, "split the text")


def _value_of(slot: Slot, values: Mapping[str, Any]) -> Any:
    """Follow a path; a field of null is null, and so is one that may be missing."""
    value: Any = values
    for name in slot.path:
        if value is None:
            break
        if not isinstance(value, Mapping):
            value = _MISSING
            break
        value = cast("Mapping[str, Any]", value).get(name, _MISSING)
    if slot.is_presence:
        return value is not _MISSING and value is not None
    if value is _MISSING:
        return None if slot.is_nullable else _MISSING
    return with_fractions(value, slot.schema) if slot.has_numbers else value


def _joined(results: list[Any]) -> str:
    """Write all parts into one text; many copies of a long text are more than memory has."""
    size = 0
    texts: list[str] = []
    for result in results:
        texts.append(_as_text(result))
        size += len(texts[-1])
        if size > _MAX_TEXT:
            raise ExpressionTooCostly
    return "".join(texts)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _evaluated(node: Any, values: Mapping[str, Any], known: Mapping[Expression, Any] | None) -> Any:
    if isinstance(node, Template):
        return node.evaluate(values, known)
    if isinstance(node, dict):
        return {key: _evaluated(item, values, known) for key, item in cast("dict[str, Any]", node).items()}
    if isinstance(node, list):
        return [_evaluated(item, values, known) for item in cast("list[Any]", node)]
    return node


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
