"""The strings of a spec: literal text and `${ … }` expressions, compiled once and evaluated per step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translator.language.expressions import ExpressionEngine, ExpressionProblem, JsonSchema, Scope


@dataclass(frozen=True)
class Template:
    """Hold one compiled string: a lone expression keeps its type, a mixed string gives text."""

    source: str
    scope: Scope
    is_expression: bool
    references: frozenset[tuple[str, ...]]
    schema: JsonSchema

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value as JSON; raise `ExpressionFailed` or `ExpressionTooCostly`."""
        raise NotImplementedError

    def is_heavy(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the evaluation may take long or much memory, so that it belongs in a child process."""
        raise NotImplementedError


@dataclass(frozen=True)
class CompiledValue:
    """Hold a JSON value whose strings are compiled; `problems` are `(JSON pointer within the value, problem)`."""

    source: Any
    problems: tuple[tuple[str, ExpressionProblem], ...]
    references: frozenset[tuple[str, ...]]
    schema: JsonSchema

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """Return the value with every expression evaluated; raise like `Template.evaluate`, or if there are problems."""
        raise NotImplementedError

    def is_heavy(self, values: Mapping[str, Any]) -> bool:
        """Tell whether any part is heavy."""
        raise NotImplementedError


def compile_template(text: str, scope: Scope, engine: ExpressionEngine) -> Template | list[ExpressionProblem]:
    """Compile one string of a spec, or say everything that is wrong with it, in the order of the text."""
    raise NotImplementedError


def compile_value(value: Any, scope: Scope, engine: ExpressionEngine) -> CompiledValue:
    """Compile every string in a JSON value (keys are left alone)."""
    raise NotImplementedError
