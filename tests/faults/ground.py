"""A folder in which servers are started one after the other, disturbed, and made to finish what they have."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.faults.invariants import check_finished, check_no_orphans
from tests.faults.workloads import CATALOG, WORKLOADS, workload_of
from tests.journeys.forking import Forker
from tests.journeys.server import FINAL, PATIENCE, Server, listening

Json = Any
HERE = Path(__file__).parent


@dataclass
class Ground:
    """The folder, its catalog, and the file of effects."""

    folder: Path
    forker: Forker
    starts: int = 0
    logs: list[Path] = field(default_factory=list)

    @classmethod
    def in_folder(cls, folder: Path, forker: Forker) -> Ground:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("marking.py", "tools_of_faults.py", "stages_of_faults.py"):
            shutil.copy(HERE / name, folder)
        (folder / "specloom.toml").write_text(CATALOG)
        return cls(folder, forker)

    @property
    def effects(self) -> Path:
        return self.folder / "effects.jsonl"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @contextmanager
    def server(self, failpoint: str = "", **environment: str) -> Iterator[Server | None]:
        """Start a server; None when it was dead before it listened. What is left of it at the end is killed."""
        self.starts += 1
        log = self.folder / f"server-{self.starts}.log"
        self.logs.append(log)
        catalog = self.folder / "specloom.toml"
        arguments = ["dev", "--port", "0", "--data", str(self.data), "--catalog", str(catalog)]
        variables = {**os.environ, "SPECLOOM_FAILPOINT": failpoint, **environment}
        process = self.forker.start(arguments, self.folder, log, variables)
        try:
            url = listening(process, self.data)
            if url is None:
                assert process.returncode == -9, log.read_text()
                yield None
            else:
                with httpx2.Client(base_url=url, timeout=PATIENCE) as client:
                    yield Server(process, client, self.data)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)

    def post_specs(self, server: Server) -> None:
        for workload in WORKLOADS:
            server.post_spec(workload.text)

    def execute(self, server: Server, name: str, **inputs: Json) -> str:
        body = {"inputs": {"effects": str(self.effects), **inputs}}
        return server.post(f"/specs/{name}/execute", body)["id"]

    def finish(self, server: Server) -> list[str]:
        """Answer whoever is asked until all runs are over; return their ids."""
        end = time.monotonic() + PATIENCE
        while open_ := [run for run in runs_of(server) if run["status"] not in FINAL]:
            assert time.monotonic() < end, f"unfinished: {open_}\n{self.logs[-1].read_text()[-4000:]}"
            answer_all(server, open_)
            time.sleep(0.03)
        return [run["id"] for run in runs_of(server)]

    def finish_and_check(self, server: Server, *, has_effects: bool = True) -> list[str]:
        """Let all runs end well and check all that must hold; without effects, marks are left to themselves."""
        runs = self.finish(server)
        check_finished(server, runs, self.effects if has_effects else None)
        return runs

    def command(self, *arguments: str) -> str:
        """Run another command to its end and return what it printed."""
        self.starts += 1
        log = self.folder / f"command-{self.starts}.log"
        process = self.forker.start(arguments, self.folder, log, os.environ)
        assert process.wait(PATIENCE) == 0, log.read_text()
        return log.read_text()

    def check_gone(self) -> None:
        """Check that nothing of a dead server is left."""
        check_no_orphans(self.folder)


def runs_of(server: Server) -> list[Json]:
    """Return all runs."""
    found: list[Json] = []
    path = "/runs?limit=100"
    while True:
        page = server.get(path)
        found += page["items"]
        if page["next"] is None:
            return found
        path = f"/runs?limit=100&cursor={page['next']}"


def answer_all(server: Server, runs: list[Json]) -> None:
    """Answer the questions of waiting runs."""
    for run in runs:
        if run["status"] == "waiting":
            answer = workload_of(run).answer
            server.client.post(f"/runs/{run['id']}/resume", json={"answer": answer})  # answered already: not waiting


def until_dead(server: Server, act: Callable[[], bool]) -> float | None:
    """Call `act` until the server is dead, and return when it died; None when `act` says that it is over."""
    with suppress(httpx2.HTTPError):
        while server.process.poll() is None:
            if not act():
                return None
    server.process.wait(PATIENCE)
    return time.time()
