"""A server that was frozen past its lease is replaced, and writes nothing when it wakes up."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ground import Ground
from tests.faults.invariants import marks
from tests.journeys.forking import Forker
from tests.journeys.server import PATIENCE

LEASE_SECONDS = "1"
FENCED_OFF = 75  # exit code, EX_TEMPFAIL
ENDED = -9  # by its successor: only its end gives back the lock of a transaction in which it was frozen


@pytest.mark.usefixtures("part")
def test_a_frozen_server_is_replaced_and_refused_when_it_wakes_up(
    tmp_path: Path, forker: Forker, form, seed: str, tell
) -> None:
    seconds: list[float] = []
    codes: Counter[int] = Counter()
    late = 0
    first = random.Random(seed).randrange(7)  # noqa: S311 - the same moments for the same seed
    for number in range(first, first + form.times(2, 10, 20)):
        folder = tmp_path / str(number)
        is_quiet = number == first  # nothing is written at that moment, so that this one wakes up for sure
        effect, pause = (2.0, 1.5) if is_quiet else (0.2, 0.13 * (1 + number % 7))
        code, took, done_late = _freeze(Ground.in_folder(folder, forker), effect, pause)
        seconds.append(took)
        codes[code] += 1
        late += done_late
        shutil.rmtree(folder)
    assert codes[FENCED_OFF], f"none woke up: {codes}"
    ordered = sorted(seconds)
    spread = f"p50 {ordered[len(ordered) // 2]:.2f} s, max {ordered[-1]:.2f} s"
    lines = [
        f"freezes: {len(ordered)}, no run lost",
        f"refused when they woke up: {codes[FENCED_OFF]}; frozen amid a transaction, so ended: {codes[ENDED]}",
        f"effects that it was just beginning, done when it woke up: {late}",
        f"freeze to all runs finished elsewhere, with a lease of {LEASE_SECONDS} s: {spread}",
    ]
    tell("SIGSTOP, takeover, SIGCONT", lines, seconds=seconds, codes=codes, late=late)


def _freeze(ground: Ground, effect: float, pause: float) -> tuple[int, float, int]:
    """Freeze a busy server, let another one finish its work, wake it up.

    Return its exit code, the seconds until all was done, and how many effects that were just beginning it did then.
    """
    with ground.server(SPECLOOM_LEASE_SECONDS=LEASE_SECONDS) as sleeper:
        assert sleeper is not None
        ground.post_specs(sleeper)
        for name in ("flow", "dag", "expansion", "person"):
            ground.execute(sleeper, name, seconds=effect)
        time.sleep(pause)
        sleeper.process.send_signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        time.sleep(float(LEASE_SECONDS) + 0.2)
        with ground.server(SPECLOOM_LEASE_SECONDS=LEASE_SECONDS) as successor:
            assert successor is not None, ground.logs[-1].read_text()
            runs = ground.finish(successor)
            seconds = time.monotonic() - frozen_at
            before, effects = _rows(ground.data / "specloom.db"), marks(ground.effects)
            sleeper.process.send_signal(signal.SIGCONT)
            code = sleeper.process.wait(PATIENCE)
            log = ground.logs[-2].read_text()
            assert code in {FENCED_OFF, ENDED}, (code, log[-4000:])
            assert code == ENDED or "taken over" in log
            assert _rows(ground.data / "specloom.db") == before, "the sleeper wrote"
            late = marks(ground.effects).counts - effects.counts
            keys = {key for label in late for key in marks(ground.effects).keys[label]}
            assert keys <= _under_way(ground.data / "specloom.db"), f"the sleeper began an effect: {late}"
            assert len(runs) == 4
            ground.finish_and_check(successor)
            successor.process.terminate()
            assert successor.process.wait(PATIENCE) == 0, ground.logs[-1].read_text()
    ground.check_gone()
    return code, seconds, late.total()


def _under_way(database: Path) -> set[str]:
    """Return the keys of effects that the sleeper had announced: one that it was just beginning cannot be undone."""
    sql = "SELECT idempotency_key FROM step_execution WHERE attempt = 1 AND status = 'crashed'"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute(sql)}


def _rows(database: Path) -> dict[str, list[Any]]:
    """Return all rows, checkpoints included, but the owner's, whose heart beats."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "owner"}  # noqa: S608
