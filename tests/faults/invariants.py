"""What must hold after every fault, looked up in the database, transcripts, marks and the table of processes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.replaying import Replayed, replayed
from tests.faults.workloads import Workload, workload_of
from tests.journeys.server import PATIENCE, Server

Json = Any
_NEVER_HARM = {"crashed", "cancelled"}  # what a try may have come to beside the one success


@dataclass(frozen=True)
class Marks:
    """The effects that a test's steps have left, by label."""

    keys: Mapping[str, set[str]]
    counts: Counter[str]
    pids: set[int]

    @property
    def repeats(self) -> int:
        """Return how many effects happened more than once, each time beyond the first counted."""
        return sum(self.counts.values()) - len(self.counts)


def marks(effects: Path) -> Marks:
    """Return what stands in a file of effects."""
    keys: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    pids: set[int] = set()
    for line in effects.read_text().splitlines() if effects.exists() else []:
        one = json.loads(line)
        keys[one["label"]].add(one["key"])
        counts[one["label"]] += 1
        pids.add(one["pid"])
    return Marks(keys, counts, pids)


def check_finished(server: Server, runs: Collection[str], effects: Path | None) -> None:
    """Check everything of runs that have succeeded; `effects` is None when others have left marks there, too."""
    with closing(sqlite3.connect(f"file:{server.data / 'specloom.db'}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        for run in runs:
            view = server.get(f"/runs/{run}")
            workload = workload_of(view)
            assert view["status"] == "succeeded", view
            check_transcript(view, server.events(run))
            _check_steps(database, run, workload)
            _check_files(server, run)
            if effects is not None:
                _check_effects(database, run, workload, marks(effects))


def check_transcript(view: Json, events: list[Json]) -> None:
    """No gap between the numbers, no status out of order, and the replay gives what is stored."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "numbers have a gap"
    stored = Replayed(view["status"], view["outputs"], view["error"], view["attempts"])
    assert replayed(events) == stored, f"run {view['id']} is not what its transcript tells"


def _check_steps(database: sqlite3.Connection, run: str, workload: Workload) -> None:
    """No step lost, none recorded twice: exactly one success for each arrival."""
    rows = database.execute("SELECT * FROM step_execution WHERE run_id = ?", (run,)).fetchall()
    statuses: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        statuses[row["step"], row["visit"], row["task"]][row["status"]] += 1
    for arrival, found in statuses.items():
        assert found["succeeded"] == 1, f"{arrival} of run {run}: {found}"
        assert not found.keys() - _NEVER_HARM - {"succeeded"}, f"{arrival} of run {run}: {found}"
    assert Counter(step for step, _, task in statuses if not task) == workload.path, f"run {run}"
    assert sum(bool(task) for _, _, task in statuses) == workload.tasks, f"run {run}"


def _check_files(server: Server, run: str) -> None:
    """Every artifact is there as it was recorded, and no target of a task is half of one."""
    kept = server.get(f"/runs/{run}/artifacts?limit=100")["items"]
    for item in kept:
        answer = server.client.get(f"/runs/{run}/artifacts/{item['path']}")
        assert answer.status_code == 200, item
        assert hashlib.sha256(answer.content).hexdigest() == item["sha256"], item
    for target in (server.data / "runs" / run / "work").glob("*.txt"):
        assert target.read_text() == f"{run}/{target.stem.capitalize()}", target


def _check_effects(database: sqlite3.Connection, run: str, workload: Workload, left: Marks) -> None:
    """Every effect happened, its repeats had the same key, and no two effects shared one."""
    mine = {label: keys for label, keys in left.keys.items() if label.startswith(f"{run}/")}
    assert {label.removeprefix(f"{run}/") for label in mine} == workload.labels
    several = {label: keys for label, keys in mine.items() if len(keys) != 1}
    assert not several, f"repeats with other keys: {several}"
    used = [next(iter(keys)) for keys in mine.values()]
    assert len(set(used)) == len(used), "two effects shared a key"
    sql = "SELECT idempotency_key FROM step_execution WHERE run_id = ? AND status = 'succeeded'"
    assert set(used) <= {row[0] for row in database.execute(sql, (run,))}, "a key that no record has"


def check_no_orphans(folder: Path, alive: Collection[int] = ()) -> None:
    """No process works below the folder, or was noted in a mark, but those that should."""
    end = time.monotonic() + PATIENCE / 4
    while (found := processes_in(folder) - set(alive)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not found, {pid: _command(pid) for pid in found}


def processes_in(folder: Path) -> set[int]:
    """Return the processes whose working directory lies in the folder: hosts, their servers, what they started."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = (entry / "cwd").readlink()
        except OSError:
            continue
        if place.is_relative_to(folder.resolve()) and not _is_zombie(entry):
            found.add(int(entry.name))
    return found


def _is_zombie(entry: Path) -> bool:
    try:
        return b"\nState:\tZ" in (entry / "status").read_bytes()
    except OSError:
        return True


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "(gone)"
