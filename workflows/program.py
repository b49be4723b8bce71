"""A plan made ready to run: its graph is built, its expressions and schemas are compiled; once per plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translator.language.expressions import ExpressionEngine, Scope
from translator.language.schemas import Validator
from translator.language.templates import CompiledValue, compile_value
from translator.planning.plan import Plan, Step
from translator.planning.scopes import Scopes
from workflows.errors import WorkflowError

Json = Any


class BrokenPlan(WorkflowError):
    """A stored plan holds an expression that does not compile any more."""

    name = "broken-plan"


@dataclass(frozen=True, slots=True)
class StepProgram:
    """A step with its expressions compiled."""

    step: Step
    when: CompiledValue | None
    arguments: CompiledValue
    saves: CompiledValue  # of `set` and `save`
    switch: CompiledValue | None
    branches: tuple[tuple[CompiledValue | None, str], ...]  # condition and target; None always holds
    question: CompiledValue | None  # {title, description, show} of a human step
    message: CompiledValue | None  # of a fail step
    result: Validator | None  # what the step's result must fit


@dataclass(frozen=True, slots=True)
class Program:
    """All that an attempt needs of a plan."""

    plan: Plan
    steps: Mapping[str, StepProgram]
    outputs: CompiledValue


def prepare(plan: Plan, engine: ExpressionEngine) -> Program:
    """Compile everything in a plan; raises `BrokenPlan`."""
    compiler = _Compiler(engine, Scopes.of(plan), plan.defs)
    return Program(
        plan=plan,
        steps={step.id: compiler.step(step) for step in plan.steps},
        outputs=compiler.value(dict(plan.outputs), compiler.scopes.for_outputs()),
    )


@dataclass(frozen=True)
class _Compiler:
    engine: ExpressionEngine
    scopes: Scopes
    definitions: Mapping[str, Json]

    def value(self, value: Json, scope: Scope) -> CompiledValue:
        compiled = compile_value(value, scope, self.engine)
        if compiled.problems:
            raise BrokenPlan(f"an expression of the plan does not compile: {compiled.problems[0][1].message}")
        return compiled

    def optional(self, value: Json, scope: Scope) -> CompiledValue | None:
        return None if value is None else self.value(value, scope)

    def step(self, step: Step) -> StepProgram:
        before, after = self.scopes.for_arguments(step), self.scopes.for_save(step)
        way = step.transition
        human = step.human.model_dump(include={"title", "description", "show"}) if step.human else None
        return StepProgram(
            step=step,
            when=self.optional(step.when, self.scopes.for_when(step)),
            arguments=self.value(step.arguments, before),
            saves=self.value({**step.set, **step.save}, after),
            switch=self.optional(way.switch if way else None, self.scopes.for_next(step)),
            branches=tuple((self.optional(one.when, after), one.to) for one in (way.branches if way else ())),
            question=self.optional(human, self.scopes.for_human(step)),
            message=self.optional(step.fail.message if step.fail else None, self.scopes.for_human(step)),
            result=None if step.result is None else Validator(step.result, self.definitions),
        )
