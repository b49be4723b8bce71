"""Frames: one execution of a map of nodes, with what its expressions see and the visits that its members get.

The top-level map of a run has one frame, whose path is empty. What a block, an item of a map or a called workflow holds
has a frame for each time that it is entered. Paths and visits are counted, not drawn, so that a frame that is entered
again after a crash finds what it has recorded: docs/adr/0004 has the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from translator.language.templates import CompiledValue
from translator.planning.plan import FINALLY, Plan, Step
from workflows.activity import Activity
from workflows.attempt import Attempt
from workflows.program import Program, StepProgram
from workflows.records import StepExecution
from workflows.rounds import Round
from workflows.run import RunError, RunStatus

Json = Any
State = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Visit:
    """One arrival at a step: the same on resume, on retry and after a crash, another one on a loop's next round."""

    id: str
    activity: Activity  # of the node of the graph below which this happens


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a workflow came to its end, as `finally` sees it."""

    status: RunStatus
    error: RunError | None = None


@dataclass(slots=True)
class Frame:
    """One execution of a map of nodes; `body` is the block whose inside it is, None for a whole workflow."""

    attempt: Attempt
    program: Program
    path: str = ""
    prefix: str = ""  # of the ids of its steps in the run's records: "check/" inside a called workflow
    body: str | None = None
    only: str | None = None  # the one member that is executed: a node that is injected into a stage
    inputs: Mapping[str, Json] = field(default_factory=dict[str, Json])
    items: Mapping[str, Json] = field(default_factory=dict[str, Json])  # of the maps around it, by name
    around: Frame | None = None  # of the same workflow
    deadline: datetime | None = None  # of whatever around it has to end first
    rounds: dict[str, Round] = field(default_factory=dict[str, Round])  # of a DAG; more than one only at the top
    arrivals: int = 0  # in a flow, since the frame was entered this time
    is_held: bool = False  # something in it waits for somebody outside
    outcome: Outcome | None = None  # under `finally`

    @classmethod
    def top(cls, attempt: Attempt) -> Frame:
        """Return the frame of a run's own map of nodes."""
        pauses = attempt.program.plan.limits.on_exceed == "pause"  # then waits are not cut short by the run's time
        return cls(attempt, attempt.program, inputs=attempt.run.inputs, deadline=None if pauses else attempt.deadline)

    @property
    def plan(self) -> Plan:
        """Return the plan that the steps belong to."""
        return self.program.plan

    @property
    def members(self) -> tuple[Step, ...]:
        """Return the steps of this map, in the order of the document."""
        members = self.program.bodies.get(self.body, ())
        return members if self.only is None else tuple(one for one in members if one.id == self.only)

    @property
    def is_flow(self) -> bool:
        """Tell whether the map is a flow; else it is a DAG."""
        members = self.members
        return bool(members) and self.program.member_of_flow(members[0])

    @property
    def join(self) -> int | None:
        """Return how many members of a DAG are enough; None: all."""
        if self.body == FINALLY:
            return None
        return self.plan.join if self.body is None else self.program.steps[self.body].step.join

    @property
    def fails_fast(self) -> bool:
        """Tell whether the first failure in a DAG stops the other members."""
        if self.body == FINALLY:
            return False
        return self.plan.fail_fast if self.body is None else self.program.steps[self.body].step.fail_fast

    def id_of(self, step: Step) -> str:
        """Return the id of a step in the run's records."""
        return self.prefix + step.id

    def of_step(self, step: Step) -> StepProgram:
        """Return a step with its expressions compiled."""
        return self.program.steps[step.id]

    def next_visit(self) -> str:
        """Return the visit of the next arrival: counted in a flow, shared by all members of a DAG."""
        if not self.is_flow:
            return self.path
        self.arrivals += 1
        return f"{self.path}.{self.arrivals}"

    def inside(self, body: str | None, path: str, items: Mapping[str, Json], deadline: datetime | None) -> Frame:
        """Return the frame of what a block of this map holds, or of what stands under `finally`."""
        return Frame(
            self.attempt,
            self.program,
            path,
            self.prefix,
            body,
            inputs=self.inputs,
            items={**self.items, **items},
            around=self,
            deadline=_earlier(self.deadline, deadline),
        )

    def called(self, step: Step, path: str, inputs: Mapping[str, Json], deadline: datetime | None) -> Frame:
        """Return the frame of the workflow that a step calls."""
        program = self.program.called[step.call.source_digest if step.call else ""]
        prefix = f"{self.prefix}{step.id}/"
        return Frame(self.attempt, program, path, prefix, inputs=inputs, deadline=_earlier(self.deadline, deadline))

    # --- what expressions see --------------------------------------------------------------------------------------

    def latest(self, name: str) -> StepExecution | None:
        """Return the newest record of a node as it is seen from here; None when it has none."""
        lineage = self.program.lineage(self.program.steps[name].step)
        frame = self
        while frame.around is not None and frame.body not in lineage:
            frame = frame.around
        depth = lineage.index(frame.body) + 1 if frame.body in lineage else 0
        path = frame.path
        for block in lineage[depth:]:
            recorded = self.attempt.latest.get((path, self.prefix + block))
            if recorded is None:
                return None
            path = recorded.path
        return self.attempt.latest.get((path, self.prefix + name))

    async def evaluate(self, compiled: CompiledValue, state: State, **more: Json) -> Json:
        """Evaluate against inputs, state and recorded results; `more` are names that only this place knows."""
        if not compiled.expressions:
            return compiled.evaluate({})
        values = await self._values(compiled.references, state, more)
        return await self.attempt.ports.evaluator.evaluate(compiled, values)

    async def _values(
        self, references: Iterable[tuple[str, ...]], state: State, more: Mapping[str, Json]
    ) -> dict[str, Json]:
        wanted = set(references)
        values: dict[str, Json] = {"inputs": self.inputs, "state": state, **self.items, **more}
        roots = {path[0] for path in wanted}
        if "usage" in roots:
            values["usage"] = self.attempt.spending.total.figures()
        if "run" in roots:
            values["run"] = self._run_view()
        if "nodes" in roots:
            every = any(path == ("nodes",) for path in wanted)
            names = set(self.program.steps) if every else {path[1] for path in wanted if path[0] == "nodes"}
            values["nodes"] = {name: await self._node_view(name) for name in names}
        return {name: value for name, value in values.items() if name in roots}

    def _run_view(self) -> dict[str, Json]:
        run, frame = self.attempt.run, self
        while frame.outcome is None and frame.around is not None:
            frame = frame.around
        outcome = frame.outcome or Outcome(run.status, run.error)
        return {
            "id": run.id,
            "attempt": self.attempt.number,
            "status": outcome.status.value,
            "error": outcome.error.as_json() if outcome.error else None,
            "created_at": run.created_at.isoformat(),
        }

    async def _node_view(self, name: str) -> dict[str, Json]:
        recorded = self.latest(name)
        if recorded is None:
            return {"result": None, "status": "pending", "error": None}
        error = recorded.error.as_json() if recorded.error else None
        return {"result": await self.attempt.result(recorded), "status": recorded.status.value, "error": error}

    async def results(self) -> dict[str, Json]:
        """Return the results of all members by name: what a block's result is."""
        found: dict[str, Json] = {}
        for member in self.members:
            recorded = self.attempt.latest.get((self.path, self.id_of(member)))
            found[member.id] = await self.attempt.result(recorded) if recorded else None
        return found


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)
