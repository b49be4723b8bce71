"""What an agent node adds, recorded, to the same graph of `create_agent` that is awaited directly.

Both sides ask the same kind of model in the same way, call the same tool, run on the same loop and take turns, so that
whatever else the machine does disturbs both. What is told is the median of the ratios of such pairs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import structlog

from benchmarks.figures import Figure, median_of
from benchmarks.tools_that_do_nothing import nothing
from spec_service import operations
from spec_service.bootstrap import open_services
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings

ROUNDS, WARM = 60, 10
CALLS = 3
HERE = Path(__file__).parent
CALLED = ", ".join('{calls = [{tool = "bench.nothing", arguments = {text = "x"}}]}' for _ in range(CALLS))
SCRIPT = f'[{CALLED}, {{text = "This is all that there is to say."}}]'
CATALOG = f"""
[tools.bench]
modules = ["tools_that_do_nothing"]
path = ["{HERE}"]
version = "1.0.0"

[models.whole]
provider = "fake"
price_in = 1.0
price_out = 2.0
streaming = false
script = {SCRIPT}

[models.streamed]
provider = "fake"
price_in = 1.0
price_out = 2.0
script = {SCRIPT}
"""
SPEC = """
apiVersion: specloom/v1
kind: Workflow
metadata: {{name: bench-{name}}}
start: work
nodes:
  work: {{{verb}, next: end}}
"""
AGENT = "agent: {{model: {name}, instructions: Work., tools: [bench.nothing]}}, with: {{a: b}}"
ONE_STEP = "one-step"
"""The spec of a run whose one step does nothing: what an agent's run takes beyond it is the agent's."""


@dataclass
class Pairs:
    """Seconds and seconds of the processor, of a side that records and one that does not, pair by pair."""

    recorded: list[float] = field(default_factory=list[float])
    direct: list[float] = field(default_factory=list[float])
    recorded_cpu: list[float] = field(default_factory=list[float])
    direct_cpu: list[float] = field(default_factory=list[float])

    @property
    def ratio(self) -> float:
        """Return the median of the ratios of the pairs."""
        return median_of([mine / bare for mine, bare in zip(self.recorded, self.direct, strict=True)])


def figures() -> list[Figure]:
    """Return the time of an agent's step over that of the same graph, for both ways to ask a model."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(_measure())
    finally:
        structlog.reset_defaults()


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        async with open_services(Settings(data=Path(folder, "data"), catalog=catalog)) as services:
            await services.catalog.get()
            for name in ("whole", "streamed"):
                spec = SPEC.format(name=name, verb=AGENT.format(name=name))
                await operations.create_spec(services, spec.encode(), "yaml")
            await operations.create_spec(services, SPEC.format(name=ONE_STEP, verb="set: {}").encode(), "yaml")
            return [await _figure(services, catalog, name) for name in ("streamed", "whole")]


async def _figure(services: Services, catalog: Path, name: str) -> Figure:
    pairs, empty = await _pairs(services, _direct(catalog, name), name)
    cpu = (median_of(pairs.recorded_cpu) - empty) / median_of(pairs.direct_cpu)
    note = (
        f"{_spread(pairs.recorded)} ms, direct {_spread(pairs.direct)} ms; processor: {cpu:.2f} x "
        f"({median_of(pairs.direct_cpu) * 1000:.1f} ms direct)"
    )
    way = "an answer streamed" if name == "streamed" else "an answer at once"
    what = f"an agent's step with {CALLS} calls of a tool, {way}, recorded, over create_agent awaited directly"
    return Figure(what, pairs.ratio, "x direct", 1.5, note)


async def _pairs(services: Services, direct: Callable[[], Awaitable[Any]], name: str) -> tuple[Pairs, float]:
    """Return what was measured in turns, and the seconds of the processor of a run whose step does nothing."""
    pairs, empty = Pairs(), list[float]()
    for place in range(WARM + ROUNDS):
        begun = time.process_time()
        seconds = await _step(services, f"bench-{name}")
        cpu, begun, began = time.process_time() - begun, time.process_time(), time.perf_counter()
        await direct()
        direct_seconds, direct_cpu, begun = (
            time.perf_counter() - began,
            time.process_time() - begun,
            time.process_time(),
        )
        await _step(services, f"bench-{ONE_STEP}")
        if place < WARM:
            continue
        empty.append(time.process_time() - begun)
        pairs.recorded.append(seconds)
        pairs.direct.append(direct_seconds)
        pairs.recorded_cpu.append(cpu)
        pairs.direct_cpu.append(direct_cpu)
    return pairs, median_of(empty)


async def _step(services: Services, spec: str) -> float:
    """Execute a run and return the seconds of its step."""
    answer = await operations.execute_spec(services, spec, ExecuteRequest(inputs={}), wait=30)
    events = await operations.page_events(services, answer.run.id, 0, 200)
    at = {event.type: event.at for event in events.items if event.type in {"step.started", "step.succeeded"}}
    return (at["step.succeeded"] - at["step.started"]).total_seconds()


def _direct(catalog: Path, name: str) -> Callable[[], Awaitable[Any]]:
    """Return what runs the same conversation in a graph that records nothing."""
    from langchain.agents import create_agent  # noqa: PLC0415  # pyright: ignore[reportUnknownVariableType]
    from langchain_core.messages import HumanMessage  # noqa: PLC0415

    from translator.language.cel import CelEngine  # noqa: PLC0415
    from workflows.agents.models import make_model  # noqa: PLC0415
    from workflows.catalog_file import read_catalog_file  # noqa: PLC0415

    model = make_model(read_catalog_file(catalog).models[name], "", CelEngine(), {})
    tool = nothing.model_copy(update={"name": "bench_nothing"})
    graph = cast("Any", create_agent(model, [tool], system_prompt="Work."))

    async def converse() -> Any:
        return await graph.ainvoke({"messages": [HumanMessage(json.dumps({"a": "b"}))]})

    return converse


def _spread(seconds: Sequence[float]) -> str:
    """Return the median in ms, and the quartiles beside it."""
    low, middle, high = statistics.quantiles([one * 1000 for one in seconds], n=4)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"
