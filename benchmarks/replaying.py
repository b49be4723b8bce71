"""How long a replay of 1,000 recorded steps takes: a loop, and a DAG."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from benchmarks.figures import Figure, median_of
from translator.language.cel import CelEngine
from translator.planning.catalog import FixedCatalog
from translator.planning.plan import Binding, Branch, Channel, Limits, Plan, Step, Transition
from workflows.attempt import Ports
from workflows.differing import differences
from workflows.engine import Engine
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryArtifacts, MemoryJournal, MemoryPlans, MemoryTools
from workflows.ports import ToolCall
from workflows.recalling import Recording
from workflows.records import EventRecorded, RunCreated
from workflows.replaying import ReplayTools, replay
from workflows.run import Run, RunId, RunStatus

STEPS = 1_000
GOES = 3
_CALL = Binding(kind="tool", name="t.count", version="1.0.0", source_digest="d", parameters={}, result={})


def figures() -> list[Figure]:
    """Measure both shapes."""
    return asyncio.run(_measured())


async def _measured() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        async with Evaluator() as evaluator:
            found: list[Figure] = []
            for name, plan in (("loop", _loop()), ("DAG", _dag())):
                wall, processor = await _seconds(plan, evaluator, Path(folder))
                note = f"median of {GOES}; {processor:.2f} s of the processor"
                found.append(Figure(f"replay of a run of {STEPS:,} steps: {name}", wall, "s", 2.0, note))
            return found


async def _seconds(plan: Plan, evaluator: Evaluator, folder: Path) -> tuple[float, float]:
    journal, artifacts, stages = MemoryJournal(), MemoryArtifacts(folder), LuigiStages(HostPool(environ={}))
    ports = Ports(journal, artifacts, MemoryTools({"t.count": _count}), stages, {}, evaluator)
    engine = Engine(ports, MemoryPlans([plan]), FixedCatalog(), InMemorySaver(), CelEngine())
    now = datetime.now(UTC)
    run = Run(RunId(f"run-{plan.digest}"), "bench", 1, "s", plan.digest, {}, now)
    await journal.commit(RunCreated(run), EventRecorded(run.id, "run.queued", now))
    if await engine.run_attempt(run.id) is not RunStatus.SUCCEEDED:
        raise RuntimeError((await journal.history(run.id)).run.error)
    history = await journal.history(run.id)
    times: list[float] = []
    used: list[float] = []
    for _ in range(GOES):
        begin, busy = time.perf_counter(), time.process_time()
        recording = Recording(plan, history)
        found = await replay(recording, plan, ReplayTools(artifacts, evaluator, CelEngine()))
        if differences(recording, found):
            raise RuntimeError(differences(recording, found)[0])
        times.append(time.perf_counter() - begin)
        used.append(time.process_time() - busy)
    return median_of(times), median_of(used)


async def _count(call: ToolCall) -> Any:
    return {"of": call.step}


def _loop() -> Plan:
    again = Transition(branches=(Branch(when=f"${{ state.n < {STEPS} }}", to="a"), Branch(to="end")))
    step = Step(id="a", verb="tool", path="/nodes/a", call=_CALL, save={"n": 1}, transition=again)
    count = Channel(schema={"type": "integer"}, reduce="sum", default=0)
    limits = Limits(steps=STEPS + 1)
    return Plan(
        digest="loop", spec_name="bench", spec_digest="s", steps=(step,), inputs={"type": "object"}, start="a",
        state={"n": count}, limits=limits, outputs={"n": "${ state.n }"},
    )  # fmt: skip


def _dag() -> Plan:
    def member(number: int) -> Step:
        needs = (f"n{number // 2}",) if number > 1 else ()
        return Step(id=f"n{number}", verb="tool", path=f"/nodes/n{number}", call=_CALL, needs=needs)

    steps = tuple(member(number) for number in range(1, STEPS + 1))
    return Plan(
        digest="dag", spec_name="bench", spec_digest="s", steps=steps, inputs={"type": "object"}, is_dag=True,
        limits=Limits(steps=STEPS + 1),
    )  # fmt: skip
