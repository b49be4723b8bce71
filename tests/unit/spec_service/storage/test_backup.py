import json
import os
import threading
import time
from datetime import UTC, datetime

import pytest

from spec_service.errors import DataUnusable
from spec_service.storage.backup import back_up, restore
from spec_service.storage.database import connect, open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.owning import claim
from spec_service.storage.uploads import FolderUploads
from workflows.records import ArtifactStored, EventRecorded, RunCreated
from workflows.run import Run, RunId

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    claim(tmp_path / "data", tmp_path / "data" / "specloom.db", 5).release()
    return tmp_path / "data"


def write(path, text, age=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, times=(time.time() - age, time.time() - age))
    return path


async def record(data, number=1, path="report.txt"):
    async with open_database(data / "specloom.db") as database:
        journal = SqlJournal(database)
        run_id = RunId(f"run-{number}")
        stored = ArtifactStored(run_id, path, 5, "f" * 64, "text/plain", "a", NOW)
        await journal.commit(RunCreated(Run(run_id, "hello", 1, "s", "p", {}, NOW)), stored)
        await journal.aclose()


async def test_a_copy_becomes_a_directory_again(data, tmp_path):
    await record(data)
    write(data / "runs" / "run-1" / "work" / "report.txt", "hello")
    note = back_up(data, data / "specloom.db", tmp_path / "copy")
    assert (note.runs, note.unfinished, note.files, note.missing) == (1, 1, 1, ())
    assert restore(tmp_path / "copy", tmp_path / "again") == note
    assert (tmp_path / "again" / "runs" / "run-1" / "work" / "report.txt").read_text() == "hello"
    taken = claim(tmp_path / "again", tmp_path / "again" / "specloom.db", 5)
    assert (taken.fence, taken.replaced) == (2, "nobody")
    taken.release()
    async with open_database(tmp_path / "again" / "specloom.db") as database:
        assert (await SqlJournal(database).history(RunId("run-1"))).run.spec_name == "hello"


async def test_what_is_newer_than_the_database_is_left_to_the_restored_run(data, tmp_path):
    await record(data)
    work = data / "runs" / "run-1" / "work"
    write(work / "report.txt", "named", age=-60)
    write(work / "later.txt", "half", age=-60)
    write(work / "before.txt", "old")
    write(work / ".new-abc", "half")
    write(work / ".specloom" / "unfinished" / "Task-1.json", "[]", age=-60)
    back_up(data, data / "specloom.db", tmp_path / "copy")
    found = {path.name for path in (tmp_path / "copy" / "runs").rglob("*") if path.is_file()}
    assert found == {"report.txt", "before.txt", "Task-1.json"}


async def test_a_named_file_that_is_not_there_is_told(data, tmp_path):
    await record(data)
    assert back_up(data, data / "specloom.db", tmp_path / "copy").missing == ("run-1/report.txt",)


async def test_a_link_is_copied_as_a_link(data, tmp_path):
    work = data / "runs" / "run-1" / "work"
    write(work / "a.txt", "a")
    (work / "link").symlink_to("/etc")
    os.utime(work / "link", times=(1, 1), follow_symlinks=False)
    back_up(data, data / "specloom.db", tmp_path / "copy")
    assert str((tmp_path / "copy" / "runs" / "run-1" / "work" / "link").readlink()) == "/etc"


async def test_under_load_every_file_that_the_copy_names_is_in_it(data, tmp_path):
    is_over = threading.Event()
    notes = []

    def copy():
        notes.extend(back_up(data, data / "specloom.db", tmp_path / f"copy-{number}") for number in range(3))
        is_over.set()

    thread = threading.Thread(target=copy)
    async with open_database(data / "specloom.db") as database:
        journal = SqlJournal(database)
        thread.start()
        number = 0
        while not is_over.is_set():
            number += 1
            run_id = RunId(f"run-{number}")
            file = data / "runs" / run_id / "artifacts" / "big.json"
            file.parent.mkdir(parents=True)
            file.write_text("{}")
            stored = ArtifactStored(run_id, "big.json", 2, "f" * 64, "text/plain", "a", NOW)
            run = Run(run_id, "hello", 1, "s", "p", {}, NOW)
            await journal.commit(RunCreated(run), EventRecorded(run_id, "run.queued", NOW), stored)
        await journal.aclose()
    thread.join()
    assert number > 3
    assert [note.missing for note in notes] == [()] * 3


def test_a_directory_that_is_not_empty_is_refused(data, tmp_path):
    back_up(data, data / "specloom.db", tmp_path / "copy")
    for target in (tmp_path / "copy", data):
        with pytest.raises(DataUnusable, match="is not empty"):
            back_up(data, data / "specloom.db", target)
        with pytest.raises(DataUnusable, match="is not empty"):
            restore(tmp_path / "copy", target)


def test_nothing_to_back_up_is_told(tmp_path):
    with pytest.raises(DataUnusable, match="has no database"):
        back_up(tmp_path / "absent", tmp_path / "absent" / "specloom.db", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_that_was_cut_short_is_refused(data, tmp_path):
    back_up(data, data / "specloom.db", tmp_path / "copy")
    (tmp_path / "copy" / "backup.json").unlink()
    with pytest.raises(DataUnusable, match=r"has no backup\.json"):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_copy_of_another_format_is_refused(data, tmp_path):
    back_up(data, data / "specloom.db", tmp_path / "copy")
    mark = tmp_path / "copy" / "backup.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "format": 99}))
    with pytest.raises(DataUnusable, match="format 99"):
        restore(tmp_path / "copy", tmp_path / "again")


def test_a_damaged_copy_is_refused_and_no_server_takes_what_was_made_of_it(data, tmp_path):
    connection = connect(data / "specloom.db")
    for number in range(200):
        connection.execute(
            "INSERT INTO plan (tenant, digest, spec_digest, body, created_at) VALUES ('t', ?, 's', ?, 'now')",
            (str(number), "x" * 4000),
        )
    connection.close()
    write(data / "runs" / "run-1" / "work" / "a.txt", "a")
    back_up(data, data / "specloom.db", tmp_path / "copy")
    database = tmp_path / "copy" / "specloom.db"
    database.write_bytes(database.read_bytes()[:100_000])
    with pytest.raises(DataUnusable):
        restore(tmp_path / "copy", tmp_path / "again")
    with pytest.raises(DataUnusable, match="is gone"):
        claim(tmp_path / "again", tmp_path / "again" / "specloom.db", 5)


async def test_uploads_are_in_the_copy_and_a_lost_one_is_told(data, tmp_path):
    async def chunks(content):
        yield content

    async with open_database(data / "specloom.db") as database:
        shelf = FolderUploads(data / "uploads", database)
        kept = [(await shelf.put(chunks(content), "a/b"))[0].sha256 for content in (b"kept", b"lost")]
    (data / "uploads" / ".new-half").write_bytes(b"half")
    (data / "uploads" / kept[1]).unlink()
    note = back_up(data, data / "specloom.db", tmp_path / "copy")
    assert (note.files, note.bytes, note.missing) == (1, 4, (f"uploads/{kept[1]}",))
    restore(tmp_path / "copy", tmp_path / "again")
    assert [one.name for one in (tmp_path / "again" / "uploads").iterdir()] == [kept[0]]
    assert (tmp_path / "again" / "uploads" / kept[0]).read_bytes() == b"kept"


def test_a_copy_of_an_older_database_has_no_uploads(data, tmp_path):
    connection = connect(data / "specloom.db")
    connection.execute("DROP TABLE upload")
    connection.close()
    assert back_up(data, data / "specloom.db", tmp_path / "copy").files == 0
