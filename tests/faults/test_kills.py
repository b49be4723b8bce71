"""A server that is killed at any border loses nothing, and its successor finishes every run."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults.forking import Forker
from tests.faults.ground import Ground
from tests.faults.kills import KILLS_A_ROUND, Figures, kills, play
from workflows.failpoints import NAMES


def test_a_server_killed_at_any_border_loses_nothing(tmp_path: Path, forker: Forker, form, seed: str, tell) -> None:
    planned, figures = kills(form.times(2, 10, 50), seed), Figures()
    for first in range(0, len(planned), KILLS_A_ROUND):
        folder = tmp_path / f"round-{first // KILLS_A_ROUND}"
        play(Ground.in_folder(folder, forker), planned[first : first + KILLS_A_ROUND], figures)
        shutil.rmtree(folder)
    assert figures.by_name.keys() == NAMES.keys()
    tell("kill -9", figures.lines())
