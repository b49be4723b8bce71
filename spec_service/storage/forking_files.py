"""The files of a run, copied for a fork: what is taken over stays readable whatever becomes of the old run.

What the engine keeps is never written again, and is linked. What stages wrote they may write again, so it is copied:
as a clone where the file system shares blocks until one side changes them, else byte by byte.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_FICLONE = 0x40049409  # ioctl of Linux: share the blocks of a file


def link_kept(source: Path, target: Path, paths: Iterable[str]) -> list[str]:
    """Give another run the files that the engine keeps, by path below `source`; return those that are there."""
    linked: list[str] = []
    for path in paths:
        found, made = source / path, target / path
        if not found.is_file():
            continue
        made.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(found, made)
        except OSError:  # another file system, or too many links
            shutil.copy2(found, made)
        linked.append(path)
    return linked


def copy_work(source: Path, target: Path, wanted: Callable[[str, float], bool]) -> list[str]:
    """Copy a work directory, where `wanted` says so of a file's path below it and of its time (epoch seconds)."""
    copied: list[str] = []
    for folder, names, files in os.walk(source):
        below = Path(folder).relative_to(source)
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in (*files, *links):
            found = Path(folder) / name
            with suppress(FileNotFoundError):  # somebody has just removed it
                path = (below / name).as_posix()
                if wanted(path, found.lstat().st_mtime):
                    _copy(found, target / below / name, source, target)
                    copied.append(path)
    return copied


def _copy(found: Path, made: Path, source: Path, target: Path) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    if found.is_symlink():
        to = found.readlink()
        is_own = to.is_absolute() and to.is_relative_to(source)
        made.symlink_to(target / to.relative_to(source) if is_own else to)
    elif found.is_file():
        _clone(found, made)
        shutil.copystat(found, made)


def _clone(found: Path, made: Path) -> None:
    with found.open("rb") as old, made.open("xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:  # this file system shares no blocks
            shutil.copyfileobj(old, new, 1 << 20)
