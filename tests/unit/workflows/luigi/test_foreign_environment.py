"""A pipeline in a virtual environment of its own, which has Luigi and nothing else of what the server needs."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from workflows.hosting.limits import HostLimits
from workflows.hosting.pool import HostPool
from workflows.luigi.errors import StageFailed
from workflows.luigi.registry import LuigiGroup, describe_group
from workflows.luigi.stages import LuigiStages, StageCall
from workflows.run import RunId

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PIPELINES = Path(__file__).with_name("pipelines")
MISSING = ("pydantic", "langgraph", "fastapi", "structlog", "anyio", "workflows", "translator", "spec_service")


def needed_by(name: str, found: set[str]) -> set[str]:
    """Return a package and all that it needs, as they are installed here."""
    try:
        wanted = distribution(name).requires or []
    except PackageNotFoundError:  # not needed on this platform
        return found
    found.add(name)
    for one in map(Requirement, wanted):
        if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            needed_by(one.name, found)
    return found


@pytest.fixture(scope="session")
def foreign_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment without pip, and link Luigi and what it needs into it: no network is asked."""
    folder = tmp_path_factory.mktemp("foreign") / "venv"
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = folder / "lib" / version / "site-packages"
    installed = Path(sysconfig.get_path("purelib"))
    for name in needed_by("luigi", set()):
        tops = {Path(file).parts[0] for file in distribution(name).files or [] if ".." not in Path(file).parts}
        for top in tops - {"__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(installed / top)
    return folder / "bin" / "python"


@pytest.fixture
def group(foreign_python: Path) -> LuigiGroup:
    return LuigiGroup("shop", ("shop",), (PIPELINES,), python=foreign_python, limits=HostLimits(cpu_seconds=60))


@pytest.fixture
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ=os.environ, limit=2)
    yield pool
    await pool.aclose()


def test_it_has_luigi_and_nothing_of_the_servers(foreign_python: Path):
    look = "import importlib.util as u, luigi, sys; print([one for one in sys.argv[1:] if u.find_spec(one)])"
    command = [foreign_python, "-I", "-W", "ignore", "-c", look, *MISSING]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


async def test_its_stages_are_described_and_built(pool: HostPool, group: LuigiGroup, tmp_path: Path, recorder):
    described = await describe_group(group, pool)
    assert described.failures == ()
    assert "shop.Top" in [one.name for one in described.stages]
    call = _call(group, tmp_path, "Top")
    result = await LuigiStages(pool).run(call, recorder)
    assert result.outputs["uri"] == "specloom://runs/r1/artifacts/out/Top.txt"
    assert (tmp_path / "runs.log").read_text().split()[-1] == "Top"


async def test_dynamic_requirements_progress_and_output_work_there(
    pool: HostPool, group: LuigiGroup, tmp_path: Path, recorder, ran: Callable[[], list[str]]
):
    await LuigiStages(pool).run(_call(group, tmp_path, "Gather"), recorder)
    assert ran() == ["Gather", "Bottom", "Part 1 2", "Part 2 2", "Part 3 2"]
    await LuigiStages(pool).run(_call(group, tmp_path, "Chatty"), fresh := type(recorder)())
    assert ("half way", None) in fresh.progress
    with pytest.raises(StageFailed, match="bad luck"):
        await LuigiStages(pool).run(_call(group, tmp_path, "Bad"), type(recorder)())


async def test_a_bootstrap_runs_in_that_environment(pool: HostPool, group: LuigiGroup, tmp_path: Path, recorder):
    (tmp_path / "prepared.py").write_text("import os, sys\ndef go():\n    os.environ['SHOP_DB'] = sys.prefix\n")
    prepared = replace(group, path=(PIPELINES, tmp_path), bootstrap="prepared:go")
    result = await LuigiStages(pool).run(replace(_call(prepared, tmp_path, "Key"), read="json"), recorder)
    assert result.data["SHOP_DB"] == str(Path(str(group.python)).parent.parent)


def _call(group: LuigiGroup, directory: Path, stage: str) -> StageCall:
    return StageCall(f"{group.name}.{stage}", group, {}, RunId("r1"), directory, "key", log_dir=directory / "logs")
