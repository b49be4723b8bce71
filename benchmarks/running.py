"""A run of no-op tools over HTTP, recorded durably, beside the same graph in a bare route that stores nothing."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.figures import Figure, median_of

HERE = Path(__file__).parent
SPECLOOM = Path(sys.executable).with_name("specloom")
LONE, TOGETHER, SECONDS = 300, 64, 4.0
CATALOG = f"""[tools.bench]
modules = ["tools_that_do_nothing"]
path = ["{HERE}"]
version = "1.0.0"
"""
Ask = Callable[[], Awaitable[None]]


def figures() -> list[Figure]:
    """Return lone latencies and throughputs as ratios to the bare route's."""
    return asyncio.run(_figures())


async def _figures() -> list[Figure]:
    found: list[Figure] = []
    for nodes in (3, 10):
        async with _bare(nodes) as ask:
            bare_lone, bare_rate = await _lone(ask), await _rate(ask)
        async with _specloom(nodes) as ask:
            lone, rate = await _lone(ask), await _rate(ask)
        if nodes == 3:
            note = f"{lone * 1000:.1f} ms, bare {bare_lone * 1000:.1f} ms"
            found.append(
                Figure("a lone run of 3 nodes over HTTP, recorded, p50", lone / bare_lone, "x bare", 3.5, note)
            )
        note = f"{rate:.0f} runs/s, bare {bare_rate:.0f}"
        reach = 0.55 if nodes == 3 else 0.5
        name = f"runs/s of {nodes} nodes, {TOGETHER} at a time"
        found.append(Figure(name, rate / bare_rate, "x bare", reach, note, is_more_better=True))
    return found


async def _lone(ask: Ask) -> float:
    for _ in range(20):
        await ask()
    return median_of([await _timed(ask) for _ in range(LONE)])


async def _timed(ask: Ask) -> float:
    begin = time.perf_counter()
    await ask()
    return time.perf_counter() - begin


async def _rate(ask: Ask) -> float:
    """Return the requests per second that so many clients get answered together."""
    end, done = time.perf_counter() + SECONDS, 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await ask()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(TOGETHER)))
    return done / (time.perf_counter() - begin)


@asynccontextmanager
async def _bare(nodes: int) -> AsyncIterator[Ask]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare", str(port), str(nodes)]
    async with _served(command, HERE.parent, port) as client:

        async def ask() -> None:
            answer = await client.post("/execute", json={"inputs": {"text": "x"}})
            assert answer.json()["text"] == "x"

        yield ask


@asynccontextmanager
async def _specloom(nodes: int) -> AsyncIterator[Ask]:
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        port = free_port()
        command = [str(SPECLOOM), "dev", "--port", str(port), "--data", folder, "--catalog", str(catalog)]
        async with _served(command, Path(folder), port) as client:
            headers = {"Content-Type": "application/yaml"}
            posted = await client.post("/specs", content=_spec(nodes), headers=headers)
            assert posted.status_code == 201, posted.text

            async def ask() -> None:
                answer = await client.post("/specs/bench/execute?wait=true", json={"inputs": {"text": "x"}})
                told: dict[str, Any] = answer.json()
                assert told["status"] == "succeeded", told

            yield ask


@asynccontextmanager
async def _served(command: list[str], folder: Path, port: int) -> AsyncIterator[httpx2.AsyncClient]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limits = httpx2.Limits(max_connections=TOGETHER, max_keepalive_connections=TOGETHER)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=limits) as client:
            while not await _answers(client):
                await asyncio.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait()


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        await client.get("/healthz")
    except httpx2.TransportError:
        return False
    return True


def _spec(nodes: int) -> str:
    head = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: bench}
inputs: {text: {type: string}}
state: {text: {type: string, default: ""}}
outputs: {text: "${ state.text }"}
start: n0
nodes:
"""
    return head + "".join(
        f'  n{number}: {{tool: bench.nothing@^1, with: {{text: "${{ inputs.text }}"}},'
        f' save: {{text: "${{ result.text }}"}}, next: {f"n{number + 1}" if number + 1 < nodes else "end"}}}\n'
        for number in range(nodes)
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
