"""A pool of real hosts for a file of tests, and modules on disk."""

from __future__ import annotations

import os
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from workflows.hosting.pool import HostPool

WriteModule = Callable[[str, str], Path]


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ=os.environ, limit=2)
    yield pool
    await pool.aclose()


@pytest.fixture
def write_module(tmp_path: Path) -> WriteModule:
    def write(name: str, source: str) -> Path:
        file = tmp_path / f"{name}.py"
        file.write_text(textwrap.dedent(source))
        return file

    return write
