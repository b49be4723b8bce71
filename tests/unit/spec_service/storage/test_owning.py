import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from spec_service.errors import DataInUse, DataUnusable, FencedOff
from spec_service.storage.database import connect, open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.ownership import claimed, kept
from spec_service.storage.owning import claim, read_owner
from workflows.errors import JournalError
from workflows.records import RunCreated
from workflows.run import RunId

pytestmark = pytest.mark.anyio
LEASE = 0.5
OWN = """
import asyncio, sys
from pathlib import Path
from spec_service.errors import FencedOff
from spec_service.storage.database import open_database
from spec_service.storage.ownership import claimed, kept

def stay(connection):
    connection.execute("DELETE FROM plan")
    print("in", flush=True)
    sys.stdin.readline()

async def main(data, lease, mode):
    async with claimed(data, data / "x.db", lease) as held, open_database(data / "x.db", held.fence) as database:
        async with kept(database, held, lease) as ownership:
            print("mine", flush=True)
            if mode == "busy":
                await database.write(stay)
            await ownership.fenced_off.wait()
            try:
                await database.write(lambda one: one.execute("DELETE FROM plan"))
            except FencedOff as error:
                print(error.message, flush=True)

asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
"""


@contextmanager
def another_owner(data: Path, lease: float = LEASE, mode: str = "idle", **options):
    command = [sys.executable, "-c", OWN, str(data), str(lease), mode]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, **options) as other:
        try:
            assert other.stdout.readline() == "mine\n"
            if mode == "busy":
                assert other.stdout.readline() == "in\n"
            yield other
        finally:
            other.kill()


def own(data: Path, lease: float = LEASE):
    return claim(data, data / "x.db", lease)


def test_an_owner_is_a_row_and_a_lock(tmp_path):
    first = own(tmp_path / "data")
    assert (first.fence, first.replaced) == (1, "nobody")
    found = read_owner(tmp_path / "data" / "x.db")
    assert (found.fence, found.pid, found.is_released) == (1, os.getpid(), False)
    assert sorted(path.name for path in (tmp_path / "data").glob("*.lock")) == ["opening.lock", "owner-1.lock"]
    first.release()


def test_a_second_process_is_refused_and_told_who_owns_it(tmp_path):
    with another_owner(tmp_path) as other, pytest.raises(DataInUse, match=f"process {other.pid} uses .* --data"):
        own(tmp_path)


def test_a_dead_owner_is_replaced_at_once(tmp_path):
    with another_owner(tmp_path, lease=60) as other:
        other.kill()
        other.wait()
    began = read_owner(tmp_path / "x.db")
    taken = own(tmp_path, lease=60)
    assert (taken.fence, taken.replaced, began.is_released) == (2, "dead", False)
    assert [path.name for path in tmp_path.glob("owner-*")] == ["owner-2.lock"]
    taken.release()


def until_silent(data: Path) -> None:
    end = time.monotonic() + 30
    while read_owner(data / "x.db").silent_seconds < LEASE:
        assert time.monotonic() < end
        time.sleep(0.02)


async def test_a_frozen_owner_is_replaced_and_refused_when_it_wakes_up(tmp_path):
    for number in range(5):  # one that happens to freeze amid the transaction of its heartbeat is ended: try again
        (folder := tmp_path / str(number)).mkdir()
        with another_owner(folder) as other:
            other.send_signal(signal.SIGSTOP)
            until_silent(folder)
            async with (
                claimed(folder, folder / "x.db", LEASE) as held,
                open_database(folder / "x.db", held.fence) as database,
                kept(database, held, LEASE),
            ):
                assert (held.fence, held.replaced) == (2, "frozen")
                other.send_signal(signal.SIGCONT)
                told = await anyio.to_thread.run_sync(other.stdout.readline)
                if not told and other.wait(30) == -signal.SIGKILL:
                    continue
                assert "another process has taken over the data directory" in told
                assert other.wait(30) == 0
                await database.write(lambda one: one.execute("DELETE FROM plan"))
                with pytest.raises(DataInUse):
                    own(folder)
                return
    pytest.fail("it froze amid a transaction each time")


