"""A run executed again with what is recorded in the place of its steps: does the graph take the same way?

Nothing is called and nothing is written. What a step returned is the record; what follows from it, saves, edges,
items, results of blocks and outputs, is worked out anew and compared. Steps that ended beside each other end in the
order in which they did: whenever nothing else moves, the one that was over first goes on.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from translator import compiling
from translator.compiling import Inside, Update
from translator.language.expressions import ExpressionEngine, ExpressionError
from translator.planning.plan import FINALLY, Plan, Step, Verb
from workflows.activity import Activity, Quiet
from workflows.attempt import Attempt, Ports
from workflows.beginning import config_of, first_state
from workflows.errors import StepError, StepFailed, UnknownArtifact
from workflows.frames import Frame, Outcome, State, Visit
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryTools
from workflows.nodes.call import Node, NodeCall
from workflows.ports import ArtifactStore
from workflows.program import Program, prepare
from workflows.recalling import HOLDS, Recording, head_of, marks_of
from workflows.records import StepExecution, StepStatus
from workflows.replay_ports import ForgetfulJournal, ReadArtifacts
from workflows.run import RunError, RunStatus
from workflows.stepping import RunStepper
from workflows.working import NODES

Json = Any
WORKED_OUT = HOLDS | {"set", "emit", "fail"}
"""The verbs that are executed as they are: they only do what the plan says."""


@dataclass(frozen=True, slots=True)
class ReplayTools:
    """What a replay needs of the outside."""

    artifacts: ArtifactStore  # only read
    evaluator: Evaluator
    expressions: ExpressionEngine


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to; a status of None: it came to steps of which no result is recorded, and stands there."""

    status: RunStatus | None
    outputs: Json
    error: RunError | None
    rows: Mapping[tuple[str, str, str], StepExecution]
    matches: Mapping[tuple[str, str, str], StepExecution]  # the record that each of them stands for
    stopped_at: tuple[str, ...]  # steps without a recorded result
    gone: tuple[str, ...]  # steps whose recorded result cannot be read any more


async def replay(recording: Recording, plan: Plan, tools: ReplayTools) -> Replayed:
    """Execute the graph of a plan on what is recorded of a run, which may have had another one."""
    program = prepare(plan, tools.expressions)
    attempt = _Attempt.over(recording, program, tools)
    stepper = _Stepper(dict.fromkeys(NODES, _recalled))
    state, ending = await _run(attempt, stepper)
    if ending is None and recording.history.run.status.is_final:  # it was stopped from outside, and then cleaned up
        run = recording.history.run
        await _finish(attempt, stepper, state, Outcome(run.status, run.error))
    elif ending is not None:
        failure = await _finish(attempt, stepper, state, Outcome(ending.status, ending.error))
        if failure is not None and ending.status is RunStatus.SUCCEEDED:
            ending = _Ending(RunStatus.FAILED, error=failure)
    return Replayed(
        status=ending.status if ending else None,
        outputs=ending.outputs if ending else None,
        error=ending.error if ending else None,
        rows=attempt.executions,
        matches=attempt.matches,
        stopped_at=() if ending else tuple(dict.fromkeys(attempt.stopped_at)),
        gone=tuple(dict.fromkeys(attempt.gone)),
    )


@dataclass(frozen=True, slots=True)
class _Ending:
    status: RunStatus
    outputs: Json = None
    error: RunError | None = None


async def _run(attempt: _Attempt, stepper: _Stepper) -> tuple[State, _Ending | None]:
    """Run the graph to its end; None: it came to what is not recorded."""
    plan, top = attempt.program.plan, Frame.top(attempt)
    given = first_state(top)
    stepper.state = compiling.channels_of(given)
    graph = compiling.compile(plan, stepper).compile()
    try:
        found = await graph.ainvoke(given, config_of(attempt, top=top))
    except StepFailed as failure:
        return stepper.state, _Ending(RunStatus.FAILED, error=failure.error)
    if attempt.is_interrupted:
        return stepper.state, None
    state = compiling.channels_of(found)
    try:
        return state, _Ending(RunStatus.SUCCEEDED, await top.evaluate(top.program.outputs, state))
    except ExpressionError as error:
        message = f"an output has no value: {error.message}"
        return state, _Ending(RunStatus.FAILED, error=RunError(error.name, message))


