"""Uploads on the disk: whole or not at all, once each, and gone when nobody may want them any more."""

import hashlib
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest

from spec_service.storage.uploads import FolderUploads
from workflows.errors import JournalError
from workflows.records import RunCreated
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
SHA = hashlib.sha256(b"one" + b"two").hexdigest()


@pytest.fixture
def shelf(tmp_path, database):
    return FolderUploads(tmp_path / "uploads", database)


async def chunks(*given):
    for one in given:
        if isinstance(one, Exception):
            raise one
        yield one


def files(tmp_path) -> set[str]:
    return {one.name for one in (tmp_path / "uploads").iterdir()}


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


async def test_bytes_are_kept_once_under_their_digest(shelf, tmp_path):
    first, is_new = await shelf.put(chunks(b"one", b"two"), "text/plain")
    assert (first.uri, first.bytes, first.sha256, is_new) == (f"specloom://uploads/{SHA}", 6, SHA, True)
    again, is_new = await shelf.put(chunks(b"onetwo"), "text/html")
    assert (again, is_new) == (first, False)
    assert files(tmp_path) == {SHA}


async def test_large_bytes_are_written_while_they_come(shelf, tmp_path):
    content = os.urandom(1 << 20)
    kept, _ = await shelf.put(chunks(*[content] * 5, b"end"), "a/b")
    assert (kept.bytes, kept.sha256) == (5 * (1 << 20) + 3, hashlib.sha256(content * 5 + b"end").hexdigest())
    assert (tmp_path / "uploads" / kept.sha256).read_bytes() == content * 5 + b"end"


async def test_what_breaks_off_leaves_nothing(shelf, tmp_path):
    with pytest.raises(ValueError, match="gone"):
        await shelf.put(chunks(b"x" * (2 << 20), ValueError("gone")), "a/b")
    assert files(tmp_path) == set()
    assert await shelf.use([SHA]) == {SHA}


async def test_a_folder_that_cannot_be_written_is_told(database, tmp_path):
    (tmp_path / "uploads").write_text("a file")
    with pytest.raises(JournalError, match="was not written"):
        await FolderUploads(tmp_path / "uploads", database).put(chunks(b"x"), "a/b")


async def test_a_lost_file_is_made_whole_by_the_same_bytes(shelf, tmp_path):
    await shelf.put(chunks(b"onetwo"), "a/b")
    (tmp_path / "uploads" / SHA).unlink()
    await shelf.put(chunks(b"onetwo"), "a/b")
    assert (tmp_path / "uploads" / SHA).read_bytes() == b"onetwo"


async def test_what_nobody_uses_is_removed(shelf, tmp_path):
    before = datetime.now(UTC)
    await shelf.put(chunks(b"onetwo"), "a/b")
    assert await shelf.prune(before) == 0
    assert await shelf.prune(soon()) == 1
    assert files(tmp_path) == set()
    assert await shelf.use([SHA, "absent"]) == {SHA, "absent"}


@pytest.mark.parametrize("status", list(RunStatus))
async def test_what_a_run_names_that_may_go_on_stays(shelf, journal, new_run, status):
    kept, _ = await shelf.put(chunks(b"onetwo"), "a/b")
    run = new_run("run-1")
    changed = {name: getattr(run, name) for name in type(run).__slots__}
    await journal.commit(RunCreated(type(run)(**{**changed, "inputs": {"doc": [kept.uri]}, "status": status})))
    assert await shelf.prune(soon()) == (1 if status is RunStatus.SUCCEEDED else 0)


async def test_use_keeps_an_upload_for_a_while_more(shelf, database):
    await shelf.put(chunks(b"onetwo"), "a/b")
    await database.write(_make_old)
    assert await shelf.use([SHA]) == frozenset()
    assert await shelf.prune(datetime.now(UTC) - timedelta(hours=1)) == 0


def _make_old(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE upload SET used_at = '2020-01-01T00:00:00.000000+00:00'")


async def test_what_a_killed_server_left_is_removed_later(shelf, tmp_path):
    await shelf.put(chunks(b"onetwo"), "a/b")
    for name, age in ((".new-old", 7200), (".new-young", 0)):
        (tmp_path / "uploads" / name).write_bytes(b"half")
        os.utime(tmp_path / "uploads" / name, times=(time.time() - age, time.time() - age))
    await shelf.prune(datetime.now(UTC) - timedelta(hours=1))
    assert files(tmp_path) == {SHA, ".new-young"}
