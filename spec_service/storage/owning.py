"""One process owns a data directory: an operating system's lock, which ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from spec_service.errors import DataInUse, DataUnusable


@contextmanager
def owned(data: Path) -> Generator[None]:
    """Make the data directory if need be and own it until the block ends; raises `DataInUse`, `DataUnusable`."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # inputs and results are nobody else's business
        handle = os.open(data / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataUnusable(f"the data directory {data} cannot be used: {error.strerror}") from error
    try:
        _lock(handle, data)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, data: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        who = f"process {owner}" if owner.isdecimal() else "another process"
        raise DataInUse(
            f"{who} uses the data directory {data}: stop it, or choose another directory with --data"
        ) from error
