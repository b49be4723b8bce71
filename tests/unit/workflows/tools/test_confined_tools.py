"""Tools with limits, in a sandbox, after a bootstrap; async ones, too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from translator.planning.plan import Binding
from workflows.catalog_file import CatalogFile
from workflows.cataloging import open_catalog
from workflows.errors import StepError
from workflows.hosting.limits import HostLimits
from workflows.hosting.pool import HostPool
from workflows.ports import ToolCall
from workflows.run import RunId
from workflows.tools.registry import ToolGroup
from workflows.tools.secrets import CatalogSecrets
from workflows.tools.tools import CatalogTools

pytestmark = pytest.mark.anyio

SOURCE = '''
import os
import tempfile

from langchain_core.tools import tool


def prepare():
    os.environ["PREPARED"] = "yes"


@tool
async def hoard(megabytes: int) -> int:
    """Take memory."""
    return len([bytearray(2**20) for _ in range(megabytes)])


@tool
def write(path: str) -> list[str]:
    """Write a file."""
    with open(path, "w") as file:
        file.write("here")
    return [os.getcwd(), tempfile.gettempdir(), os.environ.get("PREPARED", "no")]
'''


def can_make_sandboxes() -> bool:
    probe = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0


async def called(pool: HostPool, folder: Path, tool: str, arguments: dict[str, Any], **terms: Any) -> Any:
    (folder / "confined_tools.py").write_text(SOURCE)
    (folder / "run").mkdir(exist_ok=True)
    group = ToolGroup("c", ("confined_tools",), path=(folder,), **terms)
    loaded = await open_catalog(CatalogFile(tools=(group,)), pool, entry_points=[])
    assert loaded.failures == ()
    tools = CatalogTools(loaded.tools, pool, CatalogSecrets({}, {}), work_directory=lambda _: folder / "run")
    binding = Binding(kind="tool", name=f"c.{tool}", version="1.0.0", source_digest="d", parameters={}, result={})
    return await tools.call(ToolCall(binding, arguments, {}, "key", 30.0, RunId("r"), "s"))


async def test_an_async_tool_over_its_limit_fails_and_says_which(pool: HostPool, tmp_path: Path):
    with pytest.raises(StepError) as caught:
        await called(pool, tmp_path, "hoard", {"megabytes": 900}, limits=HostLimits(memory=400 * 2**20))
    assert caught.value.error_name == "tool-failed"
    assert caught.value.message.startswith("c.hoard: it wanted more than 400 MiB of memory: raise `memory` under")


async def test_a_tool_works_in_the_runs_directory_with_its_temporary_one_after_the_bootstrap(
    pool: HostPool, tmp_path: Path
):
    cwd, temporary, prepared = await called(pool, tmp_path, "write", {"path": "x"}, bootstrap="confined_tools:prepare")
    assert (cwd, prepared) == (str(tmp_path / "run"), "yes")
    assert temporary.startswith(f"{tmp_path}/run/.specloom/tmp/")


@pytest.mark.skipif(not can_make_sandboxes(), reason="bwrap is not installed, or may make no namespaces")
async def test_in_a_sandbox_a_tool_writes_only_in_the_runs_directory(pool: HostPool, tmp_path: Path):
    await called(pool, tmp_path, "write", {"path": "inside"}, sandbox="bwrap")
    with pytest.raises(StepError, match=r"Read-only file system: .* \(its group has a sandbox"):
        await called(pool, tmp_path, "write", {"path": str(tmp_path / "outside")}, sandbox="bwrap")
    assert [one.name for one in (tmp_path / "run").glob("*side")] == ["inside"]
