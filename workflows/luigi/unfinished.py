"""Targets that a task left half-written: found by the notes of stage hosts, and moved aside.

Many tasks write their target in place, so that a kill leaves a truncated file which `complete()` calls done. A host
notes the targets that a task creates before it runs it (`stage_running.py`), and strikes them out when the task is
complete. A note that is still there when nobody works on the task names what must not be trusted: after a failure, a
kill, or a crash of the server itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from weakref import WeakValueDictionary

NOTES = Path(".specloom") / "unfinished"  # inside the directory in which the tasks work
MARK = "~"
LOOK_SECONDS = 0.05  # between two looks whether another server has let go of a task


class Workplaces:
    """Lets one task at a time be built in one directory, and cleans up behind those that did not finish.

    Steps of one server queue up for a task. A fixed work directory may be shared with other servers, so there is a
    lock in the file system as well, which goes when its holder does. The private directory of a run is its server's
    alone, and needs none: a server that froze, and has lost the run to another one, must not hold that one up.
    """

    def __init__(self) -> None:
        self._queues: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self._mark = secrets.token_hex(4)  # of our notes: a server that lost a run must not read those of the next

    def is_free(self, directory: Path, task_key: str) -> bool:
        """Tell whether no step of this server is at work on the task."""
        queue = self._queues.get(directory / NOTES / f"{task_key}.json")
        return queue is None or not queue.locked()

    @asynccontextmanager
    async def occupied(self, directory: Path, task_key: str, *, is_shared: bool = True) -> AsyncGenerator[Path]:
        """Give the path for the task's note, alone; what the task left unfinished is moved aside, before and after."""
        shared = directory / NOTES / f"{task_key}.json"
        note = shared if is_shared else shared.with_name(f"{task_key}{MARK}{self._mark}.json")
        queue = self._queues.setdefault(shared, asyncio.Lock())
        async with queue:
            if is_shared:
                note.parent.mkdir(parents=True, exist_ok=True)
            async with _locked(shared) if is_shared else nullcontext():
                for one in _notes_on(note.parent, task_key):
                    quarantine(one)
                try:
                    yield note
                finally:
                    quarantine(note)

    def clean(self, directory: Path, *, is_shared: bool = True) -> tuple[Path, ...]:
        """Move aside what tasks left unfinished that nobody works on; return where it is now."""
        moved: list[Path] = []
        for note in sorted((directory / NOTES).glob("*.json")):
            if not is_shared:
                queue = self._queues.get(note.with_name(f"{note.stem.partition(MARK)[0]}.json"))
                if queue is None or not queue.locked():
                    moved.extend(quarantine(note))
            elif (lock := _try_lock(note)) is not None:
                with _released(note, lock):
                    moved.extend(quarantine(note))
        return tuple(moved)


def _notes_on(folder: Path, task_key: str) -> list[Path]:
    """Return the notes on a task, of whichever server; the folder is there afterwards."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - asked for every task, and it is mostly empty
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return []
    starts = (f"{task_key}.json", f"{task_key}{MARK}")
    return [folder / name for name in names if name.startswith(starts) and name.endswith(".json")]


@asynccontextmanager
async def _locked(note: Path) -> AsyncGenerator[None]:
    while (lock := _try_lock(note)) is None:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)  # no event tells when another process lets go
    with _released(note, lock):
        yield


def _try_lock(note: Path) -> int | None:
    """Return an open file that holds the lock of a note; None when another one does."""
    path = note.with_suffix(".lock")
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.fstat(number).st_ino == path.stat().st_ino  # else its last holder removed it in between
    except OSError:
        is_ours = False
    if is_ours:
        return number
    os.close(number)
    return None


@contextmanager
def _released(note: Path, lock: int) -> Generator[None]:
    try:
        yield
    finally:
        note.with_suffix(".lock").unlink(missing_ok=True)
        os.close(lock)


def quarantine(note: Path) -> tuple[Path, ...]:
    """Rename the targets of a note to `<name>.quarantined-N`, and remove the note; return the new paths."""
    try:
        paths = [Path(path) for path in json.loads(note.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return ()
    except ValueError:  # torn by a loss of power: it tells nothing any more
        paths = []
    moved = tuple(aside for path in paths if (aside := _moved_aside(path)))
    note.unlink(missing_ok=True)
    return moved


def _moved_aside(path: Path) -> Path | None:
    number = 1
    while (aside := path.with_name(f"{path.name}.quarantined-{number}")).exists():
        number += 1
    with contextlib.suppress(FileNotFoundError):
        return path.rename(aside)
    return None
