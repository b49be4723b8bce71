"""Temporary directories inside the directories of runs: `TMPDIR` of what works there, and removed afterwards.

All that works in a run at the same time shares one, and it lingers for a moment: on a disk that a database syncs all
the time, making and removing a directory takes milliseconds.
"""

# a few short calls on a local disk
# ruff: noqa: ASYNC240

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PLACE = Path(".specloom") / "tmp"  # inside a run's directory
LINGER_SECONDS = 5.0


@dataclass(slots=True)
class _Use:
    users: int = 0
    removal: asyncio.TimerHandle | None = None


class TemporaryFolders:
    """Gives temporary directories; one server has one of these, since it removes what others have left behind."""

    def __init__(self, linger_seconds: float = LINGER_SECONDS) -> None:
        self._linger_seconds = linger_seconds
        self._mark = secrets.token_hex(4)  # a run belongs to one server: marks of others are of servers that died
        self._numbers = itertools.count(1)
        self._uses: dict[Path, _Use] = {}
        self._removing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def given(self, run_dir: Path) -> AsyncGenerator[Path]:
        """Give the run's directory for what is temporary; it is there until the block ends."""
        folder = run_dir.absolute() / PLACE / self._mark
        is_new = folder not in self._uses
        use = self._uses.setdefault(folder, _Use())
        use.users += 1
        try:
            if use.removal:
                use.removal.cancel()
            folder.mkdir(parents=True, exist_ok=True)
            if is_new:
                for left in [one for one in folder.parent.iterdir() if one != folder]:
                    await _remove(left)
            yield folder
        finally:
            use.users -= 1
            if not use.users:
                loop = asyncio.get_running_loop()
                use.removal = loop.call_later(self._linger_seconds, self._begin_removal, folder)

    async def aclose(self) -> None:
        """Remove all that is left."""
        for folder, use in list(self._uses.items()):
            if use.removal:
                use.removal.cancel()
            self._begin_removal(folder)
        await asyncio.gather(*self._removing)

    def _begin_removal(self, folder: Path) -> None:
        del self._uses[folder]
        aside = folder.with_name(f"{folder.name}-{next(self._numbers)}")
        with suppress(OSError):  # out of the way of whoever comes while it is removed
            folder.rename(aside)
        task = asyncio.create_task(_remove(aside))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)


async def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    with suppress(OSError):  # there is more in it
        folder.parent.rmdir()
