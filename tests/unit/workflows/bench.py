"""A bench for the engine: a real engine on the in-memory ports, and plans written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from translator import compiling
from translator.language.cel import CelEngine
from translator.planning.catalog import FixedCatalog
from translator.planning.plan import Binding, Branch, Channel, HumanTask, Limits, Plan, Step, Transition
from workflows.agents.agents import Agents
from workflows.attempt import Ports
from workflows.engine import Engine
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryArtifacts, MemoryJournal, MemoryPlans, MemoryTools
from workflows.ports import ToolCall
from workflows.records import Event, EventRecorded, History, QuestionAnswered, RunCreated, RunMoved, RunRetried
from workflows.run import Run, RunId, RunStatus
from workflows.stepping import RunStepper

Json = Any
RUN = RunId("r1")
Tool = Callable[[ToolCall], Awaitable[Json]]


def to(target: str) -> Transition:
    return Transition(branches=(Branch(to=target),))


def tool(name: str, following: str | None = None, **fields: Any) -> Step:
    binding = Binding(kind="tool", name=f"t.{name}", version="1.0.0", source_digest="d", parameters={}, result={})
    if following:
        fields["transition"] = to(following)
    return Step(id=name, verb="tool", path=f"/nodes/{name}", call=binding, **fields)


def human(name: str, following: str | None = None, **fields: Any) -> Step:
    if following:
        fields["transition"] = to(following)
    return Step(id=name, verb="human", path=f"/nodes/{name}", human=HumanTask(title="Go on?"), **fields)


def plan_of(*steps: Step, **fields: Any) -> Plan:
    state = {name: Channel(**channel) for name, channel in fields.pop("state", {}).items()}
    inputs = fields.pop("inputs", {"type": "object", "properties": {}})
    if not fields.get("is_dag"):
        fields.setdefault("start", steps[0].id)
    return Plan(digest="p", spec_name="s", spec_digest="s", steps=steps, inputs=inputs, state=state, **fields)


@dataclass
class Bench:
    """A real engine on in-memory ports; `tools` is by the tool's name."""

    folder: Path
    evaluator: Evaluator
    tools: dict[str, Tool] = field(default_factory=dict)
    groups: dict[str, LuigiGroup] = field(default_factory=dict)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    saver: InMemorySaver = field(default_factory=InMemorySaver)
    run_id: RunId = RUN
    pool: HostPool = field(default_factory=lambda: HostPool(environ={}))  # close it where groups are
    engine: Engine | None = None
    artifacts: MemoryArtifacts | None = None  # of the newest engine
    agents: Agents | None = None

    def start(self, plan: Plan) -> Engine:
        """Open an engine, as a server does when it starts."""
        self.artifacts = MemoryArtifacts(self.folder)
        ports = Ports(
            journal=self.journal,
            artifacts=self.artifacts,
            tools=MemoryTools(self.tools),
            stages=LuigiStages(self.pool),
            groups=self.groups,
            evaluator=self.evaluator,
            cache=self.journal,
            agents=self.agents,
        )
        self.engine = Engine(ports, MemoryPlans([plan]), FixedCatalog(), self.saver, CelEngine())
        return self.engine

    async def create(self, plan: Plan, **inputs: Json) -> None:
        run = Run(self.run_id, "s", 1, "s", plan.digest, inputs, datetime.now(UTC))
        await self.journal.commit(RunCreated(run), EventRecorded(run.id, "run.queued", run.created_at))

    async def run(self, plan: Plan, **inputs: Json) -> RunStatus:
        """Create a run and execute one attempt of it."""
        await self.create(plan, **inputs)
        return await self.start(plan).run_attempt(self.run_id)

    async def answer(self, answer: Json = None, *, has_expired: bool = False, node: str | None = None) -> None:
        """Record an answer to an open question and queue the run, as a resume does."""
        history = await self.history()
        question = next(one for one in history.questions if one.is_open and node in {None, one.step})
        now = datetime.now(UTC)
        record = QuestionAnswered(self.run_id, question.interrupt_id, now, answer, has_expired)
        assert await self.journal.commit(record)
        if self.engine and self.engine.deliver(self.run_id, question.interrupt_id):
            return
        await self.journal.commit(RunMoved(self.run_id, RunStatus.QUEUED, now))

    async def retry(self, plan: Plan) -> RunStatus:
        """Queue a failed run again and execute it on a new engine."""
        assert await self.journal.commit(RunRetried(self.run_id, datetime.now(UTC)))
        return await self.resume(plan)

    async def resume(self, plan: Plan) -> RunStatus:
        """Execute another attempt on a new engine: nothing is left of the first but what is recorded."""
        return await self.start(plan).run_attempt(self.run_id)

    def queued(self) -> list[RunMoved]:
        """Return the record that queues a waiting run."""
        return [RunMoved(self.run_id, RunStatus.QUEUED, datetime.now(UTC))]

    def engine_graph(self, plan: Plan) -> Any:
        """Return the graph as LangGraph sees it, on the same checkpoints."""
        return compiling.compile(plan, RunStepper()).compile(checkpointer=self.saver)

    def forget(self, attempt: asyncio.Task[Any]) -> None:
        """Lose an attempt as a kill does: what it records from now on goes nowhere."""
        known = self.journal._entries
        self.journal = MemoryJournal()
        self.journal._entries = dict(known)
        attempt.cancel()

    async def history(self) -> History:
        return await self.journal.history(self.run_id)

    async def events(self) -> list[Event]:
        return list(await self.journal.page(self.run_id, 0, 10_000))

    async def names(self) -> list[str]:
        return [f"{event.type} {event.node}" if event.node else event.type for event in await self.events()]


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110 - what it waits for has no event
        await asyncio.sleep(0.005)


__all__ = ["Bench", "Limits", "human", "plan_of", "to", "tool", "until"]
