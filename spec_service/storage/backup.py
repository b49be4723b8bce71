"""A copy of a data directory, taken while a server works in it, and a data directory made of such a copy.

The database is copied first, as it is at one moment. Files that it names were there by then, so they are in the copy.
What was written later belongs to steps that the copied database knows as unfinished: the restored runs do them again.
A target that was being written at that moment must not be taken for a whole one: the notes of unfinished tasks are
copied after the database and before the files, so that whoever continues the run moves those targets aside.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spec_service.errors import DataUnusable
from spec_service.storage.columns import time_text
from spec_service.storage.database import connect
from spec_service.storage.inspecting import require_whole, told_as_unusable

FORMAT = 1
MARK = "backup.json"  # written last: a copy without it is not whole
DATABASE = "specloom.db"
UPLOADS = "uploads"
NOTES = (".specloom", "unfinished")
TICK_SECONDS = 0.05  # more than the grain of any file system's clock that we know
_PLACES = ("artifacts", "work")  # below a run's directory, where a registered file may lie


@dataclass(frozen=True, slots=True)
class BackupNote:
    """What a copy holds."""

    format: int
    at: str
    runs: int
    unfinished: int
    files: int
    bytes: int
    missing: tuple[str, ...] = ()  # files that the database names and the directory no longer had


def back_up(data: Path, database: Path, target: Path) -> BackupNote:
    """Copy a data directory into a new or empty one; no ownership is needed.

    Raises `DataUnusable` when there is no database, or the target is not empty or cannot be written.
    """
    if not database.exists():
        raise DataUnusable(f"{data} has no database: there is nothing to back up")
    with told_as_unusable(target):
        _require_empty(target)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = _copy_database(database, target / DATABASE)
        time.sleep(TICK_SECONDS)
        named = _named_files(target / DATABASE)
        count, size = _copy_files(data / "runs", target / "runs", moment, named)
        uploads = _copy_uploads(data / UPLOADS, target / UPLOADS, _named_uploads(target / DATABASE))
        note = _noted(target, moment, named, count + uploads[0], size + uploads[1])
        _write_mark(target / MARK, note)
    return note


def restore(source: Path, data: Path) -> BackupNote:
    """Make a new or empty data directory of a copy; the next server that owns it goes on with its runs.

    Raises `DataUnusable` when the copy is not whole, or the directory is not empty or cannot be written.
    """
    note = read_note(source)
    with told_as_unusable(data):
        _require_empty(data)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("runs", UPLOADS):
            if (source / folder).is_dir():
                shutil.copytree(source / folder, data / folder, symlinks=True)
        partial = data / f"{DATABASE}.partial"
        shutil.copyfile(source / DATABASE, partial)
        require_whole(partial)
        for leftover in data.glob(f"{partial.name}-*"):
            leftover.unlink()
        _sync(partial)
        partial.rename(data / DATABASE)  # last: a server takes no directory that has runs and no database
    return note


def read_note(source: Path) -> BackupNote:
    """Return what a copy holds; raises `DataUnusable` when it is none, or not whole."""
    try:
        told: dict[str, Any] = json.loads((source / MARK).read_text(encoding="utf-8"))
        told["missing"] = tuple(told["missing"])
        note = BackupNote(**told)
    except FileNotFoundError as error:
        raise DataUnusable(f"{source} is no whole backup: it has no {MARK}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataUnusable(f"{source / MARK} cannot be read: {error}") from error
    if note.format != FORMAT:
        raise DataUnusable(f"{source} was made by another version of specloom (format {note.format})")
    if not (source / DATABASE).is_file():
        raise DataUnusable(f"{source} is no whole backup: it has no {DATABASE}")
    return note


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise DataUnusable(f"{folder} is not empty: name a new directory")


def _copy_database(database: Path, target: Path) -> int:
    """Copy the database as it is at one moment, and return that moment in nanoseconds."""
    with closing(connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on we see what is there now
        moment = time.time_ns()
        source.backup(copy)
        source.execute("COMMIT")
        if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'owner'").fetchone():
            copy.execute("UPDATE owner SET released_at = ?", (time_text(datetime.now(UTC)),))
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole without its neighbours
    _sync(target)
    return moment


def _named_files(database: Path) -> frozenset[tuple[str, str]]:
    """Return the run and the path of each file that a database names."""
    with closing(sqlite3.connect(database)) as copy:
        return frozenset((str(run), str(path)) for run, path in copy.execute("SELECT run_id, path FROM artifact"))


def _named_uploads(database: Path) -> list[str]:
    """Return the digests of uploads that a database names; a database of an older version has none."""
    with closing(sqlite3.connect(database)) as copy:
        if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'upload'").fetchone():
            return []
        return [str(digest) for (digest,) in copy.execute("SELECT DISTINCT sha256 FROM upload ORDER BY sha256")]


def _copy_uploads(source: Path, target: Path, digests: list[str]) -> tuple[int, int]:
    """Copy uploads, which never change; return how many files, and their bytes."""
    count = size = 0
    for digest in digests:
        target.mkdir(mode=0o700, exist_ok=True)
        try:
            copy = Path(shutil.copy2(source / digest, target / digest))
        except FileNotFoundError:  # pruned by a server that is at work
            continue
        count, size = count + 1, size + copy.lstat().st_size
    return count, size


def _copy_files(source: Path, target: Path, moment: int, named: frozenset[tuple[str, str]]) -> tuple[int, int]:
    """Copy notes, then what is named or as old as the database; return how many files, and their bytes."""
    count = size = 0
    found = sorted(_walk(source), key=lambda path: not _is_note(path))
    for path in found:
        relative = path.relative_to(source)
        try:
            is_wanted = _is_note(path) or path.lstat().st_mtime_ns <= moment or _name(relative) in named
            if not is_wanted or path.name.startswith(".new-"):
                continue
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            copy = Path(shutil.copy2(path, target / relative, follow_symlinks=False))
            count, size = count + 1, size + copy.lstat().st_size
        except FileNotFoundError:  # a server is at work: it was moved or replaced
            continue
    return count, size


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        linked = [name for name in folders if (Path(root) / name).is_symlink()]
        yield from (Path(root) / name for name in (*files, *linked))


def _is_note(path: Path) -> bool:
    return path.parts[-3:-1] == NOTES


def _name(relative: Path) -> tuple[str, str]:
    """Return the run and the path under which a file would be registered."""
    return relative.parts[0], "/".join(relative.parts[2:])


def _noted(target: Path, moment: int, named: frozenset[tuple[str, str]], count: int, size: int) -> BackupNote:
    missing = (
        f"{run}/{path}"
        for run, path in sorted(named)
        if not any((target / "runs" / run / place / path).exists() for place in _PLACES)
    )
    lost = (f"{UPLOADS}/{one}" for one in _named_uploads(target / DATABASE) if not (target / UPLOADS / one).exists())
    with closing(sqlite3.connect(target / DATABASE)) as copy:
        runs = copy.execute("SELECT COUNT(*) FROM run").fetchone()[0]
        open_ = "SELECT COUNT(*) FROM run WHERE status IN ('queued', 'running', 'waiting')"
        unfinished = copy.execute(open_).fetchone()[0]
    at = datetime.fromtimestamp(moment / 1e9, UTC).isoformat(timespec="seconds")
    return BackupNote(FORMAT, at, runs, unfinished, count, size, (*missing, *lost))


def _write_mark(path: Path, note: BackupNote) -> None:
    values: dict[str, Any] = asdict(note)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    _sync(path)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
