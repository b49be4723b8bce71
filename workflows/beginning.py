"""Where an attempt begins: its kind, LangGraph's configuration, and the checkpoint that a retry goes back to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from translator import compiling
from workflows.attempt import MAX_STEPS, Attempt
from workflows.changes import changes_on_entry
from workflows.frames import Frame
from workflows.performing import LAST_STEPS
from workflows.run import Run, RunStatus
from workflows.stepping import FRAME

Json = Any
AttemptKind = Literal["start", "resume", "recover", "retry"]


def kind_of(run: Run) -> AttemptKind:
    """Tell why a run is executed now."""
    if run.status is RunStatus.RUNNING:
        return "recover"
    if run.attempt == 0:
        return "start"
    return "retry" if run.attempt == run.retried_after else "resume"


def config_of(attempt: Attempt, checkpoint: str | None = None, top: Frame | None = None) -> RunnableConfig:
    """Return LangGraph's configuration of a run; with `top`, the nodes of the graph find the run in it."""
    # Our own step cap counts; LangGraph's must never come first: a DAG takes two supersteps.
    most = 3 * (attempt.program.plan.limits.steps or MAX_STEPS) + 3 * LAST_STEPS
    place: dict[str, Json] = {"thread_id": attempt.run.id} | ({"checkpoint_id": checkpoint} if checkpoint else {})
    return {"configurable": place | ({FRAME: top} if top else {}), "recursion_limit": most}


def first_state(top: Frame) -> dict[str, Json]:
    """Return the graph's input: every channel at its default, or as a fork from the first step has changed it."""
    plan, entered = top.plan, changes_on_entry(top)
    if not entered:
        return compiling.initial_state(plan)
    defaults = {name: channel.default for name, channel in plan.state.items()}
    return compiling.graph_state(compiling.apply(plan, defaults, compiling.Update(entered)))


async def begin_anew(attempt: Attempt, checkpointer: BaseCheckpointSaver[Any]) -> None:
    """Let a run of which a part is run again start from its beginning: what is recorded is walked over.

    Its checkpoints lead to where it was; they go, once for each time that the run was queued again.
    """
    attempt.begin_anew()
    newest = await checkpointer.aget_tuple(config_of(attempt))
    retried_at = attempt.run.retried_at
    if newest and retried_at and datetime.fromisoformat(newest.checkpoint["ts"]) < retried_at:
        await checkpointer.adelete_thread(attempt.run.id)


async def replayed(attempt: Attempt, checkpointer: BaseCheckpointSaver[Any]) -> str | None:
    """Return the checkpoint at which a retried DAG is entered again; None to go on from the newest.

    A failure inside a DAG is found when its members' superstep is over, so a failed run's newest checkpoint lies
    behind it. The members' visit is the checkpoint before it: replayed from there, those that are recorded answer
    from their rows, and only what failed or is missing runs. LangGraph replays on a fork of that checkpoint, which
    stands for the same visit.
    """
    retried_at = attempt.run.retried_at
    if retried_at is None or attempt.failed_visit is None or not attempt.program.plan.is_dag:
        return None
    newest = await checkpointer.aget_tuple(config_of(attempt))
    if newest is None:
        return None
    if newest.metadata.get("source") == "fork" and newest.parent_config:
        parent: str = newest.parent_config.get("configurable", {})["checkpoint_id"]
        attempt.aliases[newest.checkpoint["id"]] = parent
    _, visit = attempt.failed_visit
    if datetime.fromisoformat(newest.checkpoint["ts"]) >= retried_at:
        return None
    attempt.replays = visit
    return visit
