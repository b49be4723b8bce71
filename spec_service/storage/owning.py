"""One process owns a data directory: a row with a growing number, the fence, and a heartbeat; and a lock of the system.

The lock ends with its process, however it ends, so that a dead owner is replaced at once. A frozen one keeps its
lock, but its heart stands still: it is replaced when its lease is over, and the fence keeps it from writing when it
wakes up, because every transaction looks at the row first.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from spec_service.errors import DataInUse, DataUnusable
from spec_service.storage.columns import read_time, time_text
from spec_service.storage.database import connect
from spec_service.storage.inspecting import inspect, told_as_unusable
from spec_service.storage.migrating import upgrade

Standing = Literal["nobody", "dead", "frozen"]
LOOK_SECONDS = 0.05
_HERE = socket.gethostname()


@dataclass(frozen=True, slots=True)
class Owner:
    """The row of the owner."""

    fence: int  # from 1
    pid: int
    host: str
    url: str | None
    heartbeat_at: datetime
    is_released: bool  # it has stopped as it should

    @property
    def silent_seconds(self) -> float:
        """Return for how long its heart has not beaten."""
        return (datetime.now(UTC) - self.heartbeat_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Claim:
    """A directory that is ours, until somebody else has a higher fence."""

    fence: int
    replaced: Standing  # what had become of the owner before
    lock: int  # an open file
    path: Path

    def release(self) -> None:
        """Let go of the lock."""
        self.path.unlink(missing_ok=True)
        os.close(self.lock)


def claim(data: Path, database: Path, lease_seconds: float) -> Claim:
    """Own a directory, made if need be, whose database is whole and up to date then.

    Raises `DataInUse` while another owner is alive, `DataUnusable` for a directory or file that cannot be used.
    """
    with told_as_unusable(data), _opening(data, lease_seconds):
        before = read_owner(database)
        standing = _standing(before, data, database, lease_seconds)
        inspect(database, data, is_clean=before is not None and before.is_released)
        upgrade(database)
        fence = before.fence + 1 if before else 1
        path = _lock_path(data, fence)
        lock = _locked(path)
        if lock is None:
            raise DataInUse(f"another process is taking over the data directory {data}: try again in a moment")
        try:
            _take(database, before, fence, standing)
        except BaseException:
            os.close(lock)
            raise
        for old in data.glob("owner-*.lock"):
            if old != path:
                old.unlink(missing_ok=True)
        return Claim(fence, standing, lock, path)


def read_owner(database: Path) -> Owner | None:
    """Return who owned a database last; None when nobody ever did."""
    if not database.exists() or not database.stat().st_size:
        return None
    connection = connect(database)
    try:
        has_table = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'owner'").fetchone()
        row = connection.execute("SELECT * FROM owner WHERE id = 1").fetchone() if has_table else None
    finally:
        connection.close()
    if row is None:
        return None
    heartbeat_at = read_time(row["heartbeat_at"]) or datetime.min.replace(tzinfo=UTC)
    return Owner(row["fence"], row["pid"], row["host"], row["url"], heartbeat_at, row["released_at"] is not None)


def beat(connection: sqlite3.Connection, *, url: str | None) -> None:
    """Write that the owner is alive, and where it listens."""
    now = time_text(datetime.now(UTC))
    connection.execute("UPDATE owner SET heartbeat_at = ?, url = ? WHERE id = 1", (now, url))


def give_back(connection: sqlite3.Connection) -> None:
    """Write that the owner has stopped as it should."""
    connection.execute("UPDATE owner SET released_at = ? WHERE id = 1", (time_text(datetime.now(UTC)),))


@contextmanager
def _opening(data: Path, lease_seconds: float) -> Generator[None]:
    """Let one process at a time decide who owns the directory."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)  # inputs and results are nobody else's business
    give_up = time.monotonic() + lease_seconds
    while (lock := _locked(data / "opening.lock")) is None:
        if time.monotonic() > give_up:
            raise DataInUse(f"another process has been opening the data directory {data} for {lease_seconds:g} seconds")
        time.sleep(LOOK_SECONDS)
    try:
        yield
    finally:
        os.close(lock)


def _standing(before: Owner | None, data: Path, database: Path, lease_seconds: float) -> Standing:
    """Return what has become of the owner before; raises `DataInUse` when it is alive."""
    if before is None or before.is_released:
        return "nobody"
    is_held = _is_held(_lock_path(data, before.fence))
    if not is_held and before.host == _HERE:
        return "dead"
    if is_held and 0 <= before.silent_seconds < lease_seconds:
        raise _in_use(before, data)
    if not is_held:  # of another machine, whose locks may not be seen here: only its heart tells
        time.sleep(min(max(lease_seconds - before.silent_seconds, 0), lease_seconds))
    if read_owner(database) != before:
        raise _in_use(before, data)
    return "frozen" if is_held else "dead"


def _in_use(owner: Owner, data: Path) -> DataInUse:
    where = "" if owner.host == _HERE else f" on {owner.host}"
    url = f" and listens on {owner.url}" if owner.url else ""
    return DataInUse(
        f"process {owner.pid}{where} uses the data directory {data}{url}:"
        " stop it, or choose another directory with --data"
    )


def _take(database: Path, before: Owner | None, fence: int, standing: Standing) -> None:
    try:
        _write_owner(database, before, fence)
    except sqlite3.OperationalError as error:
        is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if not (is_busy and before is not None and standing == "frozen" and _is_here(before, database.parent)):
            raise
        # It was frozen inside a transaction, and SQLite's lock goes only with its process.
        with suppress(ProcessLookupError):
            os.kill(before.pid, signal.SIGKILL)
        _write_owner(database, before, fence)


def _is_here(owner: Owner, data: Path) -> bool:
    """Tell whether the process of this id is the owner: in another container, or later, it may be anybody."""
    if owner.host != _HERE:
        return False
    if not Path("/proc/self/fd").exists():
        return True  # no containers; and as long as the lock is held, its id is nobody else's
    lock = _lock_path(data, owner.fence).stat()
    try:
        held = [one.stat() for one in Path(f"/proc/{owner.pid}/fd").iterdir() if one.exists()]
    except OSError:
        return False
    return any(os.path.samestat(lock, one) for one in held)


def _write_owner(database: Path, before: Owner | None, fence: int) -> None:
    now = time_text(datetime.now(UTC))
    connection = connect(database, busy_seconds=2.0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("SELECT fence FROM owner WHERE id = 1").fetchone()
        if (found["fence"] if found else None) != (before.fence if before else None):
            raise DataInUse(f"another process has just taken over {database.parent}")
        sql = (
            "INSERT OR REPLACE INTO owner (id, fence, pid, host, url, started_at, heartbeat_at, released_at)"
            " VALUES (1, ?, ?, ?, NULL, ?, ?, NULL)"
        )
        connection.execute(sql, (fence, os.getpid(), _HERE, now, now))
        connection.execute("COMMIT")
    finally:
        connection.close()


def _lock_path(data: Path, fence: int) -> Path:
    return data / f"owner-{fence}.lock"


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = _locked(path)
    if lock is not None:
        os.close(lock)
    return lock is None


def _locked(path: Path) -> int | None:
    """Return an open file that holds the lock; None when another process does. Raises `DataUnusable`."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataUnusable(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
