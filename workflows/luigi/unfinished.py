"""Targets that a task left half-written: found by the notes of stage hosts, and moved aside.

Many tasks write their target in place, so that a kill leaves a truncated file which `complete()` calls done. A host
notes the targets that a task creates before it runs it (`stage_running.py`), and strikes them out when the task is
complete. A note that is still there when nobody works on the task names what must not be trusted: after a failure, a
kill, or a crash of the server itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

NOTES = Path(".specloom") / "unfinished"  # inside the directory in which the tasks work


class Workplaces:
    """Lets one task at a time be built in one directory, and cleans up behind those that did not finish."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def occupied(self, directory: Path, task_key: str) -> AsyncGenerator[Path]:
        """Give the path for the task's note, alone; what the task left unfinished is moved aside, before and after."""
        note = directory / NOTES / f"{task_key}.json"
        lock = self._locks.setdefault(note, asyncio.Lock())
        async with lock:
            note.parent.mkdir(parents=True, exist_ok=True)
            quarantine(note)
            try:
                yield note
            finally:
                quarantine(note)

    def clean(self, directory: Path) -> tuple[Path, ...]:
        """Move aside what tasks left unfinished that nobody works on; return where it is now."""
        notes = sorted((directory / NOTES).glob("*.json"))
        abandoned = [note for note in notes if note not in self._locks]
        return tuple(moved for note in abandoned for moved in quarantine(note))


def quarantine(note: Path) -> tuple[Path, ...]:
    """Rename the targets of a note to `<name>.quarantined-N`, and remove the note; return the new paths."""
    try:
        paths = [Path(path) for path in json.loads(note.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return ()
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
