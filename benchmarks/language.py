"""Maps, blocks and transitions: what the engine adds to what the work itself takes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, best_of
from benchmarks.tools_that_do_nothing import nothing
from spec_service.bootstrap import open_services
from spec_service.logs import configure_logs
from spec_service.operations.create_spec import create_spec
from spec_service.operations.execute_spec import execute_spec
from spec_service.requests import ExecuteRequest
from spec_service.services import Services
from spec_service.settings import Settings
from translator.language.cel import CelEngine
from translator.language.expressions import Scope
from translator.language.templates import compile_value

HERE = Path(__file__).parent
ITEMS = 10_000
ITEMS_A_COMMIT = 100
NODES, NEEDS, WIDTH = 500, 5, 25
RUNS = 3
CATALOG = f"""[tools.bench]
modules = ["benchmarks.tools_that_do_nothing"]
path = [{json.dumps(str(HERE.parent))}]
version = "1.0.0"
"""
MAP = """apiVersion: specloom/v1
kind: Workflow
metadata: {name: items}
inputs: {items: {type: array, items: {type: string}}}
start: all
nodes:
  all:
    map: {each: item, in: "${ inputs.items }", concurrency: 64}
    tool: bench.nothing
    with: {text: "${ item }"}
    next: end
"""


def figures() -> list[Figure]:
    """Return the figures of a map, of a DAG and of one transition."""
    configure_logs(Settings(log_level="error"))
    ours, overhead = asyncio.run(_measured())
    peer = min(asyncio.run(_gathered()) for _ in range(RUNS))
    transition = _transition()
    return [
        Figure(
            f"map over {ITEMS} items that do nothing, 64 at a time, against asyncio.gather with a commit per 100",
            peer / ours,
            "x",
            0.3,
            f"{ITEMS / ours:.0f} items/s, the peer {ITEMS / peer:.0f}",
            is_more_better=True,
        ),
        Figure(f"DAG of {NODES} nodes in layers of {WIDTH}, {NEEDS} needs each, recorded: a node", overhead, "ms", 3.0),
        Figure("a transition over a state of 250 kB", transition, "ms", 0.1),
    ]


async def _measured() -> tuple[float, float]:
    """Return the seconds of the map, and the milliseconds of a node of the DAG."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder, "specloom.toml")
        catalog.write_text(CATALOG)
        settings = Settings(data=Path(folder, "data"), catalog=catalog, log_level="error")
        async with open_services(settings) as services:
            await create_spec(services, MAP.encode(), "yaml")
            await create_spec(services, json.dumps(_dag()).encode(), "json")
            items = {"items": [str(number) for number in range(ITEMS)]}
            mapped = min([await _seconds(services, "items", items) for _ in range(RUNS)])
            return mapped, min([await _seconds(services, "many", {}) for _ in range(RUNS)]) / NODES * 1000


async def _seconds(services: Services, name: str, inputs: dict[str, Any]) -> float:
    begin = time.perf_counter()
    run = (await execute_spec(services, name, ExecuteRequest(inputs=inputs), wait=60)).run
    assert run.status == "succeeded", run.error
    return time.perf_counter() - begin


def _dag() -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for number in range(NODES):
        first = (number // WIDTH - 1) * WIDTH
        needs = [f"n{first + (number + other) % WIDTH}" for other in range(NEEDS)] if first >= 0 else []
        nodes[f"n{number}"] = {"tool": "bench.nothing", "with": {"text": "x"}, **({"needs": needs} if needs else {})}
    block: dict[str, Any] = {"block": {"dag": nodes, "next": "end"}}
    head = {"apiVersion": "specloom/v1", "kind": "Workflow", "metadata": {"name": "many"}}
    return {**head, "start": "block", "nodes": block}


async def _gathered() -> float:
    """Return the seconds of the same calls without us, each result kept in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder, "results.db"), isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE result (item INTEGER PRIMARY KEY, value TEXT)")
        begin = time.perf_counter()
        for part in _parts():
            results = await asyncio.gather(*(nothing.ainvoke({"text": str(number)}) for number in part))
            database.execute("BEGIN")
            rows = [(number, json.dumps(one)) for number, one in zip(part, results, strict=True)]
            database.executemany("INSERT INTO result VALUES (?, ?)", rows)
            database.execute("COMMIT")
        seconds = time.perf_counter() - begin
        database.close()
        return seconds


def _parts() -> Iterator[range]:
    return (range(first, first + ITEMS_A_COMMIT) for first in range(0, ITEMS, ITEMS_A_COMMIT))


def _transition() -> float:
    """Return the milliseconds of evaluating a condition while the state holds 250 kB."""
    schema = {"type": "object", "properties": {"score": {"type": "number"}, "pages": {"type": "array"}}}
    compiled = compile_value("${ state.score >= 0.8 }", Scope({"state": schema}), CelEngine())
    state = {"score": 0.9, "pages": ["x" * 1000] * 250}
    times = 1000
    return best_of(5, lambda: [compiled.evaluate({"state": state}) for _ in range(times)]) / times * 1000
