"""What happens in the nodes of the graph: finds the live attempt behind LangGraph's configuration and acts for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from translator import compiling
from translator.compiling import Update
from translator.planning.plan import Step
from workflows.attempt import Attempt, Visit
from workflows.members import live, results_of
from workflows.performing import Arrival, StepFailed
from workflows.records import StepStatus
from workflows.rounds import inside

Json = Any
State = Mapping[str, Json]


class RunStepper:
    """Executes the steps of all live attempts of an engine; `attempts` is by run id."""

    def __init__(self, attempts: Mapping[str, Attempt]) -> None:
        self._attempts = attempts

    def _attempt(self, config: RunnableConfig) -> Attempt:
        return self._attempts[_configurable(config)["thread_id"]]

    async def work(self, step: Step, state: State, config: RunnableConfig) -> Update:
        """Execute a step of a flow, or a member of a DAG once its needs are done."""
        attempt = self._attempt(config)
        visit = visit_of(attempt, config)
        if step.block is None and not attempt.program.plan.is_dag:
            execution = await Arrival(attempt, step, visit, state).perform()
            return Update(saves=(execution.saves or {},), resets=frozenset(step.reset), goto=execution.goto)
        round_ = attempt.round(_outermost_block(attempt, step), visit)
        await live(Arrival(attempt, step, visit, state, round_), round_)
        return Update()

    async def enter(self, block: Step, state: State, config: RunnableConfig) -> Update:
        """Record that a block of a flow begins."""
        attempt = self._attempt(config)
        await Arrival(attempt, block, visit_of(attempt, config), state).begin_block()
        return Update()

    async def leave(self, block: Step | None, state: State, config: RunnableConfig) -> Update:
        """Close a block: its members' saves land, in the order of the document, or the block fails."""
        attempt = self._attempt(config)
        members = list(inside(attempt.program.plan, block.id if block else None))
        ended = [recorded for step in members if (recorded := attempt.latest.get(step.id))]
        for recorded in ended:
            if recorded.status is StepStatus.FAILED and recorded.error:
                raise StepFailed(recorded.error)
        saves = tuple(recorded.saves for recorded in ended if recorded.saves)
        update = Update(saves=saves, resets=frozenset(name for step in members for name in step.reset))
        return update if block is None else await _close(attempt, block, update, state)


async def _close(attempt: Attempt, block: Step, update: Update, state: State) -> Update:
    """Record the block itself, whose own `save` and `next` see what its members saved."""
    recorded = attempt.latest[block.id]
    if recorded.status is not StepStatus.SUCCEEDED:
        inner = compiling.apply(attempt.program.plan, state, update)
        arrival = Arrival(attempt, block, Visit(recorded.visit, ""), inner)
        recorded = await arrival.record(recorded, await results_of(attempt, block))
    saves = update.saves + ((recorded.saves,) if recorded.saves else ())
    return Update(saves=saves, resets=update.resets | set(block.reset), goto=recorded.goto)


def visit_of(attempt: Attempt, config: RunnableConfig) -> Visit:
    """Return the visit that LangGraph's configuration of a node stands for."""
    configurable = _configurable(config)
    return Visit(id=attempt.visit_at(configurable["checkpoint_map"][""]), namespace=configurable["checkpoint_ns"])


def _configurable(config: RunnableConfig) -> dict[str, Json]:
    return config.get("configurable", {})


def _outermost_block(attempt: Attempt, step: Step) -> str | None:
    """Return the block around a step that is a node of the flow; None for a DAG workflow."""
    plan, outer = attempt.program.plan, step.block
    if plan.is_dag:
        return None
    while outer is not None and (around := plan.step(outer).block) is not None:
        outer = around
    return outer