def test_one_that_froze_inside_a_transaction_holds_nobody_up(tmp_path):
    with another_owner(tmp_path, mode="busy") as other:
        other.send_signal(signal.SIGSTOP)
        until_silent(tmp_path)
        taken = own(tmp_path)
        assert (taken.fence, taken.replaced) == (2, "frozen")
        assert other.wait(30) == -signal.SIGKILL
        taken.release()


def test_a_process_that_is_not_the_owner_is_never_ended(tmp_path):
    with another_owner(tmp_path, mode="busy") as other, subprocess.Popen(["sleep", "600"]) as stranger:
        other.send_signal(signal.SIGSTOP)
        until_silent(tmp_path)
        found = replace(read_owner(tmp_path / "x.db"), pid=stranger.pid)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("spec_service.storage.owning.read_owner", lambda _database: found)
            with pytest.raises(DataUnusable, match="database is locked; another program writes to it"):
                own(tmp_path)
        assert stranger.poll() is None
        stranger.kill()


async def test_stopping_gives_the_directory_back(tmp_path):
    database = tmp_path / "x.db"
    async with claimed(tmp_path, database, LEASE) as held, open_database(database, held.fence) as opened:
        async with kept(opened, held, LEASE) as ownership:
            ownership.listens("http://127.0.0.1:1")
            with anyio.fail_after(10):
                while read_owner(database).url is None:  # noqa: ASYNC110 - the heart tells nobody
                    await anyio.sleep(0.01)
        assert read_owner(database).is_released
    again = own(tmp_path)
    assert (again.fence, again.replaced) == (2, "nobody")
    again.release()


async def test_whoever_does_not_stop_by_himself_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("spec_service.storage.ownership.LAST_WORDS_SECONDS", 0.01)
    database = tmp_path / "x.db"

    async def be_fenced_off():
        async with (
            claimed(tmp_path, database, LEASE) as held,
            open_database(database, held.fence) as opened,
            kept(opened, held, LEASE),
        ):
            connection = connect(database)
            connection.execute("UPDATE owner SET fence = 7")
            connection.close()
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await be_fenced_off()
    assert raised.group_contains(FencedOff)
    assert not read_owner(database).is_released


async def test_a_fenced_off_process_writes_nothing(tmp_path):
    database = tmp_path / "x.db"
    async with claimed(tmp_path, database, LEASE) as held, open_database(database, held.fence - 1) as opened:
        with pytest.raises(FencedOff):
            await opened.write(lambda one: one.execute("CREATE TABLE never (x)"))
        assert opened.fenced_off.is_set()
        names = await opened.read(lambda one: [row["name"] for row in one.execute("SELECT name FROM sqlite_master")])
        assert "never" not in names


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataUnusable, match="Not a directory; make it writable"):
        own(tmp_path / "file" / "data")