async def _finish(attempt: _Attempt, stepper: _Stepper, state: State, outcome: Outcome) -> RunError | None:
    """Execute what stands under `finally`, and return what it failed with."""
    if not attempt.program.bodies.get(FINALLY):
        return None
    shown = dict.fromkeys(attempt.program.plan.state) | dict(state)
    try:
        await stepper.finish(Frame.top(attempt), Visit("", _Turns()), shown, outcome)
    except StepFailed as failure:
        return failure.error
    except Quiet:
        pass
    return None


class _Stepper(RunStepper):
    """Executes steps, and remembers the state that the newest one of the run's own map has seen."""

    def __init__(self, nodes: Mapping[Verb, Node]) -> None:
        super().__init__(nodes)
        self.state: State = {}

    async def work(self, step: Step, inside: Inside | None, state: State, config: RunnableConfig) -> Update:
        """Execute a step of a flow, or a member of a DAG once its needs are done."""
        frame = cast("Frame", config.get("configurable", {})["specloom_frame"])
        if not frame.path and not frame.prefix:
            self.state = state
        return await super().work(step, inside, state, config)


class _Turns(Activity):
    """Whoever ends at a recorded time waits for its turn: when nothing moves, the earliest goes on."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._number = 0

    async def turn(self, at: datetime) -> None:
        """Wait until all that was over earlier, and what follows from it, is over here, too."""
        if self._moving == 1 and not self._queue:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, waiter))
        await self.wait(waiter)

    def end(self, strands: int = 1) -> None:
        """Take out strands that are over; before nothing moves, the next one has its turn."""
        while self._moving == strands and self._queue:
            _, _, waiter = heapq.heappop(self._queue)
            if self.wake(waiter):
                break
        super().end(strands)


@dataclass(slots=True)
class _Attempt(Attempt):
    """An attempt that finds a record for each try that it begins."""

    recording: Recording | None = None
    matches: dict[tuple[str, str, str], StepExecution] = field(
        default_factory=dict[tuple[str, str, str], StepExecution]
    )
    stopped_at: list[str] = field(default_factory=list[str])
    gone: list[str] = field(default_factory=list[str])
    ordinals: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])  # of visits, by root
    has_races: bool = False  # who ends first may decide how others end

    @classmethod
    def over(cls, recording: Recording, program: Program, tools: ReplayTools) -> _Attempt:
        """Return the attempt that replays a recording."""
        run = replace(recording.history.run, status=RunStatus.RUNNING, outputs=None, error=None)
        nothing = LuigiStages(HostPool(environ={}))  # the nodes that would call anything are not there
        artifacts = ReadArtifacts(tools.artifacts)
        ports = Ports(ForgetfulJournal(), artifacts, MemoryTools({}), nothing, {}, tools.evaluator)
        races = any(_has_races(plan) for plan in (program.plan, *program.plan.workflows.values()))
        attempt = cls(run, max(1, run.attempt), program, ports, recording=recording, has_races=races)
        attempt.patch = run.patch
        limits = [one for one in recording.history.questions if one.kind == "limit" and not one.is_open]
        attempt.questions = {one.interrupt_id: replace(one, is_taken=True) for one in limits}
        return attempt

    def activity_at(self, visit: str) -> Activity:
        """Return what counts who moves, and whose turn it is."""
        if visit not in self.activities:
            self.activities[visit] = _Turns()
        return self.activities[visit]

    def opened(self, step: str, visit: str, try_number: int, *, task: str = "", key: str = "") -> StepExecution:
        """Return the record of a try that begins, numbered and marked as the recorded one."""
        begun = Attempt.opened(self, step, visit, try_number, task=task, key=key)
        found = self._match(step, visit, task)
        if found is None:
            return begun
        self.matches[step, visit, task] = found
        marked = f"{begun.idempotency_key.rstrip('~')}{marks_of(found)}"
        begun = replace(begun, try_number=found.try_number, idempotency_key=marked, name=found.name)
        self._place_patch(found, begun)
        return begun

    def _place_patch(self, found: StepExecution, begun: StepExecution) -> None:
        """Move what a fork changed from the recorded visit to the one of the replay."""
        fork, patch = self.run.forked_from, self.patch
        if fork is None or patch is None:
            return
        if fork.after == (found.step, found.visit):
            self.patch = replace(patch, after=(begun.step, begun.visit))
        elif fork.after is None and fork.enters[2] and fork.enters[2] == found.path:
            self.patch = replace(patch, enters=(fork.enters[0], fork.enters[1], begun.path))

    def _match(self, step: str, visit: str, task: str) -> StepExecution | None:
        recording = cast("Recording", self.recording)
        root, head = recording.places.root(step), head_of(visit)
        seen = self.ordinals.setdefault(root.id if root else step, {})
        return recording.find(seen.setdefault(head, len(seen)), step, visit, task)

    def allows_retry(self, step: Step, error_name: str, failures: int, hosts_lost: int = 0) -> bool:
        """Return False: what is recorded last is how it ended."""
        del step, error_name, failures, hosts_lost
        return False


async def _recalled(call: NodeCall) -> Json:
    """Do what a node did: return its recorded result, or raise its recorded error."""
    attempt, verb = cast("_Attempt", call.attempt), call.program.step.verb
    done = call.execution
    row = attempt.matches.get((done.step, done.visit, done.task))
    if verb in WORKED_OUT:
        return await (_cut_short(call, row) if row and _was_cut_short(row) else _worked_out(call))
    turns = cast("_Turns", call.visit.activity)
    if row is None or row.finished_at is None or row.status not in {StepStatus.SUCCEEDED, StepStatus.FAILED}:
        return await _stand_still(attempt, call)
    if attempt.has_races:
        await _in_turn(turns, row.finished_at)
    attempt.number = row.attempt  # what follows sees the number of the attempt in which it followed
    if row.status is StepStatus.FAILED:
        error = row.error or RunError("step-failed", "the record does not say why")
        raise StepError(error.message, error_name=error.name, cause=error.cause)
    try:
        return await attempt.result(row)
    except (UnknownArtifact, ValueError):
        attempt.gone.append(done.step)
        return await _stand_still(attempt, call)


async def _in_turn(turns: _Turns, at: datetime) -> None:
    try:
        await turns.turn(at)
    except asyncio.CancelledError:  # whoever stopped it was late: it had ended
        if task := asyncio.current_task():
            task.uncancel()


def _has_races(plan: Plan) -> bool:
    """Tell whether something in a plan stops others: a DAG that needs not all, or ends early, or a block's time."""
    stops = any(
        one.join is not None or one.fail_fast or (one.verb in HOLDS and one.timeout_seconds) for one in plan.steps
    )
    return stops or plan.join is not None or plan.fail_fast


async def _worked_out(call: NodeCall) -> Json:
    node: Node = NODES[call.program.step.verb]
    return await node(call)


async def _stand_still(attempt: _Attempt, call: NodeCall) -> Json:
    """Wait for what is not recorded; raises `Quiet` when nothing else moves."""
    attempt.stopped_at.append(call.execution.step)
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await call.visit.activity.wait(never)


def _was_cut_short(row: StepExecution) -> bool:
    """Tell whether what a block held was stopped when its time was up."""
    error = row.error
    return row.finished_at is not None and error is not None and (error.name, error.node) == ("timeout", row.step)


async def _cut_short(call: NodeCall, row: StepExecution) -> Json:
    """Execute what a block holds up to the moment at which it was stopped."""
    turns, error = cast("_Turns", call.visit.activity), cast("RunError", row.error)
    turns.begin(1)
    inside = asyncio.ensure_future(_worked_out(call))
    try:
        await turns.turn(row.finished_at or datetime.now(UTC))
    finally:
        turns.stop(inside)
        await asyncio.wait([inside])
        _ = inside.cancelled() or inside.exception()
        turns.end()
    raise StepError(error.message, error_name=error.name, cause=error.cause)
