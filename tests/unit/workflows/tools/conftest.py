"""Tools to call: a module on disk, a pool of real hosts, and a way to bind and call what the module holds."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from workflows.hosting.pool import HostPool
from workflows.tools.loop_calls import import_tool
from workflows.tools.registry import ToolGroup, describe_tools
from workflows.tools.secrets import CatalogSecrets, SecretSource
from workflows.tools.tools import BoundTool, CatalogTools

WriteModule = Callable[[str, str], Path]
OpenTools = Callable[..., Awaitable[CatalogTools]]


@pytest.fixture
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


@pytest.fixture
def open_tools(tmp_path: Path, pool: HostPool, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch) -> OpenTools:
    """Write a module and bind its tools, async ones to the loop, as the catalog does."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    async def open_(source: str, secrets: Mapping[str, str] | None = None) -> CatalogTools:
        names = tuple(secrets or {})
        module = f"tools_{uuid4().hex}"  # this process imports a module once, and all tests share it
        write_module(module, source)
        group = ToolGroup("t", (module,), path=(tmp_path,), version="1.0.0", secrets=names)
        description = await describe_tools(group, pool)
        assert description.failures == ()
        bound = {
            one.name: BoundTool(group, one, import_tool(one, group.path) if one.is_async else None)
            for one in description.tools
        }
        sources = {name: SecretSource(env=name) for name in names}
        return CatalogTools(bound, pool, CatalogSecrets(sources, secrets or {}), work_directory=lambda _: tmp_path)

    return open_
