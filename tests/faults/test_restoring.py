"""A backup that was made under load is whole: of its copy, every run finishes."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.faults.ground import Ground, runs_of
from tests.journeys.forking import Forker

EACH = 4  # runs of each kind


@pytest.mark.usefixtures("part")
def test_every_run_of_a_backup_made_under_load_finishes(tmp_path: Path, forker: Forker, form, seed: str, tell) -> None:
    runs, times = 0, form.times(1, 5, 5)
    first = random.Random(seed).randrange(7)  # noqa: S311 - the same moments for the same seed
    for number in range(first, first + times):
        folder = tmp_path / str(number)
        runs += _restore(folder, forker, pause=0.15 * (1 + number % 7))
        shutil.rmtree(folder)
    tell("backups under load", [f"restored: {times}, with {runs} runs; every one finished"], restored=times, runs=runs)


def _restore(folder: Path, forker: Forker, pause: float) -> int:
    """Back up a busy server, kill it, and let another one finish what the backup holds; return how many runs."""
    ground, copy = Ground.in_folder(folder / "first", forker), Ground.in_folder(folder / "second", forker)
    with ground.server() as server:
        assert server is not None
        ground.post_specs(server)
        for name in ("flow", "dag", "expansion", "person") * EACH:
            ground.execute(server, name, seconds=0.1)
        time.sleep(pause)
        ground.command("backup", str(folder / "backup"), "--data", str(ground.data))
        taken = {run["id"] for run in runs_of(server)}
    ground.check_gone()
    copy.command("restore", str(folder / "backup"), "--data", str(copy.data))
    with copy.server() as server:
        assert server is not None
        assert set(copy.finish_and_check(server, has_effects=False)) == taken
    copy.check_gone()
    return len(taken)
