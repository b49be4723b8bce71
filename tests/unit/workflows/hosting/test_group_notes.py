import os
import signal
import subprocess
import sys
import time

import pytest

from workflows.hosting.group_notes import FORK_SERVER, GroupNotes, end_noted, started_at
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec

pytestmark = pytest.mark.anyio
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_noted_groups_are_ended_and_nobody_else(tmp_path):
    notes = GroupNotes(tmp_path / "hosts" / "1")
    with (
        subprocess.Popen(SLEEP, start_new_session=True) as host,
        subprocess.Popen(SLEEP, start_new_session=True) as server,
        subprocess.Popen(SLEEP, start_new_session=True) as stranger,
    ):
        notes.add(host.pid, "host")
        notes.add(server.pid, FORK_SERVER)
        notes.add(stranger.pid, "host")
        note = tmp_path / "hosts" / "1" / str(stranger.pid)
        note.write_text(note.read_text().replace(str(started_at(stranger.pid)), "1"))  # its id was another's then
        assert end_noted(tmp_path / "hosts") == 2
        assert (host.wait(10), server.wait(10)) == (-signal.SIGKILL, -signal.SIGKILL)
        assert stranger.poll() is None
        assert not (tmp_path / "hosts").exists()
        stranger.kill()


def test_a_server_whose_notes_were_removed_notes_again(tmp_path):
    notes = GroupNotes(tmp_path / "hosts" / "1")
    end_noted(tmp_path / "hosts")
    notes.add(os.getpid(), "host")
    assert (tmp_path / "hosts" / "1" / str(os.getpid())).exists()


def test_without_a_folder_nothing_is_noted(tmp_path):
    GroupNotes().add(os.getpid(), "host")
    GroupNotes().strike(os.getpid())
    assert end_noted(tmp_path / "absent") == 0


def test_a_torn_note_harms_nobody(tmp_path):
    (tmp_path / str(os.getpid())).write_text('{"star')
    assert end_noted(tmp_path) == 0


def test_a_process_that_has_ended_was_started_at_no_time():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        end = time.monotonic() + 30
        while started_at(ended.pid) is not None:  # a zombie until somebody waits for it
            assert time.monotonic() < end
            time.sleep(0.01)
    assert started_at(ended.pid) is None


async def test_a_pool_notes_its_hosts_as_long_as_they_live(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("def load(options):\n    return {'pid': lambda params, call: __import__('os').getpid()}\n")
    folder = tmp_path / "notes"
    pool = HostPool(environ=os.environ, limit=2, notes=GroupNotes(folder))
    async with pool.lease(HostSpec(program)) as host:
        noted = {path.name for path in folder.iterdir()}
        assert str(host.pid) in noted
        assert len(noted) == 2
    await pool.aclose()
    assert list(folder.iterdir()) == []
