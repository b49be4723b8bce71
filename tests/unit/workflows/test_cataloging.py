"""The catalog is filled from the file and from entry points, with real hosts; what is broken is reported."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import AsyncIterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from workflows.catalog_file import CatalogFile, read_catalog_file
from workflows.cataloging import LoadedCatalog, open_catalog
from workflows.entry_points import STAGES, TOOLS
from workflows.hosting.limits import HostLimits
from workflows.hosting.pool import HostPool
from workflows.tools.registry import ToolGroup

pytestmark = pytest.mark.anyio

TOOLS_SOURCE = '''
from langchain_core.tools import tool

@tool
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b

@tool
async def wait(text: str) -> str:
    """Wait."""
    return text
'''
STAGES_SOURCE = '''
import luigi

class Write(luigi.Task):
    """Write it."""
    text = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("out.txt")

class Other(luigi.Task):
    """Another."""
'''


@pytest.fixture
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ=os.environ, limit=4)
    yield pool
    await pool.aclose()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a name for a module that this process has never imported."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return f"catalog_{tmp_path.name.partition('_')[0]}_{uuid4().hex}"


def write(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(source))


def catalog_file(folder: Path, text: str) -> CatalogFile:
    file = folder / "specloom.toml"
    file.write_text(text)
    return read_catalog_file(file)


def summary(loaded: LoadedCatalog) -> list[tuple[str, str, str, bool]]:
    return [(one.kind, one.name, one.version, one.is_async) for one in loaded.entries]


async def test_stages_and_tools_of_the_file_stand_in_the_catalog(tmp_path: Path, pool: HostPool, module: str) -> None:
    write(tmp_path, module, TOOLS_SOURCE)
    write(tmp_path, f"{module}_stages", STAGES_SOURCE)
    tables = f"""
