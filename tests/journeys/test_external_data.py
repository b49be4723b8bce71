"""A stage that needs what nobody builds: the run waits, a restart later too, and looks at once when it is asked to."""

from pathlib import Path

import pytest

from tests.journeys.server import serving

PIPELINE = '''\
import luigi


class Delivery(luigi.ExternalTask):
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(self.folder + "/delivery.csv")


class Report(luigi.Task):
    """Copy the delivery."""

    folder = luigi.Parameter()

    def requires(self):
        return Delivery(folder=self.folder)

    def output(self):
        return luigi.LocalTarget("report.txt")

    def run(self):
        with self.input().open() as source, self.output().open("w") as target:
            target.write(source.read())
'''
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: report}
inputs: {folder: {type: string, format: path}}
outputs: {text: "${ nodes.report.result.data }"}
start: report
nodes:
  report: {luigi: outside.Report@*, with: {folder: "${ inputs.folder }"}, read: text, next: end}
"""


@pytest.mark.parametrize("poll", ["1h", "500ms"])
def test_a_run_waits_for_what_nobody_builds_and_goes_on_when_it_is_there(tmp_path: Path, poll: str) -> None:
    (tmp_path / "outside.py").write_text(PIPELINE)
    catalog = tmp_path / "specloom.toml"
    catalog.write_text(f'[luigi.outside]\nmodules = ["outside"]\npath = ["."]\npoll = "{poll}"\n')
    with serving(tmp_path, catalog) as server:
        server.post_spec(SPEC)
        run = server.post("/specs/report/execute", {"inputs": {"folder": str(tmp_path)}})["id"]
        waits = server.until(run, "waiting")["waiting_for"]
        assert [(one["kind"], one["node"]) for one in waits] == [("external", "report")]
        assert f"{tmp_path}/delivery.csv" in waits[0]["show"]["missing"]
        if poll == "1h":
            server.post(f"/runs/{run}/resume", {})
            server.until(run, "waiting")
    with serving(tmp_path, catalog) as server:
        (tmp_path / "delivery.csv").write_text("1,2,3")
        if poll == "1h":
            server.post(f"/runs/{run}/resume", {})
        assert server.until(run, "succeeded")["outputs"] == {"text": "1,2,3"}
        events = server.get(f"/runs/{run}/events?limit=1000")["items"]
        assert not [one for one in events if one["type"] == "step.crashed"]
