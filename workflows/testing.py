"""Runs the tests of a spec: with mocks, on the real engine, in memory.

Nothing is stored, no time is waited for, and pauses between tries are left out. What a run came to is read from its
rows, as everywhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from translator import compiling
from translator.language.document import Document, Position, join_pointer
from translator.language.expressions import ExpressionEngine
from translator.language.model import Spec, SpecTest
from translator.language.schemas import Validator, with_defaults
from translator.planning.catalog import Catalog
from translator.planning.plan import Plan, Step
from workflows.agents.agents import Agents
from workflows.attempt import Ports
from workflows.covering import Unreached, unreached
from workflows.engine import Engine
from workflows.expecting import ROOTS, Mismatch, Outcome, mismatches, path_of, shown
from workflows.hosting.evaluation import Evaluator
from workflows.hurrying import completed, hurried, is_whole
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryArtifacts, MemoryJournal, MemoryPlans
from workflows.memory_children import MemoryChildren
from workflows.mocking import MockedNodes
from workflows.ports import Tools
from workflows.records import EventRecorded, History, RunCreated, StepExecution
from workflows.run import Run, RunId
from workflows.working import NODES

Json = Any
MOST_SECONDS = 60.0  # of one test


@dataclass(frozen=True, slots=True)
class Workshop:
    """What runs of tests need of the outside. `may_call`: tools and stages without a mock are called for real."""

    tools: Tools
    stages: LuigiStages
    groups: Mapping[str, LuigiGroup]
    evaluator: Evaluator
    catalog: Catalog
    expressions: ExpressionEngine
    folder: Path
    may_call: bool = True
    agents: Agents | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a test failed, and where in the spec's text the reason stands."""

    what: str  # a key of `expect`, or what is wrong with the test itself
    position: Position
    expected: str | None = None  # None where there is nothing to compare
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What one test came to."""

    name: str
    position: Position
    failures: tuple[Failure, ...] = ()
    outcome: Outcome | None = None
    path: tuple[str, ...] = ()
    called: tuple[str, ...] = ()  # nodes without a mock whose tools or stages were called for real
    unused: tuple[str, ...] = ()  # mocks of nodes that were not visited

    @property
    def is_passed(self) -> bool:
        """Tell whether everything was as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class SpecReport:
    """What the tests of a spec came to; `unreached` is None when not all of them ran."""

    name: str
    cases: tuple[CaseReport, ...]
    unreached: Unreached | None = None

    @property
    def is_passed(self) -> bool:
        """Tell whether every test passed."""
        return all(case.is_passed for case in self.cases)


@dataclass(frozen=True, slots=True)
class SpecTestRunner:
    """Runs the tests of one spec."""

    spec: Spec
    document: Document
    plan: Plan
    workshop: Workshop

    async def run(self, wanted: str | None = None) -> SpecReport:
        """Run all tests, or those whose name contains `wanted`, one after the other."""
        chosen = [(i, one) for i, one in enumerate(self.spec.tests) if wanted is None or wanted in one.name]
        cases = tuple([await self._case(index, test) for index, test in chosen])
        outcomes = [case.outcome for case in cases if case.outcome]
        is_whole = bool(cases) and len(outcomes) == len(self.spec.tests)
        return SpecReport(self.plan.spec_name, cases, unreached(self.plan, outcomes) if is_whole else None)

    async def _case(self, index: int, test: SpecTest) -> CaseReport:
        at = f"/tests/{index}"
        position = self.document.key_position(at)
        mistakes = self._mistakes(at, test)
        if mistakes:
            return CaseReport(test.name, position, tuple(mistakes))
        mocks = MockedNodes(self._completed(test.mocks), may_call=self.workshop.may_call)
        execution = _Execution(self.plan, self.workshop, mocks)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                outcome = await execution.outcome(with_defaults(self.plan.inputs, test.inputs))
        except TimeoutError:
            late = Failure(f"it took longer than {MOST_SECONDS:g} s", position)
            return CaseReport(test.name, position, (late,))
        missed = [Failure(_without_mock(name), position) for name in sorted(mocks.missing)]
        missed += [Failure(_without_mock(name), position) for name in execution.waits]
        wrong = mismatches(test.expect, outcome)
        return CaseReport(
            name=test.name,
            position=position,
            failures=(*(missed if wrong else ()), *(self._failure(at, one) for one in wrong)),
            outcome=outcome,
            path=tuple(path_of(outcome)),
            called=tuple(sorted(mocks.called)),
            unused=tuple(name for name in test.mocks if name not in mocks.used),
        )

    def _completed(self, mocks: Mapping[str, Json]) -> dict[str, Json]:
        known = _known(self.plan, self.plan.workflows)
        return {name: completed(one) if known[name].map and is_whole(one) else one for name, one in mocks.items()}

    def _failure(self, at: str, one: Mismatch) -> Failure:
        """Place a mismatch at its key, or at the test's name when the test leaves the key out."""
        pointer = join_pointer(at, "expect", one.key)
        is_said = self.document.at(pointer) is not None or one.key in (self.document.at(f"{at}/expect") or {})
        return Failure(one.key, self.document.key_position(pointer if is_said else at), one.expected, one.actual)

    def _mistakes(self, at: str, test: SpecTest) -> list[Failure]:
        """Return what is wrong with a test before it runs: unknown nodes, inputs that do not fit."""
        known = _known(self.plan, self.plan.workflows)
        found = [
            Failure(f"there is no node {name} to be mocked", self._at(at, "mocks", name))
            for name in test.mocks
            if name not in known
        ]
        for key in test.expect:
            problem = _unknown(key, self.plan, known)
            if problem:
                found.append(Failure(problem, self._at(at, "expect", key)))
        inputs = with_defaults(self.plan.inputs, test.inputs)
        for one in Validator(self.plan.inputs, self.plan.defs).problems(inputs, ""):
            where = self.document.place(f"{at}/inputs{one.path}")
            found.append(Failure(f"an input does not fit: {one.message}", where))
        return found

    def _at(self, *pointer: str) -> Position:
        return self.document.key_position(join_pointer(*pointer))


