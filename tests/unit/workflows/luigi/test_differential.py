"""The same DAGs under Specloom and under `luigi.build`: the same tasks run, and it ends the same way."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.workflows.luigi.conftest import PIPELINES, Recorder
from workflows.hosting.pool import HostPool
from workflows.luigi.errors import MissingExternal, StageError
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages, StageCall
from workflows.run import RunId

KINDS = ("plain", "plain", "plain", "complete", "failing", "external", "dynamic", "resource", "broken")
ENDS = {
    "SUCCESS": "succeeded",
    "SUCCESS_WITH_RETRY": "succeeded",
    "MISSING_EXT": "waits",
    "FAILED": "failed",
    "FAILED_AND_SCHEDULING_FAILED": "failed",
    "SCHEDULING_FAILED": "failed",
    "NOT_RUN": "waits",  # so Luigi calls a task that has asked for something missing while it ran
}
DAYS = {"date_interval": "2012-06-01-2012-06-04"}
COUNTED = re.compile(r"\* (\d+) (.+):$", re.MULTILINE)


@dataclass
class Both:
    """Runs a task under Specloom and under Luigi."""

    runner: asyncio.Runner
    pool: HostPool
    peer: subprocess.Popen[str]

    def specloom(self, module: str, task: str, arguments: dict[str, Any], directory: Path) -> tuple[str, str]:
        """Return how it ended, and the summary."""
        group = LuigiGroup("d", (module,), (PIPELINES,))
        recorder = Recorder()
        call = StageCall(f"d.{task}", group, arguments, RunId("r"), directory, str(directory))
        try:
            self.runner.run(LuigiStages(self.pool).run(call, recorder))
        except MissingExternal:
            return "waits", recorder.summaries[-1]
        except StageError:
            return "failed", recorder.summaries[-1]
        return "succeeded", ""

    def luigi(
        self, module: str, task: str, arguments: dict[str, Any], directory: Path, **options: Any
    ) -> tuple[str, str]:
        """Return how it ended, and the summary."""
        asked = {"path": str(PIPELINES), "module": module, "task": task, "arguments": arguments}
        assert self.peer.stdin is not None
        assert self.peer.stdout is not None
        self.peer.stdin.write(json.dumps({**asked, "directory": str(directory), "options": options}) + "\n")
        self.peer.stdin.flush()
        answer = json.loads(self.peer.stdout.readline())
        return ENDS[answer["status"]], answer["summary"]


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    script = Path(__file__).with_name("peer.py")
    with asyncio.Runner() as runner:

        async def opened() -> HostPool:
            return HostPool(environ=os.environ, limit=3)

        pool = runner.run(opened())
        command = [sys.executable, "-W", "ignore", str(script)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
            yield Both(runner, pool, peer)
            assert peer.stdin is not None
            peer.stdin.close()
        runner.run(pool.aclose())


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, list[int]]]:
    """Draw `(kind, needs)` of each task; what it needs has a higher number, and the first needs all ends."""
    count = draw(st.integers(2, 7))
    nodes: list[tuple[str, list[int]]] = []
    for number in range(count):
        kind = draw(st.sampled_from(KINDS[:3])) if number == 0 else draw(st.sampled_from(KINDS))
        below = list(range(number + 1, count))
        needs = sorted(draw(st.sets(st.sampled_from(below), max_size=3))) if below else []
        nodes.append((kind, [] if kind in {"external", "broken"} else needs))
    needed = {one for _, needs in nodes for one in needs}
    nodes[0] = (nodes[0][0], sorted({*nodes[0][1], *(one for one in range(1, count) if one not in needed)}))
    return nodes


def prepared(folder: str, name: str, nodes: list[tuple[str, list[int]]]) -> Path:
    directory = Path(folder, name)
    directory.mkdir()
    for number, (kind, _) in enumerate(nodes):
        if kind == "complete":
            (directory / f"{number}.txt").write_text("there")
    return directory


def what_ran(directory: Path) -> set[str]:
    log = directory / "runs.log"
    return set(log.read_text().splitlines()) if log.exists() else set()


def targets(directory: Path) -> set[str]:
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    return {one for one in found if not one.startswith(".specloom/") and one != "runs.log"}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(nodes=graphs())
def test_a_drawn_dag_runs_the_same_tasks_and_ends_as_under_luigi(both: Both, nodes: list[tuple[str, list[int]]]):
    arguments = {"graph": json.dumps(nodes), "number": 0}
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (prepared(folder, name, nodes) for name in ("ours", "theirs"))
        end, summary = both.specloom("drawn", "Drawn", arguments, ours)
        expected, their_summary = both.luigi("drawn", "Drawn", arguments, theirs)
        assert end == expected, (summary, their_summary)
        assert what_ran(ours) == what_ran(theirs)
        assert targets(ours) == targets(theirs)
        # what is asked for at run time is in Luigi's summary only, which in turn takes what is above the dependants of
        # a task whose scheduling failed for tasks that lack a permission
        if end != "succeeded" and not {"dynamic", "broken"} & {kind for kind, _ in nodes}:
            assert sorted(COUNTED.findall(summary)) == sorted(COUNTED.findall(their_summary))
            assert summary.splitlines()[-1] in their_summary


@pytest.mark.parametrize(
    ("task", "arguments", "end", "files"),
    [
        ("Top10Artists", DAYS, "succeeded", 5),
        ("Dynamic", {}, "succeeded", 8),
        ("Foo", {}, "succeeded", 10),
        ("EntryPoint", {}, "failed", 20),
        ("OnlyMissing", {}, "waits", 1),
        ("WordCount", DAYS, "waits", 2),
        ("WordCount", {"date_interval": "2012-06-01-2012-06-03"}, "succeeded", 3),
        ("Tries", {}, "failed", 4),
    ],
)
def test_a_pattern_of_luigis_examples_leaves_the_same_files_and_ends_the_same(  # noqa: PLR0913, PLR0917
    both: Both, tmp_path: Path, task: str, arguments: dict[str, Any], end: str, files: int
):
    directories = [tmp_path / "ours", tmp_path / "theirs"]
    for directory in directories:
        (directory / "text").mkdir(parents=True)
        if task == "WordCount":
            for day in ("2012-06-01", "2012-06-02"):
                (directory / "text" / f"{day}.txt").write_text("to be or not to be")
    ours, theirs = directories
    ended = both.specloom("patterns", task, arguments, ours)
    expected = both.luigi("patterns", task, arguments, theirs)
    assert (ended[0], expected[0]) == (end, end)
    assert targets(ours) == targets(theirs)
    assert len(targets(ours)) == files
    if task != "Tries":  # Luigi tries again only as long as a worker is kept alive
        assert all((ours / name).read_text() == (theirs / name).read_text() for name in targets(ours))
    if end != "succeeded":
        assert sorted(COUNTED.findall(ended[1])) == sorted(COUNTED.findall(expected[1]))


def test_a_task_with_its_own_policy_is_tried_as_often_as_by_a_worker_that_is_kept_alive(both: Both, tmp_path: Path):
    both.specloom("patterns", "Tries", {}, tmp_path)
    assert [(tmp_path / f"tries-{name}").read_text() for name in "12"] == ["xxxxx", "xx"]
