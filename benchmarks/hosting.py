"""Stage hosts: what a warm one adds to the time of a task, and how long a new one takes."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, median_of
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup, host_spec
from workflows.luigi.stages import LuigiStages, StageCall
from workflows.run import RunId

ROUNDS = 500
FORKS = 40
MODULE = """
import luigi, time

class Timed(luigi.Task):
    number = luigi.IntParameter()

    def complete(self):
        return getattr(self, "is_done", False)

    def run(self):
        began = time.perf_counter()
        time.sleep(0.001)
        self.is_done = True
        self.set_status_message(str(time.perf_counter() - began))
"""


def figures() -> list[Figure]:
    """Return the milliseconds of a hot round trip over the task's own time, and those of forking a host."""
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "timed.py").write_text(MODULE)
        group = LuigiGroup("bench", ("timed",), (Path(folder),))
        pool = HostPool(environ=os.environ)
        try:
            began = time.perf_counter()
            async with pool.lease(host_spec(group)):
                first = time.perf_counter() - began
            trips = await _round_trips(group, pool, Path(folder))
            forked = await _forks(group, pool)
        finally:
            await pool.aclose()
    note = f"median of {ROUNDS}; p95 {sorted(trips)[int(ROUNDS * 0.95)] * 1000:.2f} ms; lease, TMPDIR, call, result"
    return [
        Figure("a Luigi task in a warm host: time over the task's own", median_of(trips) * 1000, "ms", 2.0, note),
        Figure("a new host, forked when it is needed", median_of(forked) * 1000, "ms", None, f"median of {FORKS}"),
        Figure("the first host of a kind, its modules imported", first * 1000, "ms", None, "once per server and group"),
    ]


async def _round_trips(group: LuigiGroup, pool: HostPool, folder: Path) -> list[float]:
    """Do what a step does for each of its tasks, but for the records."""
    call = StageCall("bench.Timed", group, {"number": 1}, RunId("r"), folder, "key")
    root = (await LuigiStages(pool).preview(call)).tasks[0]
    about = {"task": root.as_json(), "root": root.as_json(), "arguments": {"number": 1}}
    params = {**about, "requires": "build", "note": str(folder / "note")}
    trips: list[float] = []
    for _ in range(ROUNDS):
        own: list[float] = []
        began = time.perf_counter()
        async with pool.temporary.given(folder) as temporary, pool.lease(host_spec(group)) as host:
            await host.call(
                "run_task",
                params,
                cwd=folder,
                env={"TMPDIR": str(temporary)},
                log=folder / "log",
                on_message=lambda told, own=own: own.append(float(told["message"])),
            )
        trips.append(time.perf_counter() - began - own[0])
    return trips


async def _forks(group: LuigiGroup, pool: HostPool) -> list[float]:
    server = await pool._server(host_spec(group))  # noqa: SLF001 - what a lease does when none is idle
    taken: list[float] = []
    for _ in range(FORKS):
        began = time.perf_counter()
        host = await server.fork()
        taken.append(time.perf_counter() - began)
        host.dispose()
    return taken