@dataclass(slots=True)
class _Execution:
    """One run of a test."""

    plan: Plan
    workshop: Workshop
    mocks: MockedNodes
    waits: tuple[str, ...] = ()  # nodes for which the run waits

    async def outcome(self, inputs: Mapping[str, Json]) -> Outcome:
        """Execute the run until it ends or waits."""
        plan, shop = hurried(self.plan, self.mocks.mocks), self.workshop
        journal, saver, artifacts = MemoryJournal(), InMemorySaver(), MemoryArtifacts(shop.folder)
        ports = Ports(
            journal,
            artifacts,
            shop.tools,
            shop.stages,
            shop.groups,
            shop.evaluator,
            nodes=self.mocks.over(NODES),
            agents=shop.agents,
        )
        plans = MemoryPlans([plan])
        children = MemoryChildren(journal, plans, lambda run_id: below.run_attempt(run_id))  # noqa: PLW0108 - it comes later
        ports = replace(ports, children=children)
        engine = Engine(ports, plans, shop.catalog, saver, shop.expressions)
        unmocked = MockedNodes({}, may_call=shop.may_call).over(NODES)  # the nodes of a test are those of its spec
        below = Engine(replace(ports, nodes=unmocked), plans, shop.catalog, InMemorySaver(), shop.expressions)
        now = datetime.now(UTC)
        run = Run(RunId(f"test-{id(self):x}"), plan.spec_name, 1, plan.spec_digest, plan.digest, inputs, now)
        await journal.commit(RunCreated(run), EventRecorded(run.id, "run.queued", now))
        try:
            await engine.run_attempt(run.id)
        finally:
            await children.aclose()
        history = await journal.history(run.id)
        events = await journal.page(run.id, 0, history.last_seq)
        self.waits = tuple(one.step for one in history.questions if one.is_open)
        return Outcome(
            plan=plan,
            status=history.run.status,
            error=history.run.error,
            outputs=history.run.outputs,
            state=_state(plan, saver, run.id),
            nodes=await _nodes(plan, history, artifacts),
            executions=history.steps,
            events=tuple(str(event.data.get("event")) for event in events if event.type == "emitted"),
        )


def _state(plan: Plan, saver: InMemorySaver, run_id: RunId) -> dict[str, Json]:
    """Return the state as the newest checkpoint has it."""
    config: RunnableConfig = {"configurable": {"thread_id": run_id}}
    newest = saver.get_tuple(config)
    found = compiling.channels_of(newest.checkpoint["channel_values"]) if newest else {}
    return {name: channel.default for name, channel in plan.state.items()} | found


async def _nodes(plan: Plan, history: History, artifacts: MemoryArtifacts) -> dict[str, Json]:
    """Return the newest result, status and error of each node, as expressions see them."""
    newest = {one.step: one for one in history.steps if not one.task}
    pending = {step.id: {"result": None, "status": "pending", "error": None} for step in plan.steps}
    return pending | {
        name: {
            "result": await _result(one, artifacts),
            "status": one.status.value,
            "error": one.error.as_json() if one.error else None,
        }
        for name, one in newest.items()
    }


async def _result(execution: StepExecution, artifacts: MemoryArtifacts) -> Json:
    kept: Mapping[str, Json] = execution.result or {}
    return json.loads(await artifacts.read(kept["artifact"])) if "artifact" in kept else kept.get("value")


def _known(plan: Plan, called: Mapping[str, Plan], prefix: str = "") -> dict[str, Step]:
    """Return the steps of a plan and of what it calls, by the names that they have in a run."""
    found: dict[str, Step] = {}
    for step in plan.steps:
        found[prefix + step.id] = step
        child = called.get(step.call.source_digest) if step.call else None
        if child is not None:
            found |= _known(child, called, f"{prefix}{step.id}/")
    return found


def _unknown(key: str, plan: Plan, known: Mapping[str, Step]) -> str | None:
    """Say what is wrong with a key of `expect`."""
    root, _, rest = key.partition(".")
    first = rest.partition(".")[0]
    if root not in ROOTS:
        return f"a test cannot expect {shown(key)}; it can expect {', '.join(ROOTS)}"
    if root == "nodes" and first not in known:
        return f"there is no node {first}"
    if root == "state" and first and first not in plan.state:
        return f"there is no channel {first}"
    if root == "outputs" and first and first not in plan.outputs:
        return f"there is no output {first}"
    return None


def _without_mock(name: str) -> str:
    return f"{name} has no mock"
