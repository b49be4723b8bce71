"""The TypeScript client: generated from a live server and a manifest, built, and run with Node against that server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.server import ROOT, SPECLOOM, serving

PACKAGE = ROOT / "clients" / "typescript"
PAGE = (ROOT / "docs" / "agents-and-stages.md").read_text()
NODE = 20


def has_node() -> bool:
    if not shutil.which("node") or not shutil.which("npm"):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.strip("v\n").partition(".")[0]) >= NODE


def ran(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the package with what it needs installed."""
    if not has_node():
        pytest.skip(f"needs Node {NODE} and npm")
    folder = tmp_path / "typescript"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("dist", "generated", "node_modules"))
    if (PACKAGE / "node_modules").exists():
        (folder / "node_modules").symlink_to(PACKAGE / "node_modules")
    else:
        done = subprocess.run(
            ["npm", "ci", "--prefer-offline"], cwd=folder, capture_output=True, text=True, check=False, timeout=150
        )
        if done.returncode != 0:
            pytest.skip(f"npm could not install what the client is built with: {done.stderr[-300:]}")
    return folder


@pytest.mark.slow
def test_agents_are_generated_built_and_answer(package: Path, tmp_path: Path):
    pipeline, catalog = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) for kind in ("python", "toml"))
    assert pipeline is not None
    assert catalog is not None
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "contracts.py").write_text(pipeline[1])
    file = tmp_path / "specloom.toml"
    file.write_text(catalog[1].replace('path = ["."]', f'path = [".", "{ROOT / "clients" / "python"}"]'))
    manifest = tmp_path / "manifest.json"
    ran(tmp_path, str(SPECLOOM), "manifest", "--out", str(manifest))
    with serving(tmp_path, file) as server:
        url = str(server.client.base_url).rstrip("/")
        wanted = ["--openapi", f"{url}/openapi.json", "--manifest", str(manifest)]
        assert "2 agents" in ran(package, "node", "generate.mjs", *wanted)
        first = (package / "src" / "generated" / "agents.ts").read_bytes()
        ran(package, "node", "generate.mjs", *wanted)
        assert (package / "src" / "generated" / "agents.ts").read_bytes() == first
        ran(package, "npm", "run", "build")
        said = ran(package, "npm", "test", SPECLOOM_SERVER=url, SPECLOOM_MANIFEST=str(manifest))
    assert "# pass 4" in said
    assert "# fail 0" in said
