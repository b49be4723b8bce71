"""Rounds of kills: servers that die at a border, and the one that finishes what they left."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.faults.ground import Ground, answer_all, runs_of, until_dead
from tests.faults.invariants import marks
from tests.journeys.server import FINAL, Server
from workflows.failpoints import NAMES

Json = Any
KILLS_A_ROUND = 2  # a step that kills its server a third time is left alone, and that is another promise
SUBMISSIONS = 6  # of runs, until a border that a run passes must have been reached

_ONLY_OF = {  # borders that one kind of run passes; the others are passed by all
    "expansion.recorded": "expansion",
    "task.started": "expansion",
    "task.finished": "expansion",
    "question.recorded": "person",
    "answer.recorded": "person",
    "answer.taken": "person",
    "artifact.written": "flow",
    "artifact.renamed": "flow",
}
_OF_AGENTS = {"agent.called", "agent.returned", "child.started"}
BORDERS = [name for name in NAMES if name not in _OF_AGENTS]
"""Where servers are killed; the journey of delegation kills them at borders that only agents pass."""

_PASSES = {"step": 7, "task": 30, "flush": 12, "checkpoint": 8, "event": 12, "artifact": 2}  # of a run, about


@dataclass(frozen=True)
class Kill:
    """A border, which of its passes is the last, and the kind of run that goes by."""

    name: str
    number: int  # from 1
    workload: str

    @property
    def failpoint(self) -> str:
        return f"{self.name}:{self.number}"


@dataclass
class Figures:
    """What a series of kills came to."""

    kills: int = 0
    runs: int = 0
    repeats: int = 0
    by_name: dict[str, int] = field(default_factory=dict)
    resumed_seconds: list[float] = field(default_factory=list)  # from a death to the first run that goes on
    finished_seconds: list[float] = field(default_factory=list)  # from a death to the end of the last run

    def lines(self) -> list[str]:
        return [
            f"kills: {self.kills} at {len(self.by_name)} borders, {self.runs} runs, none lost",
            f"side effects repeated per kill: {self.repeats / max(self.kills, 1):.2f}",
            f"death to first run going on, start of the server included: {_spread(self.resumed_seconds)}",
            f"death to all runs finished: {_spread(self.finished_seconds)}",
        ]


def kills(count: int, seed: str) -> list[Kill]:
    """Return `count` kills for each border, in an order and at passes that the seed decides."""
    chance = random.Random(seed)  # noqa: S311 - the same kills for the same seed
    kinds = itertools.cycle(("flow", "dag", "expansion", "person"))
    found: list[Kill] = []
    for _ in range(count):
        for name in BORDERS:
            workload = _ONLY_OF.get(name) or next(kinds)
            found.append(Kill(name, chance.randint(1, _passes(name, workload)), workload))
    chance.shuffle(found)
    return found


def _passes(name: str, workload: str) -> int:
    if name.startswith("step") and workload in {"expansion", "person"}:
        return 1 if workload == "expansion" else 3
    return _PASSES.get(name.partition(".")[0], 1)


def play(ground: Ground, planned: list[Kill], figures: Figures) -> None:
    """Kill servers one after the other on the same data, each as planned; then let one finish, and check it all."""
    died_at = 0.0
    for kill in planned:
        died_at = _killed(ground, kill)
        figures.kills += 1
        figures.by_name[kill.name] = figures.by_name.get(kill.name, 0) + 1
        ground.check_gone()
    with ground.server() as server:
        assert server is not None
        runs = ground.finish(server)
        figures.finished_seconds.append(time.time() - died_at)
        ground.finish_and_check(server)
        figures.resumed_seconds += _resumed(server, runs, died_at)
        figures.runs += len(runs)
        figures.repeats += marks(ground.effects).repeats
    ground.check_gone()


def _killed(ground: Ground, kill: Kill) -> float:
    """Let a server die as planned and return when it did."""
    with ground.server(kill.failpoint) as server:
        if server is None:
            return time.time()
        died_at = until_dead(server, _Pressing(ground, server, kill.workload))
        assert died_at is not None, f"{kill} was never reached\n{ground.logs[-1].read_text()[-3000:]}"
        assert server.process.returncode == -9, ground.logs[-1].read_text()
        return died_at


@dataclass
class _Pressing:
    """Keeps a server busy with runs of one kind, one after the other, and answers for people."""

    ground: Ground
    server: Server
    workload: str
    submitted: int = 0
    has_specs: bool = False

    def __call__(self) -> bool:
        if not self.has_specs:
            self.ground.post_specs(self.server)
            self.has_specs = True
        unfinished = [run for run in runs_of(self.server) if run["status"] not in FINAL]
        answer_all(self.server, unfinished)
        if not unfinished or not self.submitted:
            if self.submitted == SUBMISSIONS:
                return False
            self.ground.execute(self.server, self.workload)
            self.submitted += 1
        time.sleep(0.02)
        return True


def _resumed(server: Server, runs: list[str], died_at: float) -> list[float]:
    """Return the seconds until the first run went on that the dead server had left; none when it left none."""
    starts = [
        datetime.fromisoformat(event["at"]).timestamp() - died_at
        for run in runs
        for event in server.events(run)
        if event["type"] == "run.started"
    ]
    after = [seconds for seconds in starts if seconds > 0]
    return [min(after)] if after else []


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "nothing was left to do"
    ordered = sorted(seconds)
    return f"p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
