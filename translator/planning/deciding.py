"""What the inputs of a run decide before it starts: the arguments of the steps that read nothing else.

It evaluates expressions, and nothing else: no step runs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from translator.language.expressions import ExpressionEngine, ExpressionError, Scope
from translator.language.templates import CompiledValue, compile_value
from translator.planning.plan import MapOver, Plan, Step
from translator.planning.scopes import Scopes

Json = Any
MOST_ITEMS = 2_000  # of a mapped step whose arguments are worked out
_SHOWN = 3  # references that a reason names


@dataclass(frozen=True, slots=True)
class Decided:
    """A step, and with which arguments it will be called: once, or once for each of its items."""

    step: Step
    arguments: tuple[Json, ...] = ()
    items: int | None = None  # of a mapped step, of which at most `MOST_ITEMS` were worked out
    why_not: str = ""  # why the inputs do not decide it; empty: they do


def decide(
    plan: Plan, inputs: Mapping[str, Json], engine: ExpressionEngine, is_wanted: Callable[[Step], bool]
) -> list[Decided]:
    """Return for each wanted step what its arguments will be, or why nobody knows yet, in the order of the document."""
    scopes = Scopes.of(plan)
    deciding = _Deciding(scopes, engine, {"inputs": inputs})
    return [deciding.of(step) for step in plan.steps if is_wanted(step)]


class _Open(Exception):
    """Something else than inputs decides."""


@dataclass(frozen=True)
class _Deciding:
    scopes: Scopes
    engine: ExpressionEngine
    values: Mapping[str, Json]

    def of(self, step: Step) -> Decided:
        try:
            if step.map is None:
                arguments = self._compiled(step.arguments, self.scopes.for_arguments(step))
                return Decided(step, (self._value(arguments, {}),))
            return self._mapped(step, step.map)
        except _Open as reason:
            return Decided(step, why_not=str(reason))
        except ExpressionError as error:
            return Decided(step, why_not=f"an expression fails with these inputs: {error.message}")

    def _mapped(self, step: Step, over: MapOver) -> Decided:
        items = self._value(self._compiled(over.items, self.scopes.for_items(step)), {})
        if not isinstance(items, list):
            raise _Open("what it goes over is no list with these inputs")
        count = len(items)  # pyright: ignore[reportUnknownArgumentType]
        arguments = self._compiled(step.arguments, self.scopes.for_arguments(step), over.each)
        found = tuple(self._value(arguments, {over.each: item}) for item in items[:MOST_ITEMS])  # pyright: ignore[reportUnknownVariableType]
        return Decided(step, found, count)

    def _compiled(self, value: Json, scope: Scope, item: str | None = None) -> CompiledValue:
        compiled = compile_value(value, scope, self.engine)
        if compiled.problems:
            raise _Open("an expression of it does not compile any more")
        if others := sorted(set(_others(compiled, {"inputs", item}))):
            raise _Open(f"it depends on {', '.join(others[:_SHOWN])}")
        return compiled

    def _value(self, compiled: CompiledValue, more: Mapping[str, Json]) -> Json:
        values = {**self.values, **more}
        if compiled.is_heavy(values):
            raise _Open("its expressions are worked out when it runs, since they may take long")
        return compiled.evaluate(values)


def _others(compiled: CompiledValue, known: set[str | None]) -> Iterator[str]:
    for path in compiled.references:
        if path[0] not in known:
            yield ".".join(path[:2])
