"""Sixty Luigi tasks of 50 ms in ten layers, eight at a time: a recorded run, over the critical path."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.layers import LAYERS, SECONDS, WIDTH
from spec_service.bootstrap import open_services
from spec_service.logs import configure_logs
from spec_service.operations.create_spec import create_spec
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.run_events import page_events
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings

HERE = Path(__file__).parent
RUNS = 10
CRITICAL = LAYERS * SECONDS
CATALOG = f"""[luigi.bench]
modules = ["layers"]
path = [{json.dumps(str(HERE))}]
version = "1.0.0"
"""
SPEC = b"""apiVersion: specloom/v1
kind: Workflow
metadata: {name: layers}
start: all
nodes:
  all: {luigi: bench.All@^1, next: end}
"""
PEER = """
import logging, luigi, sys, time
logging.disable(logging.CRITICAL)
sys.path.insert(0, sys.argv[1])
from layers import All
begin = time.perf_counter()
assert luigi.build([All()], local_scheduler=True, workers=8, no_lock=True)
print(time.perf_counter() - begin)
"""


def figures() -> list[Figure]:
    """Return the step's seconds over the critical path's, for a warm server, beside Luigi's own workers."""
    ours = asyncio.run(_measure())
    name = f"{LAYERS * WIDTH} Luigi tasks of {SECONDS * 1000:.0f} ms in {LAYERS} layers, 8 at a time"
    return [
        Figure(f"{name}: recorded run", ours / CRITICAL, "x critical path", 1.3, f"{ours:.2f} s"),
        Figure(f"{name}: luigi.build", _peer() / CRITICAL, "x critical path", None, "the peer, nothing recorded"),
    ]


async def _measure() -> float:
    configure_logs(Settings(log_level="error"))
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        settings = Settings(data=Path(folder, "data"), catalog=catalog, log_level="error")
        async with open_services(settings) as services:
            await create_spec(services, SPEC, "yaml")
            return min([await _run(services) for _ in range(RUNS)])


async def _run(services: Services) -> float:
    begin = time.perf_counter()
    run = (await execute_spec(services, "layers", ExecuteRequest(), wait=60)).run
    assert run.status == "succeeded", run.error
    events = await page_events(services, run.id, 0, 1000)
    assert sum(event.type == "luigi.task-succeeded" for event in events.items) in {LAYERS * WIDTH, LAYERS * WIDTH + 1}
    return time.perf_counter() - begin


def _peer() -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-c", PEER, str(HERE)]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return float(done.stdout.split()[-1])
