"""The page on agents can be followed by a new user: its pipeline, its manifest, its curl and its program work."""

import os
import re
import subprocess
import sys

import pytest

from docs.generating.parts import ROOT

PAGE = (ROOT / "docs" / "agents-and-stages.md").read_text()
SPECLOOM = "from spec_service.cli import main; main()"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path):
    pipeline, program = blocks("python")
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "contracts.py").write_text(pipeline)
    (catalog,) = blocks("toml")
    path = f'path = [".", "{ROOT / "clients" / "python"}"]'
    (tmp_path / "specloom.toml").write_text(catalog.replace('path = ["."]', path))

    written, checked = (line.removeprefix("specloom ").split() for line in blocks("sh")[0].splitlines())
    assert "2 agents" in run(tmp_path, "-c", SPECLOOM, *written)
    assert "up to date" in run(tmp_path, "-c", SPECLOOM, *checked)

    at = 'Client("http://127.0.0.1:8321")'
    assert at in program
    said = run(tmp_path, "-c", program.replace(at, 'Client.local(catalog="specloom.toml", data="data")'))
    assert said.splitlines()[:2] == ["['identify-risks', 'law.ReadContract']", "success ['whenever']"]
    assert "4712.risks.json" in said