@pytest.fixture
def as_nobody():
    """A directory that belongs to another user than the process that shall use it."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def refused_to_nobody(data: Path) -> str:
    """Return what a process without rights is told."""
    code = (
        "import sys, os; from pathlib import Path; from spec_service.storage.owning import claim;"
        "from spec_service.errors import DataUnusable;\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: claim(Path(sys.argv[1]), Path(sys.argv[1]) / 'x.db', 1)\n"
        "except DataUnusable as error: print(error.message)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(data)], capture_output=True, text=True, check=True)
    return ended.stdout


def test_a_directory_that_cannot_be_written_is_refused(as_nobody):
    own(as_nobody).release()
    assert "opening.lock cannot be written: Permission denied" in refused_to_nobody(as_nobody)


def test_a_file_that_cannot_be_written_is_refused(as_nobody):
    own(as_nobody).release()
    for path in as_nobody.iterdir():
        path.chmod(0o666)
    as_nobody.chmod(0o777)
    (as_nobody / "x.db").chmod(0o444)
    assert f"{as_nobody}/x.db cannot be written: make it writable" in refused_to_nobody(as_nobody)


def crashed(data: Path) -> Path:
    """Return the database of an owner that did not stop as it should."""
    own(data).release()
    connection = connect(data / "x.db")
    sql = "INSERT INTO plan (tenant, digest, spec_digest, body, created_at) VALUES ('t', ?, 's', ?, 'now')"
    for number in range(200):
        connection.execute(sql, (str(number), "x" * 4000))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return data / "x.db"


def test_a_half_written_database_is_refused_and_stays_as_it_is(tmp_path):
    database = crashed(tmp_path)
    whole = database.read_bytes()
    database.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataUnusable, match=r"malformed; .* specloom restore"):
        own(tmp_path)
    assert database.read_bytes() == whole[: len(whole) // 2]


def test_a_damaged_page_is_found_after_a_crash(tmp_path):
    database = crashed(tmp_path)
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(DataUnusable, match="specloom restore"):
        own(tmp_path)


def test_after_a_proper_stop_the_pages_are_not_read(tmp_path):
    database = crashed(tmp_path)
    connection = connect(database)
    connection.execute("UPDATE owner SET released_at = 'now'")
    connection.close()
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    own(tmp_path).release()


@pytest.mark.parametrize("state", ["gone", "empty"])
def test_a_database_that_vanished_is_not_begun_anew(tmp_path, state):
    own(tmp_path).release()
    (tmp_path / "runs" / "run-1").mkdir(parents=True)
    for path in tmp_path.glob("x.db*"):
        path.unlink()
    if state == "empty":
        (tmp_path / "x.db").touch()
    with pytest.raises(DataUnusable, match=f"x.db is {state}, but .* files of runs"):
        own(tmp_path)


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataUnusable, match="not a database"):
        own(tmp_path)


def test_an_owner_of_another_machine_is_known_by_its_heart_only(tmp_path):
    own(tmp_path).release()
    connection = connect(tmp_path / "x.db")
    connection.execute("UPDATE owner SET host = 'elsewhere'")
    connection.close()
    taken = own(tmp_path)
    assert taken.replaced == "dead"
    taken.release()


def test_an_owner_of_another_machine_whose_heart_beats_is_alive(tmp_path, monkeypatch):
    own(tmp_path).release()
    connection = connect(tmp_path / "x.db")
    connection.execute("UPDATE owner SET host = 'elsewhere'")

    def beat(_seconds):
        connection.execute("UPDATE owner SET heartbeat_at = '2999-01-01T00:00:00+00:00'")

    monkeypatch.setattr("spec_service.storage.owning.time.sleep", beat)
    with pytest.raises(DataInUse, match="on elsewhere"):
        own(tmp_path)
    connection.close()


async def test_who_was_frozen_after_a_flush_learns_that_he_was_replaced_before_he_begins_an_effect(tmp_path, new_run):
    path = tmp_path / "x.db"
    async with claimed(tmp_path, path, LEASE) as held, open_database(path, held.fence, LEASE) as database:
        journal = SqlJournal(database)
        journal.append(RunCreated(new_run("run")))
        await journal.durable()
        database._looked_at = time.monotonic()  # however slow this machine is
        with closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE owner SET fence = fence + 1")
            other.commit()
        await journal.durable()  # nothing is queued, and the lease cannot be over yet
        await anyio.sleep(LEASE)
        with pytest.raises(JournalError, match="taken over"):
            await journal.durable()
        await journal.aclose()


async def test_who_was_frozen_and_is_the_owner_still_goes_on(tmp_path, new_run):
    path = tmp_path / "x.db"
    async with claimed(tmp_path, path, LEASE) as held, open_database(path, held.fence, LEASE) as database:
        journal = SqlJournal(database)
        journal.append(RunCreated(new_run("run")))
        await anyio.sleep(LEASE)
        await journal.durable()
        assert (await journal.history(RunId("run"))).run.id == "run"
        await journal.aclose()
