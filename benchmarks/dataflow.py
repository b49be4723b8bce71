"""Whole Luigi DAGs in one step: recorded runs over their critical paths, beside Luigi's own workers."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.shapes import SHAPES, critical_path
from spec_service.bootstrap import open_services
from spec_service.logs import configure_logs
from spec_service.operations.create_spec import create_spec
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.run_events import page_events
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings

HERE = Path(__file__).parent
RUNS = 5
LONGEST = 300  # seconds that anything here may take
CATALOG = f"""[luigi.bench]
modules = ["shapes"]
path = [{json.dumps(str(HERE))}]
version = "1.0.0"
"""
SPEC = b"""apiVersion: specloom/v1
kind: Workflow
metadata: {name: shapes}
inputs: {shape: {type: string}}
start: all
nodes:
  all: {luigi: bench.All@^1, with: {shape: "${ inputs.shape }"}, next: end}
"""
PEER = """
import logging, luigi, sys, time
logging.disable(logging.CRITICAL)
sys.path.insert(0, sys.argv[1])
from shapes import All
begin = time.perf_counter()
assert luigi.build([All(shape=sys.argv[2])], local_scheduler=True, workers=8, no_lock=True)
print(time.perf_counter() - begin)
"""


def figures() -> list[Figure]:
    """Return a warm server's seconds over the critical path's, and for tasks that do nothing over Luigi's."""
    found: list[Figure] = []
    for shape, name, reach in (
        ("even", "60 Luigi tasks of 50 ms in 10 layers, 8 at a time", 1.10),
        ("uneven", "60 Luigi tasks of 10 to 90 ms in 10 layers, 8 at a time", 1.10),
        ("lattice", "63 Luigi tasks of 50 ms in 38 layers with 426 edges", 1.08),
    ):
        critical, ours, peer = critical_path(shape), _ours(shape, RUNS), _peer(shape)
        note = f"{ours['seconds']:.2f} s; luigi.build {peer:.2f} s, {peer / critical:.2f} x"
        found.append(Figure(f"{name}: recorded run", ours["seconds"] / critical, "x critical path", reach, note))
    ours, peer = _ours("noop", 1), _peer("noop")
    note = f"{ours['seconds']:.1f} s; luigi.build {peer:.1f} s with 8 workers"
    count = len(SHAPES["noop"])
    found.append(
        Figure(f"{count} Luigi tasks that do nothing, recorded", ours["seconds"] / peer, "x luigi", 0.35, note)
    )
    found.append(Figure(f"memory of the server with {count} tasks", ours["megabytes"], "MB", 250, "its peak"))
    return found


def _ours(shape: str, runs: int) -> dict[str, float]:
    """Measure in a process of its own, for its memory."""
    command = [sys.executable, "-m", "benchmarks.dataflow", shape, str(runs)]
    done = subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True, text=True, timeout=LONGEST)
    return json.loads(done.stdout.splitlines()[-1])


def _peer(shape: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-c", PEER, str(HERE), shape]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=LONGEST)
        return float(done.stdout.split()[-1])


async def _measure(shape: str, runs: int) -> dict[str, Any]:
    configure_logs(Settings(log_level="error"))
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        settings = Settings(data=Path(folder, "data"), catalog=catalog, log_level="error")
        async with open_services(settings) as services:
            await create_spec(services, SPEC, "yaml")
            await _run(services, "even")  # hosts are warm afterwards
            seconds = min([await _run(services, shape) for _ in range(runs)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "megabytes": peak / 1024}


async def _run(services: Services, shape: str) -> float:
    begin = time.perf_counter()
    run = (await execute_spec(services, "shapes", ExecuteRequest(inputs={"shape": shape}), wait=LONGEST)).run
    seconds = time.perf_counter() - begin
    assert run.status == "succeeded", run.error
    assert await _count(services, run.id, "luigi.task-succeeded") == len(SHAPES[shape]) + 1
    return seconds


async def _count(services: Services, run_id: str, kind: str) -> int:
    count = after = 0
    while (page := await page_events(services, run_id, after, 1000)).items:
        count += sum(event.type == kind for event in page.items)
        after = page.items[-1].seq
    return count


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))) + "\n")
