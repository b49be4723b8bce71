"""How long a replay of 1,000 recorded steps takes, the reading of the records included: a loop, and a DAG."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from pathlib import Path

import structlog

from benchmarks.figures import Figure, median_of
from spec_service import operations
from spec_service.bootstrap import open_services
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings

STEPS = 1_000
GOES = 5
HERE = Path(__file__).parent
CATALOG = f"""
[tools.bench]
modules = ["tools_that_do_nothing"]
path = ["{HERE}"]
version = "1.0.0"
"""
HEAD = f"""
apiVersion: specloom/v1
kind: Workflow
metadata: {{name: bench-%s}}
limits: {{steps: {STEPS}}}
"""
LOOP = f"""
state: {{n: {{type: integer, reduce: sum, default: 0}}}}
start: a
nodes:
  a:
    tool: bench.nothing
    with: {{text: x}}
    save: {{n: 1}}
    next:
      - {{when: "${{ state.n < {STEPS} }}", to: a}}
      - {{else: end}}
"""


def figures() -> list[Figure]:
    """Measure both shapes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(_measured())
    finally:
        structlog.reset_defaults()


async def _measured() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        async with open_services(Settings(data=Path(folder, "data"), catalog=catalog)) as services:
            return [await _figure(services, name, text) for name, text in (("loop", LOOP), ("dag", _dag()))]


async def _figure(services: Services, name: str, text: str) -> Figure:
    await operations.create_spec(services, (HEAD % name + text).encode(), "yaml")
    run = (await operations.execute_spec(services, f"bench-{name}", ExecuteRequest(inputs={}), wait=120)).run
    if run.status != "succeeded":
        raise RuntimeError(run.error)
    times: list[float] = []
    used: list[float] = []
    for _ in range(GOES):
        begin, busy = time.perf_counter(), time.process_time()
        found = await operations.replay_run(services, run.id)
        times.append(time.perf_counter() - begin)
        used.append(time.process_time() - busy)
        if not found.is_same or found.steps != STEPS:
            raise RuntimeError(found.differences or found.steps)
    note = f"median of {GOES}; {median_of(used):.2f} s of the processor"
    return Figure(f"replay of a run of {STEPS:,} steps: {name}", median_of(times), "s", 2.0, note)


def _dag() -> str:
    def member(number: int) -> str:
        needs = f", needs: [n{number // 2}]" if number > 1 else ""
        return f"  n{number}: {{tool: bench.nothing, with: {{text: x}}{needs}}}\n"

    return "nodes:\n" + "".join(member(number) for number in range(1, STEPS + 1))
