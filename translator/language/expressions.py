"""What an expression may see, what may be wrong with it, and the port through which one is compiled.

An engine knows neither `${ }` nor specs: it gets the text of one expression and the kinds of its free names. Which
names and fields exist at a place is the business of a `Scope`; see `templates.py` for the strings of a spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

from translator.errors import SpecloomError

JsonSchema = Mapping[str, Any]
_PIECE = 64


@dataclass(frozen=True)
class Scope:
    """Say what an expression may use at one place: names with their JSON Schemas, and secrets it may not touch.

    A variable with declared `properties` is checked field by field, at any depth; one without is dynamic. A field
    that its schema does not require may be absent and then reads as null; so does a field of a null.
    """

    variables: Mapping[str, JsonSchema]
    secrets: frozenset[str] = frozenset()

    def extended(self, name: str, schema: JsonSchema) -> "Scope":
        """Add or replace one variable; everything else is shared, not copied."""
        return Scope({**self.variables, name: schema}, self.secrets)


@dataclass(frozen=True)
class ExpressionProblem:
    """Tell an author what is wrong: `offset` counts code points from the start of the scalar's text.

    `name` is one of `expression-syntax`, `expression-too-large`, `unknown-variable`, `unknown-function`,
    `no-such-operation`, `secret-in-expression`.
    """

    name: str
    message: str
    offset: int
    suggestion: str | None = None


class ExpressionError(SpecloomError):
    """The evaluation of an expression gave no value."""

    name: ClassVar[str] = "expression-failed"


class ExpressionFailed(ExpressionError):
    """The evaluation of an expression ended in an error."""

    name = "expression-failed"


class ExpressionTooCostly(ExpressionError):
    """The evaluation of an expression exceeded its budget of steps, time or memory."""

    name = "expression-too-costly"


@dataclass(frozen=True)
class EngineFault:
    """Tell why an engine refused an expression, in the words of `ExpressionProblem`; `offset` is into its own text."""

    name: str
    message: str
    offset: int
    suggestion: str | None = None


class CompiledExpression(Protocol):
    """One expression, checked and ready to be evaluated any number of times."""

    @property
    def schema(self) -> JsonSchema:
        """Describe the result as far as it is known; `{}` is anything."""
        ...

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return JSON; raise `ExpressionFailed` or `ExpressionTooCostly`, nothing else."""
        ...


class ExpressionEngine(Protocol):
    """Compile expressions of one expression language."""

    def compile(self, text: str, variables: Mapping[str, JsonSchema]) -> CompiledExpression | EngineFault:
        """Check `text` against the schemas of its free names; never raise."""
        ...


def evaluate_spread(program: CompiledExpression, values: Mapping[str, Any], spread: str | None) -> Any:
    """Evaluate piece by piece along the list called `spread`, and put the resulting lists together.

    CEL builds the list of a `map` or `filter` by adding element after element to a copy: 9,000 elements take seconds
    and hundreds of megabytes at once, and milliseconds in pieces.
    """
    elements: Any = values.get(spread) if spread else None
    if not isinstance(elements, list) or spread is None:
        return program.evaluate(values)
    whole = cast("list[Any]", elements)
    pieces = (whole[start : start + _PIECE] for start in range(0, max(1, len(whole)), _PIECE))
    results = (program.evaluate({**values, spread: piece}) for piece in pieces)
    return [element for result in results for element in result]
