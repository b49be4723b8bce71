"""A server that was frozen past its lease is replaced, and writes nothing when it wakes up."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.forking import Forker
from tests.faults.ground import Ground
from tests.faults.invariants import marks
from tests.journeys.server import PATIENCE

LEASE_SECONDS = "1"
FENCED_OFF = 75  # exit code, EX_TEMPFAIL


def test_a_frozen_server_is_replaced_and_refused_when_it_wakes_up(tmp_path: Path, forker: Forker, form, tell) -> None:
    seconds: list[float] = []
    for number in range(form.times(2, 20, 200)):
        folder = tmp_path / str(number)
        seconds.append(_freeze(Ground.in_folder(folder, forker), pause=0.1 * (number % 7)))
        shutil.rmtree(folder)
    ordered = sorted(seconds)
    lines = [
        f"freezes: {len(ordered)}, each sleeper refused, no run lost",
        f"freeze to all runs finished elsewhere, with a lease of {LEASE_SECONDS} s:"
        f" p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s",
    ]
    tell("SIGSTOP, takeover, SIGCONT", lines)


def _freeze(ground: Ground, pause: float) -> float:
    """Freeze a server amid its work, let another one finish it, wake the first; return the seconds that it took."""
    with ground.server(SPECLOOM_LEASE_SECONDS=LEASE_SECONDS) as sleeper:
        assert sleeper is not None
        ground.post_specs(sleeper)
        for name in ("flow", "dag", "expansion", "person"):
            ground.execute(sleeper, name, seconds=0.2)
        time.sleep(pause)
        sleeper.process.send_signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        time.sleep(float(LEASE_SECONDS) + 0.2)
        with ground.server(SPECLOOM_LEASE_SECONDS=LEASE_SECONDS) as successor:
            assert successor is not None, ground.logs[-1].read_text()
            runs = ground.finish(successor)
            seconds = time.monotonic() - frozen_at
            before, effects = _rows(ground.data / "specloom.db"), marks(ground.effects).counts
            sleeper.process.send_signal(signal.SIGCONT)
            code = sleeper.process.wait(PATIENCE)
            log = ground.logs[-2].read_text()
            assert code == FENCED_OFF, (code, log[-4000:])
            assert "taken over" in log
            assert _rows(ground.data / "specloom.db") == before, "the sleeper wrote"
            assert marks(ground.effects).counts == effects, "the sleeper began an effect"
            assert len(runs) == 4
            ground.finish_and_check(successor)
            successor.process.terminate()
            assert successor.process.wait(PATIENCE) == 0, ground.logs[-1].read_text()
    ground.check_gone()
    return seconds


def _rows(database: Path) -> dict[str, list[Any]]:
    """Return all rows, checkpoints included, but the owner's, whose heart beats."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "owner"}  # noqa: S608
