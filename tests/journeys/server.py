"""A real server in a process of its own, and the HTTP that a user would send it.

It is forked of a process that has imported what a server imports: `test_main_job.py` starts one as users do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.journeys.forking import ROOT, Forked, forker

Json = Any
FEW = ROOT / "tests/journeys/few.toml"
SPECLOOM = Path(sys.executable).with_name("specloom")
PATIENCE = float(os.environ.get("SPECLOOM_PATIENCE", "60"))  # seconds until something counts as never happening
FINAL = {"succeeded", "failed", "cancelled"}


@dataclass
class Server:
    """A running server; `data` outlives it."""

    process: subprocess.Popen[bytes] | Forked
    client: httpx2.Client
    data: Path

    def post_spec(self, text: str | bytes) -> Json:
        headers = {"Content-Type": "application/yaml"}
        content = text.encode() if isinstance(text, str) else text
        answer = self.client.post("/specs", content=content, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    def post(self, path: str, body: Json = None, status: int | None = None) -> Json:
        answer = self.client.post(path) if body is None else self.client.post(path, json=body)
        assert answer.status_code == status if status else answer.status_code < 400, answer.text
        return answer.json()

    def get(self, path: str) -> Json:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, run: str) -> list[Json]:
        items: list[Json] = []
        page = {"next": "0"}
        while page["next"] is not None:
            page = self.get(f"/runs/{run}/events?after={page['next']}&limit=100")
            items += page["items"]
        return items

    def until(self, run: str, *statuses: str) -> Json:
        """Wait until a run has one of these statuses."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.get(f"/runs/{run}")
            if found["status"] in statuses:
                return found
            assert found["status"] not in FINAL, found
            time.sleep(0.02)
        raise AssertionError(f"run {run} is still {found['status']}")

    def kill(self) -> None:
        """End the server as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(folder: Path, catalog: Path = FEW, *, is_forked: bool = True, **environment: str) -> Iterator[Server]:
    """Start a server on a free port; the data directory is `folder`/data."""
    log, data, variables = folder / "server.log", folder / "data", {**os.environ, **environment}
    arguments = ["dev", "--port", "0", "--data", str(data), "--catalog", str(catalog)]
    process = forker().start(arguments, folder, log, variables) if is_forked else _spawned(arguments, log, variables)
    try:
        url = listening(process, data)
        assert url is not None, log.read_text()
        with httpx2.Client(base_url=url, timeout=PATIENCE) as client:
            yield Server(process, client, data)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)


def _spawned(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen([SPECLOOM, *arguments], cwd=log.parent, stderr=file, stdout=file, env=environment)


def listening(process: subprocess.Popen[bytes] | Forked, data: Path) -> str | None:
    """Return where a server listens, which it says in a file of its data directory; None when it has died."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None:
        try:
            note = json.loads((data / "server.json").read_text())
            if note["pid"] == process.pid:
                httpx2.get(f"{note['url']}/healthz", timeout=PATIENCE).raise_for_status()
                return note["url"]
        except (OSError, ValueError, httpx2.HTTPError):
            pass
        assert time.monotonic() < end, "the server does not say where it listens"
        time.sleep(0.02)
    return None
