"""A restart after `kill -9` with many unfinished runs, many runs that wait for a person, and how soon a step starts."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

import httpx2

from benchmarks.figures import Figure, median_of
from benchmarks.running import HERE, SPECLOOM, free_port

UNFINISHED = 1_000
WAITING = int(os.environ.get("SPECLOOM_BENCH_WAITING", "2000"))  # 10,000 take minutes to make
LONE = 100
TOGETHER = 32
CATALOG = f"""[tools.bench]
modules = ["tools_that_wait", "tools_that_do_nothing"]
path = ["{HERE}"]
version = "1.0.0"
"""
HELD = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: held}
inputs: {path: {type: string}}
start: hold
nodes: {hold: {tool: bench.await_file@^1, with: {path: "${ inputs.path }"}, next: end}}
"""
QUICK = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: quick}
start: a
nodes: {a: {tool: bench.nothing@^1, with: {text: x}, next: end}}
"""
ASKING = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: asking}
start: ask
nodes: {ask: {human: {title: "Go on?"}, next: end}}
"""


class Server:
    """A server in a folder that outlives it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.port, self.settings = folder, free_port(), settings
        (folder / "specloom.toml").write_text(CATALOG)
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> float:
        """Start it and return the time (seconds since the epoch) of its first answer."""
        command = [SPECLOOM, "dev", "--port", str(self.port), "--data", "data", "--catalog", "specloom.toml"]
        environment = {**os.environ, **self.settings}
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=quiet, stderr=quiet)
        while True:
            try:
                await self.client.get("/healthz")
            except httpx2.TransportError:
                await asyncio.sleep(0.01)
            else:
                return time.time()

    def end(self, number: int) -> None:
        """End it by a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait()

    async def post(self, spec: str) -> None:
        """Post a spec."""
        answer = await self.client.post("/specs", content=spec, headers={"Content-Type": "application/yaml"})
        assert answer.status_code == 201, answer.text

    async def execute(self, name: str, count: int, **inputs: str) -> None:
        """Start so many runs."""

        async def some(share: int) -> None:
            for _ in range(share):
                answer = await self.client.post(f"/specs/{name}/execute", json={"inputs": inputs})
                assert answer.status_code == 202, answer.text

        await asyncio.gather(*(some(count // TOGETHER + (place < count % TOGETHER)) for place in range(TOGETHER)))

    def ask(self, sql: str) -> list[tuple[str, ...]]:
        """Read the database beside the server."""
        with sqlite3.connect(self.folder / "data" / "specloom.db", timeout=30) as connection:
            return connection.execute(sql).fetchall()

    async def until(self, sql: str, count: int) -> None:
        """Wait until a count in the database is reached."""
        while int(self.ask(sql)[0][0]) < count:
            await asyncio.sleep(0.1)

    def memory(self) -> float:
        """Return the resident memory in MB."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def figures() -> list[Figure]:
    """Return what a restart, waiting runs and a start take."""
    return [*asyncio.run(_restart()), *asyncio.run(_waiting())]


async def _restart() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), SPECLOOM_MAX_CONCURRENT_RUNS=str(UNFINISHED))
        await server.start()
        await server.post(HELD)
        gate = Path(folder, "gate")
        await server.execute("held", UNFINISHED, path=str(gate))
        await server.until("SELECT COUNT(*) FROM step_execution", UNFINISHED)
        server.end(signal.SIGKILL)
        up = await server.start()
        await server.until("SELECT COUNT(*) FROM attempt WHERE number = 2", UNFINISHED)
        claimed = sorted(_seconds(row[0]) - up for row in server.ask("SELECT started_at FROM attempt WHERE number = 2"))
        gate.touch()
        await server.until("SELECT COUNT(*) FROM run WHERE status = 'succeeded'", UNFINISHED)
        server.end(signal.SIGTERM)
        name = f"restart with {UNFINISHED:,} unfinished runs"
        return [
            Figure(f"{name}: first resumed after it is up", max(claimed[0], 0.0), "s", 1.0),
            Figure(f"{name}: all claimed", claimed[-1], "s", 10.0),
        ]


async def _waiting() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        await server.start()
        await server.post(QUICK)
        await server.post(ASKING)
        for _ in range(LONE):
            await server.client.post("/specs/quick/execute?wait=true", json={})
        starts = "SELECT type, at FROM event WHERE type IN ('run.queued', 'step.started') ORDER BY run_id, seq"
        times = [_seconds(row[1]) for row in server.ask(starts)]
        delays = [start - queued for queued, start in zip(times[::2], times[1::2], strict=True)]
        idle = server.memory()
        await server.execute("asking", WAITING)
        await server.until("SELECT COUNT(*) FROM run WHERE status = 'waiting'", WAITING)
        await asyncio.sleep(2)
        grown = server.memory() - idle
        server.end(signal.SIGTERM)
        reach = 20.0 if WAITING >= 10_000 else None
        note = "" if reach else "10,000 with SPECLOOM_BENCH_WAITING=10000; reach then: 20 MB"
        return [
            Figure("accepted to its first step started, idle server, p50", median_of(delays) * 1000, "ms", 5.0),
            Figure(f"{WAITING:,} runs waiting for a person: memory over idle", grown, "MB", reach, note),
        ]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
