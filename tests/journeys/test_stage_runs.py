"""A run of one stage alone outlives its server."""

from __future__ import annotations

import time
from pathlib import Path

from tests.journeys.server import PATIENCE, serving

STAGES = '''
import os, time
import luigi


class First(luigi.Task):
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("first.txt")

    def run(self):
        with open(self.folder + "/first.log", "a") as file:
            file.write("ran ")
        with self.output().open("w") as file:
            file.write("first")


class Second(luigi.Task):
    """Wait for a file to appear."""
    folder = luigi.Parameter()

    def requires(self):
        return First(folder=self.folder)

    def output(self):
        return luigi.LocalTarget("second.txt")

    def run(self):
        with open(self.folder + "/begun", "w") as file:
            file.write("yes")
        while not os.path.exists(self.folder + "/gate"):
            time.sleep(0.02)
        with self.output().open("w") as file:
            file.write("second")
'''


def appears(file: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < end, f"{file} does not appear"
        time.sleep(0.02)


def test_a_run_of_one_stage_goes_on_after_a_kill(tmp_path: Path):
    (tmp_path / "gated.py").write_text(STAGES)
    catalog = tmp_path / "specloom.toml"
    catalog.write_text('[luigi.gated]\nmodules = ["gated"]\npath = ["."]\n')
    body = {"inputs": {"folder": str(tmp_path)}, "idempotency_key": "gated-1", "read": "text"}
    with serving(tmp_path, catalog) as server:
        run = server.post("/stages/gated.Second/run", body, status=202)
        appears(tmp_path / "begun")
        assert server.client.get(f"/results/{run['id']}").status_code == 202
        server.kill()
    (tmp_path / "gate").touch()
    with serving(tmp_path, catalog) as server:
        done = server.until(run["id"], "succeeded")
        assert done["outputs"]["data"] == "second"
        assert (tmp_path / "first.log").read_text() == "ran "
        again = server.post("/stages/gated.Second/run", body, status=202)
        assert again["id"] == run["id"]
        assert server.get(f"/results/{run['id']}")["status"] == "success"
