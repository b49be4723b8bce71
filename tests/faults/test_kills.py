"""A server that is killed at any border loses nothing, and its successor finishes every run."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest

from tests.faults.ground import Ground, runs_of, until_dead
from tests.faults.invariants import check_transcript
from tests.faults.kills import BORDERS, KILLS_A_ROUND, Figures, kills, play
from tests.journeys.forking import Forker
from tests.journeys.server import PATIENCE, Server


@pytest.mark.usefixtures("part")
def test_a_server_killed_at_any_border_loses_nothing(tmp_path: Path, forker: Forker, form, seed: str, tell) -> None:
    planned, figures = kills(form.times(2, 5, 5), seed), Figures()
    for first in range(0, len(planned), KILLS_A_ROUND):
        folder = tmp_path / f"round-{first // KILLS_A_ROUND}"
        play(Ground.in_folder(folder, forker), planned[first : first + KILLS_A_ROUND], figures)
        shutil.rmtree(folder)
    assert figures.by_name.keys() == set(BORDERS)
    tell("kill -9", figures.lines(), **asdict(figures))


def test_a_step_that_kills_its_server_three_times_is_left_alone_until_somebody_retries(
    tmp_path: Path, forker: Forker
) -> None:
    ground = Ground.in_folder(tmp_path / "ground", forker)
    for death in range(3):
        with ground.server("step.started:1") as server:
            if server is not None:
                assert until_dead(server, lambda one=server, is_first=not death: _once(ground, one, is_first))
    with ground.server() as server:
        assert server is not None
        [run] = ground.finish(server)
        assert server.get(f"/runs/{run}")["error"]["name"] == "crashed"
        server.post(f"/runs/{run}/retry")
        server.until(run, "succeeded")
        view = server.get(f"/runs/{run}")
        check_transcript(view, server.events(run))
        assert [event["type"] for event in server.events(run)].count("step.crashed") == 3
    ground.check_gone()


def _once(ground: Ground, server: Server, is_first: bool) -> bool:  # noqa: FBT001 - called by a lambda only
    if is_first and not runs_of(server):
        ground.post_specs(server)
        ground.execute(server, "flow")
    time.sleep(0.02)
    return True


def test_a_request_whose_answer_was_lost_has_one_effect_and_is_answered_by_the_next_server(
    tmp_path: Path, forker: Forker
) -> None:
    ground = Ground.in_folder(tmp_path / "ground", forker)
    body, headers = {"inputs": {"effects": str(ground.effects)}}, {"Idempotency-Key": "once"}
    with ground.server("flush.after:1") as server:
        assert server is not None
        ground.post_specs(server)
        with pytest.raises(httpx2.HTTPError):
            server.client.post("/specs/flow/execute", json=body, headers=headers)
        assert server.process.wait(PATIENCE) == -9
    with ground.server() as server:
        assert server is not None
        answer = server.client.post("/specs/flow/execute", json=body, headers=headers)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (202, "true")
        assert ground.finish_and_check(server) == [answer.json()["id"]]
    ground.check_gone()
