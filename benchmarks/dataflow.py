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

FLOOR = """
import asyncio, sys, time
from concurrent.futures import ProcessPoolExecutor
sys.path.insert(0, sys.argv[1])
from shapes import Piece, SHAPES

shape = sys.argv[2]

def build(number):
    task = Piece(shape=shape, number=number)
    assert not task.complete()
    task.run()
    assert task.complete()

async def run(pool):
    waits = [set(needs) for _, needs in SHAPES[shape]]
    tasks = {}
    async def one(number):
        await asyncio.get_running_loop().run_in_executor(pool, build, number)
        for other, needs in enumerate(waits):
            if number in needs:
                needs.remove(number)
                if not needs:
                    tasks[other] = asyncio.create_task(one(other))
    tasks |= {number: asyncio.create_task(one(number)) for number, needs in enumerate(waits) if not needs}
    while any(not task.done() for task in tasks.values()):
        await asyncio.wait([task for task in tasks.values() if not task.done()])

if __name__ == "__main__":
    with ProcessPoolExecutor(8) as pool:
        list(pool.map(time.sleep, [0.2] * 8))  # all of them are there
        begin = time.perf_counter()
        asyncio.run(run(pool))
        print(time.perf_counter() - begin)
"""
"""Eight bare processes that record nothing: nearer to the critical path nobody comes on this machine."""


def figures() -> list[Figure]:
    """Return a warm server's seconds over the critical path's, and for tasks that do nothing over Luigi's."""
    found: list[Figure] = []
    for shape, name, reach in (
        ("even", "60 Luigi tasks of 50 ms in 10 layers, 8 at a time", 1.10),
        ("uneven", "60 Luigi tasks of 10 to 90 ms in 10 layers, 8 at a time", 1.10),
        ("lattice", "63 Luigi tasks of 50 ms in 38 layers with 426 edges", 1.08),
    ):
        critical, ours, peer, floor = critical_path(shape), _ours(shape, RUNS), _peer(shape), _floor(shape, RUNS)
        note = (
            f"{ours['seconds']:.2f} s; luigi.build {peer:.2f} s, {peer / critical:.2f} x; a bare pool of processes that"
            f" records nothing {floor / critical:.2f} x"
        )
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


def _floor(shape: str, runs: int) -> float:
    return min(_printed(FLOOR, shape) for _ in range(runs))


def _peer(shape: str) -> float:
    return _printed(PEER, shape)


def _printed(program: str, shape: str) -> float:
    """Run a program in a folder of its own, and return the number that it prints last."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "program.py")  # a pool of processes wants one
        file.write_text(program)
        command = [sys.executable, "-W", "ignore", str(file), str(HERE), shape]
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
