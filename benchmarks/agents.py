"""What an agent node adds, recorded, to the same graph of `create_agent` that is awaited directly."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.figures import Figure, median_of
from spec_service import operations
from spec_service.bootstrap import open_services
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings

ROUNDS = 60
CALLS = 3
HERE = Path(__file__).parent
CALLED = ", ".join('{calls = [{tool = "bench.nothing", arguments = {text = "x"}}]}' for _ in range(CALLS))
CATALOG = f"""
[tools.bench]
modules = ["tools_that_do_nothing"]
path = ["{HERE}"]
version = "1.0.0"

[models.scripted]
provider = "fake"
price_in = 1.0
price_out = 2.0
script = [
  {CALLED},
  {{text = "This is all that there is to say."}},
]
"""
SPEC = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: bench-agent}
start: work
nodes:
  work: {agent: {model: scripted, instructions: Work., tools: [bench.nothing]}, with: {a: b}, next: end}
"""


def figures() -> list[Figure]:
    """Return the time of an agent's step over that of the same graph."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        settings = Settings(data=Path(folder, "data"), catalog=catalog)
        async with open_services(settings) as services:
            await services.catalog.get()
            await operations.create_spec(services, SPEC.encode(), "yaml")
            recorded = [await _step(services) for _ in range(ROUNDS + 5)][5:]
            direct = await _direct(catalog)
    ratio = median_of(recorded) / median_of(direct)
    note = f"median of {ROUNDS}: {median_of(recorded) * 1000:.1f} ms, direct {median_of(direct) * 1000:.1f} ms"
    name = f"an agent's step with {CALLS} calls of a tool, recorded, over create_agent awaited directly"
    return [Figure(name, ratio, "x direct", 1.5, note)]


async def _step(services: Services) -> float:
    """Execute a run and return the seconds of its step."""
    answer = await operations.execute_spec(services, "bench-agent", ExecuteRequest(inputs={}), wait=30)
    events = await operations.page_events(services, answer.run.id, 0, 200)
    at = {event.type: event.at for event in events.items if event.type in {"step.started", "step.succeeded"}}
    return (at["step.succeeded"] - at["step.started"]).total_seconds()


async def _direct(catalog: Path) -> list[float]:
    """Return the seconds of the same conversation in a graph that records nothing."""
    from langchain.agents import create_agent  # noqa: PLC0415  # pyright: ignore[reportUnknownVariableType]
    from langchain_core.messages import HumanMessage  # noqa: PLC0415
    from langchain_core.tools import StructuredTool  # noqa: PLC0415

    from translator.language.cel import CelEngine  # noqa: PLC0415
    from workflows.agents.models import make_model  # noqa: PLC0415
    from workflows.catalog_file import read_catalog_file  # noqa: PLC0415

    async def nothing(text: str) -> dict[str, str]:
        """Give the text back."""
        return {"text": text}

    card = read_catalog_file(catalog).models["scripted"]
    tool = StructuredTool.from_function(coroutine=nothing, name="bench_nothing", description="Give the text back.")
    graph = cast("Any", create_agent(make_model(card, "", CelEngine(), {}), [tool], system_prompt="Work."))
    times: list[float] = []
    for _ in range(ROUNDS + 5):
        began = time.perf_counter()
        await graph.ainvoke({"messages": [HumanMessage(json.dumps({"a": "b"}))]})
        times.append(time.perf_counter() - began)
    return times[5:]
