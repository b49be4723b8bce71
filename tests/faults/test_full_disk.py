"""When nothing can be written, nothing is lost or called succeeded that is not, and later everything goes on."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from spec_service.app import create_app
from spec_service.bootstrap import open_services
from spec_service.services import Services
from spec_service.settings import Settings
from spec_service.storage.database import Database
from tests.faults.ground import Ground, answer_all, runs_of
from tests.faults.workloads import WORKLOADS, workload_of
from tests.journeys.forking import Forker
from tests.journeys.server import FINAL, PATIENCE, Server

Json = Any
NO_LIMIT = 1_073_741_823  # pages: SQLite's own
STEP = 50  # pages
BATCHES = 30  # of runs, until a disk with a little room must be full


# --- a database that may not grow, at every 50th page ---------------------------------------------------------------


@pytest.mark.anyio
async def test_a_full_disk_at_every_fiftieth_page_loses_nothing(
    tmp_path: Path, forker: Forker, part: int, form, tell
) -> None:
    ground, times = Ground.in_folder(tmp_path / "ground", forker), form.times(5, 10, 10)
    settings = Settings(data=ground.data, catalog=ground.folder / "specloom.toml", host="127.0.0.1", log_level="error")
    accepted = refused = 0
    async with open_services(settings) as services:
        transport = httpx2.ASGITransport(create_app(services))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=PATIENCE) as client:
            for workload in WORKLOADS:
                await client.post("/specs", content=workload.text, headers={"Content-Type": "application/yaml"})
            for number in range(times):
                for taken in await _fill(services, client, ground, (part * times + number) * STEP % 500):
                    accepted, refused = accepted + taken, refused + (not taken)
                await _finish(client)
    with ground.server() as server:
        assert server is not None
        assert len(ground.finish_and_check(server)) == accepted, "what was refused is not there, what was taken is"
    lines = [f"disks filled: {times}; {accepted} runs accepted, all finished; {refused} refused, none of them begun"]
    tell("PRAGMA max_page_count at every 50th page", lines, fills=times, accepted=accepted, refused=refused)


def _is_taken(answer: httpx2.Response) -> bool:
    """Tell whether a run was accepted; if not, the answer must say when to come back."""
    assert answer.status_code == 202 or (answer.status_code == 503 and answer.headers["retry-after"]), answer.text
    return answer.status_code == 202


async def _fill(services: Services, client: httpx2.AsyncClient, ground: Ground, room: int) -> list[bool]:
    """Execute runs until the database is full; tell which were accepted, and give it room again."""
    database: Database = services.journal._database  # type: ignore[attr-defined]
    await database.write(lambda one: _limit(one, room))
    taken: list[bool] = []
    for _ in range(BATCHES):
        for workload in WORKLOADS:
            body = {"inputs": {"effects": str(ground.effects)}}
            answer = await client.post(f"/specs/{workload.name}/execute", json=body)
            taken.append(_is_taken(answer))
        await anyio.sleep(0.1)
        if services.health.is_broken:
            break
    else:
        raise AssertionError("the disk was never full")
    assert (await client.get("/readyz")).status_code == 503
    await anyio.sleep(0.3)
    await database.write(lambda one: one.execute(f"PRAGMA max_page_count = {NO_LIMIT}"))
    return taken


def _limit(connection: Any, room: int) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + room}")


async def _finish(client: httpx2.AsyncClient) -> None:
    with anyio.fail_after(PATIENCE):
        while open_ := await _unfinished(client):
            for run in open_:
                if run["status"] == "waiting":
                    await client.post(f"/runs/{run['id']}/resume", json={"answer": workload_of(run).answer})
            await anyio.sleep(0.05)


async def _unfinished(client: httpx2.AsyncClient) -> list[Json]:
    found: list[Json] = []
    for status in ("queued", "running", "waiting"):
        found += (await client.get(f"/runs?status={status}&limit=100")).json()["items"]
    return found


# --- writes that fail, in a real server ------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["disk-full", "error"])
@pytest.mark.usefixtures("part")
def test_flushes_that_fail_for_a_while_lose_nothing(  # noqa: PLR0913, PLR0917 - fixtures
    tmp_path: Path, forker: Forker, action, form, seed, tell
) -> None:
    chance = random.Random(f"{seed}/{action}")  # noqa: S311 - the same flushes for the same seed
    accepted, refused, times = 0, 0, form.times(1, 5, 5)
    for number in range(times):
        ground = Ground.in_folder(tmp_path / str(number), forker)
        first = chance.randint(8, 60)
        with ground.server(f"flush.before:{first}-{first + chance.randint(1, 12)}:{action}") as server:
            assert server is not None
            taken = _press(ground, server)
            accepted, refused = accepted + sum(taken), refused + taken.count(False)
            assert len(ground.finish_and_check(server)) == sum(taken)
            server.process.terminate()
            assert server.process.wait(PATIENCE) == 0, ground.logs[-1].read_text()[-3000:]
        assert "journal.cannot-write" in ground.logs[-1].read_text()
        ground.check_gone()
    lines = [f"outages: {times}; {accepted} runs accepted, all finished; {refused} refused"]
    tell(f"flushes fail: {action}", lines, outages=times, accepted=accepted, refused=refused)


def _press(ground: Ground, server: Server) -> list[bool]:
    """Execute runs of all kinds; tell which were accepted."""
    _post_specs(server)
    taken: list[bool] = []
    for _ in range(4):
        for workload in WORKLOADS:
            body = {"inputs": {"effects": str(ground.effects)}}
            answer = server.client.post(f"/specs/{workload.name}/execute", json=body)
            taken.append(_is_taken(answer))
        answer_all(server, [run for run in runs_of(server) if run["status"] not in FINAL])
        time.sleep(0.1)
    return taken


def _post_specs(server: Server) -> None:
    for workload in WORKLOADS:
        end = time.monotonic() + PATIENCE
        headers = {"Content-Type": "application/yaml"}
        while server.client.post("/specs", content=workload.text, headers=headers).status_code >= 500:
            assert time.monotonic() < end, "specs are refused for ever"
            time.sleep(0.1)