[luigi.g]
modules = ["{module}_stages", "nowhere_to_be_found"]
path = ["."]
version = "1.2.0"
[tools.g]
modules = ["nowhere_to_be_found", "{module}"]
path = ["."]
version = "2.0.0"
secrets = ["KEY"]
[secrets.KEY]
env = "KEY"
"""
    loaded = await open_catalog(catalog_file(tmp_path, tables), pool, entry_points=[])
    assert summary(loaded) == [
        ("stage", "g.Other", "1.2.0", False),
        ("stage", "g.Write", "1.2.0", False),
        ("tool", "g.add", "2.0.0", False),
        ("tool", "g.wait", "2.0.0", True),
    ]
    assert {(one.group, one.module) for one in loaded.failures} == {
        ("luigi.g", "nowhere_to_be_found"),
        ("tools.g", "nowhere_to_be_found"),
    }
    assert loaded.stages["g.Write"].name == "g"
    assert loaded.catalog.versions("stage", "g.Write")[0].parameters["required"] == ["text"]
    add, wait = loaded.catalog.versions("tool", "g.add")[0], loaded.tools["g.wait"]
    assert add.secrets == ("KEY",)
    assert add.parameters["required"] == ["a"]
    assert await wait.live.ainvoke({"text": "x"}) == "x"
    assert str(tmp_path) in sys.path[1:]


@pytest.mark.parametrize("confined", [{"python": Path(sys.executable)}, {"limits": HostLimits(cpu_seconds=9)}])
async def test_tools_that_are_confined_all_run_in_hosts(
    tmp_path: Path, pool: HostPool, module: str, confined: dict[str, Any]
) -> None:
    write(tmp_path, module, TOOLS_SOURCE)
    group = ToolGroup("g", (module,), path=(tmp_path,), **confined)
    loaded = await open_catalog(CatalogFile(tools=(group,)), pool, entry_points=[])
    assert summary(loaded) == [("tool", "g.add", "0.0.0", False), ("tool", "g.wait", "0.0.0", False)]
    assert module not in sys.modules
    assert loaded.tools["g.wait"].live is None


async def test_a_module_without_async_tools_is_not_imported_here(tmp_path: Path, pool: HostPool, module: str) -> None:
    write(tmp_path, module, TOOLS_SOURCE.partition("@tool\nasync")[0])
    loaded = await open_catalog(
        CatalogFile(tools=(ToolGroup("g", (module,), path=(tmp_path,)),)), pool, entry_points=[]
    )
    assert [one.name for one in loaded.entries] == ["g.add"]
    assert module not in sys.modules


async def test_a_catalog_cannot_shadow_what_the_server_imports(tmp_path: Path, pool: HostPool, module: str) -> None:
    write(tmp_path, "workflows", TOOLS_SOURCE)
    loaded = await open_catalog(
        CatalogFile(tools=(ToolGroup("g", ("workflows",), path=(tmp_path,)),)), pool, entry_points=[]
    )
    assert [one.is_async for one in loaded.entries] == [False, False]
    assert [one.group for one in loaded.failures] == ["tools.g"]
    assert "runs in a host" in loaded.failures[0].message
    assert sys.modules["workflows"].__file__ != str(tmp_path / "workflows.py")
    assert module not in sys.modules


async def test_entry_points_are_groups_of_this_interpreter(tmp_path: Path, pool: HostPool) -> None:
    points = [
        EntryPoint("langs", "langchain_core.tools.base", TOOLS),
        EntryPoint("Bad", "x", TOOLS),
        EntryPoint("gone", "nowhere_to_be_found:Task", STAGES),
    ]
    loaded = await open_catalog(CatalogFile(path=tmp_path), pool, entry_points=points)
    assert loaded.entries == ()
    assert [one.group for one in loaded.failures] == ["luigi.gone", "tools.Bad", "tools.langs"]
    assert "no LangChain tool" in loaded.failures[-1].message


async def test_an_entry_point_may_name_one_thing_or_a_list(tmp_path: Path, pool: HostPool, module: str) -> None:
    write(tmp_path, module, TOOLS_SOURCE + "\nboth = [add, wait]\n")
    group = ToolGroup("one", (f"{module}:add", f"{module}:nothing"), path=(tmp_path,))
    several = ToolGroup("several", (f"{module}:both",), path=(tmp_path,))
    loaded = await open_catalog(CatalogFile(tools=(group, several)), pool, entry_points=[])
    assert summary(loaded) == [
        ("tool", "one.add", "0.0.0", False),
        ("tool", "several.add", "0.0.0", False),
        ("tool", "several.wait", "0.0.0", True),
    ]
    assert ["nothing" in one.message for one in loaded.failures] == [True]


async def test_folders_and_interpreters_that_do_not_exist_are_named(tmp_path: Path, pool: HostPool) -> None:
    group = ToolGroup("g", ("m",), path=(tmp_path / "no",), python=tmp_path / "python")
    loaded = await open_catalog(CatalogFile(tools=(group,)), pool, entry_points=[])
    assert [one.message.partition(":")[0] for one in loaded.failures] == [
        f"there is no folder {tmp_path / 'no'}",
        f"there is no interpreter {tmp_path / 'python'}",
    ]


async def test_names_that_no_spec_can_write_are_reported(tmp_path: Path, pool: HostPool, module: str) -> None:
    write(tmp_path, module, TOOLS_SOURCE + '\nadd.name = "add up"\nwait.metadata = {"version": "two"}\n')
    loaded = await open_catalog(
        CatalogFile(tools=(ToolGroup("g", (module,), path=(tmp_path,)),)), pool, entry_points=[]
    )
    assert loaded.entries == ()
    assert [one.message.partition(":")[0] for one in loaded.failures] == [
        "g.add up cannot be named in a spec",
        "g.wait has the version two",
    ]


async def test_the_catalog_of_the_cases(pool: HostPool) -> None:
    file = Path(__file__).parents[3].parent / "shared/cases/specloom.toml"
    if not file.exists():
        pytest.skip("../shared/cases is not there")
    loaded = await open_catalog(read_catalog_file(file, is_named=True), pool, entry_points=[])
    assert summary(loaded) == [("stage", "cases.Copy", "1.0.0", False), ("tool", "cases.echo", "1.0.0", False)]
    assert loaded.failures == ()
    result = loaded.catalog.versions("tool", "cases.echo")[0].result
    assert result == {"type": "object", "additionalProperties": {"type": "string"}}
