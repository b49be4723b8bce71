"""Temporary directories inside the directories of runs: `TMPDIR` of what works there, and removed afterwards."""

# a few short calls on a local disk
# ruff: noqa: ASYNC240

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PLACE = Path(".specloom") / "tmp"  # inside a run's directory


class TemporaryFolders:
    """Gives temporary directories; one server has one of these, since it removes what others have left behind."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(4)  # a run belongs to one server: marks of others are of servers that died
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def given(self, run_dir: Path) -> AsyncGenerator[Path]:
        """Give an empty directory that is there until the block ends."""
        own = run_dir.absolute() / PLACE / self._mark
        folder = own / str(next(self._numbers))
        try:
            folder.mkdir()
        except FileNotFoundError:
            await self._prepare(own)
            folder.mkdir()
        try:
            yield folder
        finally:
            await self._remove(folder)
            with suppress(OSError):  # somebody else works in this run
                own.rmdir()
                own.parent.rmdir()

    async def _prepare(self, own: Path) -> None:
        own.parent.mkdir(parents=True, exist_ok=True)
        for left in [one for one in own.parent.iterdir() if one.name != own.name]:
            await self._remove(left)
        own.mkdir(parents=True, exist_ok=True)  # again: whoever ended meanwhile has removed its parent

    async def _remove(self, folder: Path) -> None:
        try:
            folder.rmdir()
        except OSError:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
