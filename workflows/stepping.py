"""What happens in the nodes of the graph: finds the frame behind LangGraph's configuration and acts in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphDrained, GraphInterrupt
from langgraph.types import Interrupt

from translator import compiling
from translator.compiling import Inside, Update
from translator.planning.plan import FINALLY, Step, Verb
from workflows.activity import Quiet
from workflows.changes import changes_of, changes_on_entry, changes_within
from workflows.frames import Frame, Outcome, State, Visit
from workflows.members import conclude, live
from workflows.nodes.call import Node
from workflows.performing import Arrival
from workflows.records import Question
from workflows.rounds import Round
from workflows.working import NODES, Workbench

Json = Any
FRAME = "specloom_frame"  # in LangGraph's configuration
_ACTIVITY = "specloom_activity"
_KEPT_FINALS = 256
_MANY = 1_000_000_000  # supersteps: our own limit of steps always comes first


class RunStepper:
    """Executes the steps of all live attempts of an engine; LangGraph's configuration carries the frame."""

    def __init__(self, nodes: Mapping[Verb, Node] | None = None) -> None:
        self._bench = Workbench(nodes or NODES, self)
        self._finals: dict[str, Inside] = {}  # the graphs of `finally`, by the plan's digest

    async def work(self, step: Step, inside: Inside | None, state: State, config: RunnableConfig) -> Update:
        """Execute a step of a flow, or a member of a DAG once its needs are done."""
        frame: Frame = _configurable(config)[FRAME]
        visit = _visit(frame, config)
        arrival = Arrival(self._bench, frame, step, visit, state, inside)
        try:
            if frame.is_flow:
                recorded = await arrival.perform()
                return Update(changes_of(frame, step, recorded), recorded.goto)
            await live(arrival, _round(frame, visit))
        except Quiet:
            # An interrupt does not disturb what works beside it, and LangGraph enters this node again on resume.
            frame.is_held, interrupt = True, GraphInterrupt(_interrupts(frame, step, visit))
            frame.attempt.interrupts.append(interrupt)
            raise interrupt from None
        return Update()

    async def leave(self, state: State, config: RunnableConfig) -> Update:
        """Close the DAG that the workflow is: its members' saves land, in the order of the document, or it fails."""
        del state
        frame: Frame = _configurable(config)[FRAME]
        found = [(step, frame.attempt.latest.get((frame.path, frame.id_of(step)))) for step in frame.members]
        conclude(frame, [recorded for _, recorded in found])
        return Update(tuple(one for step, recorded in found if recorded for one in changes_of(frame, step, recorded)))

    async def finish(self, frame: Frame, visit: Visit, state: State, outcome: Outcome) -> None:
        """Execute what stands under `finally`; raises `StepFailed` and `Quiet`."""
        plan = frame.plan
        if plan.digest not in self._finals:
            if len(self._finals) >= _KEPT_FINALS:
                self._finals.clear()
            self._finals[plan.digest] = compiling.compile_inside(plan, FINALLY, self)
        path = f"{frame.path}{FINALLY}{frame.attempt.run.retried_after or ''}"
        final = frame.inside(FINALLY, path, {}, None)
        final.outcome, final.deadline = outcome, None
        await self.walk(final, self._finals[plan.digest], Visit(path, visit.activity), state)

    async def walk(self, frame: Frame, inside: Inside, visit: Visit, state: State) -> dict[str, Json]:
        """Execute what a frame holds and return the channels afterwards; raises `StepFailed` and `Quiet`.

        The graph inside has no checkpointer: what is recorded is walked over. It must not see LangGraph's own
        configuration of the node that calls it.
        """
        round_ = None if frame.is_flow else _round(frame, Visit(frame.path, visit.activity))
        var_child_runnable_config.set(None)
        config: dict[str, Json] = {
            "configurable": {FRAME: frame, _ACTIVITY: visit.activity},
            "recursion_limit": _MANY,
        }
        entered = changes_on_entry(frame)
        state_inside = compiling.apply(frame.plan, state, Update(entered)) if entered else state
        given = compiling.graph_state(state_inside, frame.only or "")
        try:
            after = await inside.ainvoke(given, cast("RunnableConfig", config), control=frame.attempt.control)
        except GraphDrained:
            visit.activity.end()
            raise Quiet from None
        except BaseException:
            if round_ is not None:
                round_.give_back()
            raise
        if frame.is_held:
            raise Quiet
        if round_ is None:
            return compiling.channels_of(after)
        conclude(frame, [frame.attempt.execution(frame.id_of(step), frame.path) for step in frame.members])
        return compiling.apply(frame.plan, state, Update(tuple(changes_within(frame))))


def _round(frame: Frame, visit: Visit) -> Round:
    """Return the round of a DAG, with what is recorded of it."""
    if visit.id not in frame.rounds:
        attempt = frame.attempt
        known = {
            step.id: outcome
            for step in frame.members
            if (outcome := attempt.outcome_of(step, attempt.execution(frame.id_of(step), visit.id)))
        }
        frame.rounds[visit.id] = Round(frame.members, known, visit.activity, frame.join)
    return frame.rounds[visit.id]


def _visit(frame: Frame, config: RunnableConfig) -> Visit:
    """Return the visit that LangGraph's configuration of a node stands for."""
    configurable = _configurable(config)
    if frame.path or frame.prefix:
        return Visit(frame.next_visit(), configurable[_ACTIVITY])
    attempt = frame.attempt
    visit = attempt.visit_at(configurable["checkpoint_map"][""], config.get("metadata", {})["langgraph_step"])
    return Visit(visit, attempt.activity_at(visit))


def _interrupts(frame: Frame, step: Step, visit: Visit) -> tuple[Interrupt[Any], ...]:
    """Return the open questions below a node of the run's own graph; inside, the node around tells them."""
    if frame.path or frame.prefix:
        return ()
    root = frame.id_of(step)
    return tuple(
        _interrupt(one)
        for one in frame.attempt.questions.values()
        if one.is_open and one.visit.startswith(visit.id) and _root_of(frame, one) == root
    )


def _root_of(frame: Frame, question: Question) -> str:
    first = question.step.partition("/")[0]
    return next(iter(frame.program.lineage(frame.program.steps[first].step)), first)


def _interrupt(question: Question) -> Interrupt[Any]:
    value = {
        "title": question.title,
        "show": question.show,
        "node": question.step,
        "assignees": list(question.assignees),
    }
    schema: dict[str, Any] | None = dict(question.schema) if question.schema else None
    return Interrupt(value, question.interrupt_id, response_schema=schema)


def _configurable(config: RunnableConfig) -> dict[str, Json]:
    return config.get("configurable", {})
