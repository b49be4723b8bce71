"""What is found out about a data directory before it is used: whether it can be written, whether its file is whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from spec_service.errors import DataUnusable
from spec_service.storage.database import connect

_RESTORE = (
    "nothing was changed; restore a backup into a new directory with specloom restore, or move this one away and start"
    " anew"
)


@contextmanager
def told_as_unusable(data: Path) -> Generator[None]:
    """Turn errors of the system and of SQLite into `DataUnusable`, which says where, why and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataUnusable(
            f"the data directory {data} cannot be used: {reason}; make it writable, or choose another with --data"
        ) from error
    except sqlite3.Error as error:
        raise DataUnusable(f"the database in {data} cannot be used: {error}; {_advice(error)}") from error


def inspect(database: Path, data: Path, *, is_clean: bool) -> None:
    """Look at a database before it is opened; its pages only when its last owner did not stop as it should.

    Raises `DataUnusable`.
    """
    if not database.exists() or not database.stat().st_size:
        _require_new(database, data)
        return
    for path in (database, data):
        if not os.access(path, os.W_OK):
            raise DataUnusable(f"{path} cannot be written: make it writable, or choose another directory with --data")
    if not is_clean:
        require_whole(database)


def require_whole(database: Path) -> None:
    """Read all pages of a database; raises `DataUnusable` when some are damaged or missing."""
    try:
        connection = connect(database)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise DataUnusable(f"{database} cannot be used as a database: {error}; {_advice(error)}") from error
    if found != "ok":
        raise DataUnusable(f"{database} is damaged: {' '.join(str(found).split())}; {_RESTORE}")


def _require_new(database: Path, data: Path) -> None:
    """Refuse to begin anew where there was something."""
    runs = data / "runs"
    if runs.is_dir() and any(runs.iterdir()):
        state = "empty" if database.exists() else "gone"
        raise DataUnusable(f"{database} is {state}, but {runs} has files of runs; {_RESTORE}")


def _advice(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return "make the directory and the file writable, or choose another directory with --data"
    if code == sqlite3.SQLITE_FULL:
        return "make room on the disk"
    if code == sqlite3.SQLITE_BUSY:
        return "another program writes to it: end that one first"
    return _RESTORE
