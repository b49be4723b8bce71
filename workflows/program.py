"""A plan made ready to run: its expressions and schemas are compiled; once per plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from translator.language.expressions import ExpressionEngine, Scope
from translator.language.garbage import collector_paused
from translator.language.schemas import Validator
from translator.language.templates import CompiledValue, compile_value
from translator.planning.plan import FINALLY, Catcher, Plan, Step, UsageLimits
from translator.planning.scopes import Scopes
from workflows.errors import WorkflowError

Json = Any


class BrokenPlan(WorkflowError):
    """A stored plan holds an expression that does not compile any more."""

    name = "broken-plan"


@dataclass(frozen=True, slots=True)
class CatcherProgram:
    """A catcher with its expressions compiled."""

    catcher: Catcher
    result: CompiledValue
    saves: CompiledValue


@dataclass(frozen=True, slots=True)
class StepProgram:
    """A step with its expressions compiled."""

    step: Step
    when: CompiledValue | None
    items: CompiledValue | None  # of a map
    arguments: CompiledValue
    saves: CompiledValue  # of `set` and `save`
    switch: CompiledValue | None
    branches: tuple[tuple[CompiledValue | None, str], ...]  # condition and target; None always holds
    catchers: tuple[CatcherProgram, ...]
    question: CompiledValue | None  # {title, description, show} of a human step
    instructions: CompiledValue | None  # of an agent
    message: CompiledValue | None  # of a fail step
    until: CompiledValue | None  # of a wait: a time, or the condition of a poll
    key: CompiledValue | None  # of a signal
    data: CompiledValue | None  # of an event
    write: CompiledValue | None  # of an injected node: what the target of its task holds from then on
    cache_key: CompiledValue | None
    idempotency_key: CompiledValue | None
    result: Validator | None  # what the step's result must fit; of a map, the result of one item


@dataclass(frozen=True, slots=True)
class Around:
    """Something that usage counts in, with its limits: a run, a called workflow, a block, a step."""

    scope: str  # as in `spending.py`
    limits: UsageLimits | None
    pauses: bool  # beyond a limit, a person is asked


@dataclass(frozen=True, slots=True)
class Program:
    """All that an attempt needs of a plan; `called` are the workflows that it calls, by the digest of their plan."""

    plan: Plan
    steps: Mapping[str, StepProgram]
    outputs: CompiledValue
    called: Mapping[str, Program]
    bodies: Mapping[str | None, tuple[Step, ...]]  # the members of each block, in the order of the document

    def lineage(self, step: Step) -> list[str]:
        """Return the blocks around a step, the outermost first."""
        blocks: list[str] = []
        around = step.block
        while around is not None:
            blocks.append(around)
            around = None if around == FINALLY else self.steps[around].step.block
        return blocks[::-1]

    def member_of_flow(self, step: Step) -> bool:
        """Tell whether a step stands in a flow; else it stands in a DAG."""
        if step.block is None:
            return not self.plan.is_dag
        return step.block != FINALLY and self.steps[step.block].step.verb == "flow"

    def names_around(self, step_id: str) -> tuple[str, ...]:
        """Return the scopes around a step without that of the run, as `spending.py` counts."""
        return tuple(one.scope for one in self.scopes_around(step_id)[1:])

    def scopes_around(self, step_id: str) -> tuple[Around, ...]:
        """Return everything that what a step uses counts in: the run, blocks and called workflows, the step itself.

        Nothing but the run for the id of a step that is not there.
        """
        names = step_id.split("/")
        found = [Around("", self.plan.limits, self.plan.limits.on_exceed == "pause")]
        program, prefix = self, ""
        for depth, name in enumerate(names):
            if name not in program.steps:
                break
            step, pauses = program.steps[name].step, program.plan.limits.on_exceed == "pause"
            for block in (*program.lineage(step), name):
                limits = program.steps[block].step.limits if block != FINALLY else None
                found.append(Around(prefix + block, limits, pauses))
            if depth + 1 < len(names):
                program = program.called[step.call.source_digest if step.call else ""]
                prefix = f"{prefix}{name}/"
                found.append(Around(prefix, program.plan.limits, program.plan.limits.on_exceed == "pause"))
        return tuple(found)

    def find(self, step_id: str) -> tuple[Program, Step]:
        """Return the program and the step of a recorded id: `<calling node>/<node>` is a step of a called workflow."""
        program, names = self, step_id.split("/")
        for name in names[:-1]:
            call = program.steps[name].step.call
            program = self.called[call.source_digest if call else ""]
        return program, program.steps[names[-1]].step


def prepare(plan: Plan, engine: ExpressionEngine) -> Program:
    """Compile everything in a plan; raises `BrokenPlan`."""
    called: dict[str, Program] = {}
    with collector_paused():
        for digest, workflow in plan.workflows.items():
            called[digest] = _prepared(workflow, engine, called)
        return _prepared(plan, engine, called)


def _prepared(plan: Plan, engine: ExpressionEngine, called: Mapping[str, Program]) -> Program:
    compiler = _Compiler(engine, Scopes.of(plan), plan.defs)
    return Program(
        plan=plan,
        steps={step.id: compiler.step(step) for step in plan.steps},
        outputs=compiler.value(dict(plan.outputs), compiler.scopes.for_outputs()),
        called=called,
        bodies={body: plan.members(body) for body in {step.block for step in plan.steps}},
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
        scopes = self.scopes
        before, after = scopes.for_arguments(step), scopes.for_save(step)
        way, wait = step.transition, step.wait
        human = step.human.model_dump(include={"title", "description", "show"}) if step.human else None
        until = scopes.for_until(step) if wait and wait.every_seconds is not None else before
        return StepProgram(
            step=step,
            when=self.optional(step.when, scopes.for_when(step)),
            items=self.optional(step.map.items if step.map else None, scopes.for_items(step)),
            arguments=self.value(step.arguments, before),
            saves=self.value({**step.set, **step.save}, after),
            switch=self.optional(way.switch if way else None, scopes.for_next(step)),
            branches=tuple((self.optional(one.when, after), one.to) for one in (way.branches if way else ())),
            catchers=tuple(self.catcher(one, scopes.for_catch(step)) for one in step.catch),
            question=self.optional(human, scopes.for_human(step)),
            instructions=self.optional(step.agent.instructions if step.agent else None, before),
            message=self.optional(step.fail.message if step.fail else None, scopes.for_human(step)),
            until=self.optional(wait.until if wait else None, until),
            key=self.optional(wait.key if wait else None, before),
            data=self.optional(step.emit.data if step.emit else None, before),
            write=self.optional(step.injected.write if step.injected else None, after),
            cache_key=self.optional(step.cache.key if step.cache else None, scopes.for_cache(step)),
            idempotency_key=self.optional(step.idempotency_key, before),
            result=None if step.result is None else Validator(step.result, self.definitions),
        )

    def catcher(self, catcher: Catcher, scope: Scope) -> CatcherProgram:
        return CatcherProgram(catcher, self.value(catcher.result, scope), self.value(catcher.save, scope))
