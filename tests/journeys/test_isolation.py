"""Runs do not touch each other, and a stage that does not want to end is ended."""

import os
import time
from pathlib import Path

from tests.journeys.server import Server, serving

NOTE = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: note}
inputs: {text: {type: string}}
outputs: {text: "${ nodes.note.result.data }"}
start: note
nodes:
  note: {luigi: odd.Note@^1, with: {text: "${ inputs.text }"}, read: text, next: end}
"""
STUBBORN = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: stubborn}
inputs: {pids: {type: string}}
start: stay
nodes:
  stay: {luigi: odd.Stubborn@^1, with: {pids: "${ inputs.pids }"}, timeout: 1s, next: end}
"""


def catalog_in(folder: Path) -> Path:
    catalog = folder / "specloom.toml"
    here = Path(__file__).parent
    catalog.write_text(f'[luigi.odd]\nmodules = ["stages_of_isolation"]\npath = ["{here}"]\nversion = "1.0.0"\n')
    return catalog


def test_two_runs_of_one_spec_at_the_same_time_keep_to_their_own_files(tmp_path: Path) -> None:
    with serving(tmp_path, catalog_in(tmp_path)) as server:
        server.post_spec(NOTE)
        runs = [server.post("/specs/note/execute", {"inputs": {"text": f"run {number}"}})["id"] for number in range(4)]
        texts = [server.until(run, "succeeded")["outputs"]["text"] for run in runs]
        assert texts == [f"run {number}" for number in range(4)]


def test_a_stage_that_ignores_sigterm_is_gone_a_second_after_its_timeout_with_its_children(tmp_path: Path) -> None:
    with serving(tmp_path, catalog_in(tmp_path)) as server:
        server.post_spec(STUBBORN)
        before = server.get("/version")
        run = server.post("/specs/stubborn/execute", {"inputs": {"pids": str(tmp_path / "pids")}})["id"]
        started = _started(server, run)
        failed = server.until(run, "failed")
        assert failed["error"]["name"] == "timeout"
        deadline = started + 1 + 1
        while any(_is_alive(pid) for pid in _pids(tmp_path)) and time.time() < deadline:
            time.sleep(0.01)
        assert not [pid for pid in _pids(tmp_path) if _is_alive(pid)]
        assert server.get("/version") == before, "the server never noticed"


def test_cancel_ends_the_processes_of_a_stage(tmp_path: Path) -> None:
    with serving(tmp_path, catalog_in(tmp_path)) as server:
        server.post_spec(STUBBORN.replace("timeout: 1s", "timeout: 1h"))
        run = server.post("/specs/stubborn/execute", {"inputs": {"pids": str(tmp_path / "pids")}})["id"]
        _started(server, run)
        while not (tmp_path / "pids").exists() or len(_pids(tmp_path)) < 2:
            time.sleep(0.01)
        server.post(f"/runs/{run}/cancel")
        server.until(run, "cancelled")
        end = time.time() + 5
        while any(_is_alive(pid) for pid in _pids(tmp_path)) and time.time() < end:
            time.sleep(0.01)
        assert not [pid for pid in _pids(tmp_path) if _is_alive(pid)]


def _started(server: Server, run: str) -> float:
    while not any(event["type"] == "luigi.task-started" for event in server.events(run)):
        time.sleep(0.01)
    return time.time()


def _pids(folder: Path) -> list[int]:
    return [int(word) for word in (folder / "pids").read_text().split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes() if Path("/proc").is_dir() else True
