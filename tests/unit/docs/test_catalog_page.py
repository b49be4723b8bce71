"""The page on the catalog: its keys are those of the file, and its example does what the page says."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from docs.generating.parts import ROOT
from workflows.catalog_file import _LuigiTable, _ToolTable
from workflows.catalog_models import ModelTable
from workflows.catalog_words import LimitsTable

PAGE = (ROOT / "docs" / "catalog.md").read_text()
SPECLOOM = "from spec_service.cli import main; main()"
PIPELINE = """
import os
import tempfile

import luigi


class Publish(luigi.Task):
    megabytes = luigi.IntParameter(default=1)

    def output(self):
        return luigi.LocalTarget("published.txt")

    def run(self):
        heap = [bytearray(2**20) for _ in range(self.megabytes)]
        print("publishing with", os.environ["PREPARED"], "and the key", os.environ["MARKET_DB"])
        inside = os.path.realpath(tempfile.gettempdir()).startswith(os.getcwd())
        with self.output().open("w") as file:
            file.write(f"{len(heap)} {inside}")
"""
SETUP = "import os\ndef prepare():\n    os.environ['PREPARED'] = 'care'\n"
TOOLS = """
from langchain_core.tools import tool


@tool
def search(query: str) -> str:
    '''Search.'''
    return query
"""
SPEC = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: publish}
inputs: {megabytes: {type: integer, default: 1}}
start: publish
nodes:
  publish: {luigi: market.Publish, with: {megabytes: "${ inputs.megabytes }"}, read: text, next: end}
outputs: {text: "${ nodes.publish.result.data }"}
"""


def keys(heading):
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


def test_every_key_of_the_file_is_there():
    assert keys("Keys of `[luigi.NAME]` and `[tools.NAME]`") == {*_LuigiTable.model_fields, *_ToolTable.model_fields}
    assert keys("`limits`") == set(LimitsTable.model_fields)
    assert keys("Keys of `[models.NAME]`") == set(ModelTable.model_fields)


def can_make_sandboxes():
    probe = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0


@pytest.fixture
def project(tmp_path):
    """Make the project that the page's example is the catalog of; the secret of the tool lies in MARKET_DB, too."""
    for name, text in {"pipelines/market.py": PIPELINE, "pipelines/setup.py": SETUP, "tools/web.py": TOOLS}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    catalog = re.search(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]
    catalog = catalog.replace('python = ".venv/bin/python"', f'python = "{sys.executable}"')
    if not can_make_sandboxes():
        catalog = catalog.replace('sandbox = "bwrap"\n', "")
    (tmp_path / "specloom.toml").write_text(f'{catalog}[secrets.MARKET_DB]\nenv = "MARKET_DB"\n')
    (tmp_path / "publish.yaml").write_text(SPEC)
    return tmp_path


def specloom(project, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MARKET_DB": "s3cr3t-place", "COLUMNS": "200"}
    command = [sys.executable, "-c", SPECLOOM, *command]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=90
    )


@pytest.mark.slow
def test_the_example_does_what_the_page_says(project):
    listed = specloom(project, "stages").stdout
    assert "market.Publish" in listed
    assert "web.search" in listed

    done = specloom(project, "run", "publish.yaml", "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| publishing with care and the key ***" in done.stdout
    assert "1 True" in done.stdout
    assert "s3cr3t" not in done.stdout

    over = specloom(project, "run", "publish.yaml", "-i", "megabytes=3000")
    assert over.returncode == 1
    told = PAGE.partition("```\nmarket.Publish(): ")[2].partition("\n```")[0]
    assert told in " ".join(over.stdout.split())


@pytest.mark.slow
def test_doctor_tells_of_a_bootstrap_that_fails(project):
    (project / "pipelines" / "setup.py").write_text("def prepare():\n    raise ValueError('no database')\n")
    done = specloom(project, "doctor")
    assert done.returncode == 1
    assert "the bootstrap pipelines.setup:prepare failed: ValueError: no database" in done.stdout


@pytest.mark.slow
def test_doctor_tells_where_there_is_no_sandbox(project):
    text = (project / "specloom.toml").read_text()
    if "sandbox" not in text:
        text = text.replace("[tools.web] ", 'sandbox = "bwrap"\n[tools.web] ')
        (project / "specloom.toml").write_text(text)
    empty = project / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(empty), "COLUMNS": "200"}
    command = [sys.executable, "-c", SPECLOOM, "doctor"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'asks for sandbox = "bwrap", and there is no bwrap on the PATH: install bubblewrap' in done.stdout
