"""Two stages that call themselves the same among agents."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workflows.catalog_file import CatalogFile
from workflows.cataloging import open_catalog
from workflows.hosting.pool import HostPool
from workflows.luigi.registry import LuigiGroup

pytestmark = pytest.mark.anyio
CLIENT = Path(__file__).parents[3] / "clients" / "python"
STAGES = """\
import luigi
from specloom_client import agent_meta


@agent_meta(name="{name}")
class Read(luigi.Task):
    pass


class Write(luigi.Task):
    pass
"""


@pytest.fixture
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ=os.environ, limit=2)
    yield pool
    await pool.aclose()


def group(folder: Path, name: str, agent: str) -> LuigiGroup:
    (folder / f"{name}_stages.py").write_text(STAGES.format(name=agent))
    return LuigiGroup(name, (f"{name}_stages",), (folder, CLIENT))


async def test_the_second_of_two_agents_of_one_name_is_left_out_and_both_are_named(tmp_path: Path, pool: HostPool):
    groups = (group(tmp_path, "b", "reader"), group(tmp_path, "a", "reader"))
    loaded = await open_catalog(CatalogFile(luigi=groups), pool, entry_points=[])
    assert [one.name for one in loaded.entries] == ["a.Read", "a.Write", "b.Write"]
    assert set(loaded.stages) == set(loaded.records) == {"a.Read", "a.Write", "b.Write"}
    (failure,) = loaded.failures
    assert (failure.group, failure.module) == ("luigi.b", "b_stages")
    assert all(word in failure.message for word in ("reader", "a_stages.Read", "b_stages.Read"))


async def test_a_name_of_another_stage_is_taken(tmp_path: Path, pool: HostPool):
    groups = (group(tmp_path, "a", "b.Write"), group(tmp_path, "b", "reader"))
    loaded = await open_catalog(CatalogFile(luigi=groups), pool, entry_points=[])
    assert [one.name for one in loaded.entries] == ["a.Write", "b.Read", "b.Write"]
    assert [one.group for one in loaded.failures] == ["luigi.a"]
