"""Half-written targets: who may move them aside, and when."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from workflows.luigi.unfinished import NOTES, Workplaces, quarantine

pytestmark = pytest.mark.anyio


def left_behind(directory: Path, *targets: Path) -> Path:
    note = directory / NOTES / "Task-1.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps([str(target) for target in targets]))
    for target in targets:
        target.write_text("half")
    return note


def test_what_a_note_names_is_moved_aside_once(tmp_path: Path):
    target, never_made = tmp_path / "a.txt", tmp_path / "b.txt"
    note = left_behind(tmp_path, target, never_made)
    never_made.unlink()
    assert quarantine(note) == (tmp_path / "a.txt.quarantined-1",)
    assert quarantine(note) == ()
    assert not note.exists()


def test_names_are_never_used_twice(tmp_path: Path):
    for number in (1, 2, 3):
        note = left_behind(tmp_path, tmp_path / "a.txt")
        assert quarantine(note) == (tmp_path / f"a.txt.quarantined-{number}",)


def test_a_torn_note_tells_nothing(tmp_path: Path):
    note = left_behind(tmp_path, tmp_path / "a.txt")
    note.write_text('["')
    assert quarantine(note) == ()
    assert (tmp_path / "a.txt").exists()


async def test_nobody_cleans_up_behind_a_task_that_is_being_built(tmp_path: Path):
    async with Workplaces().occupied(tmp_path, "Task-1"):
        left_behind(tmp_path, tmp_path / "a.txt")
        assert Workplaces().clean(tmp_path) == ()
        assert (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt.quarantined-1").exists()
    assert list((tmp_path / NOTES).iterdir()) == []


async def test_in_a_private_directory_nobody_waits_for_a_server_that_lost_the_run(tmp_path: Path):
    target = tmp_path / "a.txt"
    async with AsyncExitStack() as sleeper:
        lost = await sleeper.enter_async_context(Workplaces().occupied(tmp_path, "Task-1", is_shared=False))
        lost.write_text(json.dumps([str(target)]))
        target.write_text("half")
        new = Workplaces()
        async with new.occupied(tmp_path, "Task-1", is_shared=False) as note:
            assert (tmp_path / "a.txt.quarantined-1").read_text() == "half"
            note.write_text(json.dumps([str(target)]))
            target.write_text("whole")
            await sleeper.aclose()  # it wakes up, and gives up
            assert new.clean(tmp_path, is_shared=False) == ()
            note.unlink()  # as a host does when the task is complete
    assert target.read_text() == "whole"


async def test_in_a_private_directory_tasks_of_one_server_queue_up(tmp_path: Path):
    places = Workplaces()
    async with places.occupied(tmp_path, "Task-1", is_shared=False):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), places.occupied(tmp_path, "Task-1", is_shared=False):
                pytest.fail("two at a time")
        async with places.occupied(tmp_path, "Task-10", is_shared=False):
            pass


HOLDER = """
import asyncio, sys
from pathlib import Path
from workflows.luigi.unfinished import Workplaces

async def main():
    async with Workplaces().occupied(Path(sys.argv[1]), "Task-1") as note:
        note.write_text("[]")
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_another_server_is_waited_for_until_it_is_gone(tmp_path: Path):
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert holder.stdout
    assert await holder.stdout.readline() == b"held\n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), Workplaces().occupied(tmp_path, "Task-1"):
            pytest.fail("two at a time")
    holder.kill()
    await holder.wait()
    async with Workplaces().occupied(tmp_path, "Task-1") as note:
        assert not note.exists()
