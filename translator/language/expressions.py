"""What an expression may see, what may be wrong with it, and the port through which one is compiled.

An engine knows neither `${ }` nor specs: it gets the text of one expression and the kinds of its free names. Which
names and fields exist at a place is the business of a `Scope`; see `templates.py` for the strings of a spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from translator.errors import SpecloomError

JsonSchema = Mapping[str, Any]


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
