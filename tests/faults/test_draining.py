"""A server that is told to stop under load stops in time, fails no run, and its successor finishes them all."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.faults.ground import Ground, runs_of
from tests.journeys.forking import Forker
from tests.journeys.server import PATIENCE

PROMISED_SECONDS = 35  # from SIGTERM to the end of the process
EACH = 10  # runs of each kind


@pytest.mark.usefixtures("part")
def test_sigterm_under_load_fails_no_run_and_ends_in_time(tmp_path: Path, forker: Forker, form, tell) -> None:
    seconds: list[float] = []
    for number in range(form.times(2, 5, 10)):
        folder = tmp_path / str(number)
        seconds.append(_drain(Ground.in_folder(folder, forker), slow=(0.05, 4.0)[number % 2], pause=0.3 * (number % 5)))
        shutil.rmtree(folder)
    ordered = sorted(seconds)
    lines = [
        f"drains with {3 * EACH} to {4 * EACH} runs in flight: {len(ordered)}, no run failed",
        f"SIGTERM to the end of the process: p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s",
    ]
    tell("SIGTERM under load", lines, seconds=seconds)


def _drain(ground: Ground, slow: float, pause: float) -> float:
    """Stop a busy server; every other time its steps are longer than its patience. Return the seconds it took."""
    with ground.server(SPECLOOM_DRAIN_SECONDS="1") as server:
        assert server is not None
        ground.post_specs(server)
        for name in ("flow", "dag", "person"):
            for _ in range(EACH):
                ground.execute(server, name, seconds=slow)
        ground.execute(server, "expansion", seconds=0.1)
        time.sleep(pause)
        began = time.monotonic()
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0, ground.logs[-1].read_text()[-4000:]
        seconds = time.monotonic() - began
        assert seconds <= PROMISED_SECONDS
    ground.check_gone()
    with ground.server() as successor:
        assert successor is not None
        assert len(runs_of(successor)) == 3 * EACH + 1
        ground.finish_and_check(successor)
    ground.check_gone()
    return seconds
