"""Bad and odd inputs over real HTTP; the inputs and their answers lie beside the checkout, not in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.server import ROOT, serving

CASES = ROOT.parent / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not there: its inputs cannot be sent")
def test_every_input_gets_its_answer(tmp_path: Path) -> None:
    with serving(tmp_path, CASES / "specloom.toml") as server:
        command = [sys.executable, CASES / "run_cases.py", str(server.client.base_url), "--slack", "20", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert found["failed"] == {}
    assert found["passed"] > 70
