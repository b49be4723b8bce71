"""A fork has files of its own: it reads what was taken over when the old run is gone, and changes nothing of it."""

import shutil
import time
from pathlib import Path

import pytest

from spec_service.settings import Settings

YAML = {"Content-Type": "application/yaml"}
STAGES = """
import luigi

class Base(luigi.Task):
    word = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("base.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(self.word)

class Report(luigi.Task):
    word = luigi.Parameter()

    def requires(self):
        return Base(word=self.word)

    def output(self):
        return luigi.LocalTarget("report.txt")

    def run(self):
        with self.input().open() as below, self.output().open("w") as file:
            file.write("report of " + below.read())
"""
TOOLS = '''
import time
from pathlib import Path
from langchain_core.tools import tool

@tool
def add(text: str) -> dict:
    """Write at the end of a file that an earlier step has made, and count the runs of this."""
    with open("base.txt", "a") as file:
        file.write(text)
    return {"now": Path("base.txt").read_text(), "padding": "x" * 40_000, "uri": text}

@tool
def slow(seconds: float) -> dict:
    """Take a while."""
    time.sleep(seconds)
    return {}

@tool
def large(file: str) -> dict:
    """Return a large result that names an artifact."""
    return {"file": file, "padding": "x" * 40_000}
'''
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: files}
inputs: {word: {type: string, default: tin}}
outputs: {base: "${ nodes.base.result.outputs.uri }", report: "${ nodes.report.result.data }",
  now: "${ nodes.add.result.now }", file: "${ nodes.large.result.file }"}
start: base
nodes:
  base: {luigi: s.Base@*, with: {word: "${ inputs.word }"}, next: large}
  large: {tool: t.large@1, with: {file: "${ nodes.base.result.outputs.uri }"}, next: add}
  add: {tool: t.add@1, with: {text: "${ inputs.word }"}, next: report}
  report: {luigi: s.Report@*, with: {word: "${ inputs.word }"}, read: text, next: end}
"""


@pytest.fixture
def home(tmp_path, run_server):
    (tmp_path / "forked_stages.py").write_text(STAGES)
    (tmp_path / "forked_tools.py").write_text(TOOLS)
    catalog = '[tools.t]\nmodules = ["forked_tools"]\npath = ["."]\nversion = "1.0.0"\n'
    catalog += '[luigi.s]\nmodules = ["forked_stages"]\npath = ["."]\nversion = "1.0.0"\n'
    (tmp_path / "specloom.toml").write_text(catalog)
    with run_server(Settings(data=tmp_path / "data", catalog=tmp_path / "specloom.toml", port=0)) as started:
        yield started


def ended(client, run: str) -> dict:
    end = time.monotonic() + 30
    while (shown := client.get(f"/runs/{run}").json())["status"] in {"queued", "running"}:
        assert time.monotonic() < end
        time.sleep(0.02)
    return shown


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_fork_has_files_of_its_own(home):
    with home.client() as client:
        client.post("/specs", content=SPEC, headers=YAML)
        old = client.post("/specs/files/execute?wait=30", json={}).json()
        assert old["outputs"]["now"] == "tintin", old
        runs = home.settings.data / "runs"
        before = contents(runs / old["id"])
        made = client.post(f"/runs/{old['id']}/fork", json={"at": "add", "inputs": {"word": "lead"}}).json()
        new = ended(client, made["id"])
        assert new["status"] == "succeeded", new
        assert contents(runs / old["id"]) == before
        # what `add` writes into is the copy: of what the old one's `add` had written too, since it is the same file
        assert new["outputs"]["now"].endswith("lead")
        assert new["outputs"]["base"] == f"specloom://runs/{new['id']}/artifacts/base.txt"
        assert new["outputs"]["file"] == new["outputs"]["base"]
        started = [
            one for one in client.get(f"/runs/{new['id']}/events").json()["items"] if one["type"] == "step.started"
        ]
        assert [one["node"] for one in started] == ["add", "report"]
        shutil.rmtree(runs / old["id"])
        assert client.post(f"/runs/{new['id']}/replay").json()["differences"] == []
        again = client.post(f"/runs/{new['id']}/fork", json={"at": "report"}).json()
        assert ended(client, again["id"])["status"] == "succeeded"
        kept = client.get(f"/runs/{new['id']}/artifacts").json()["items"]
        assert "base.txt" in {one["path"] for one in kept}
        assert client.get(f"/runs/{new['id']}/artifacts/base.txt").text.endswith("lead")


def test_targets_of_what_is_done_anew_are_not_taken_over(home):
    with home.client() as client:
        client.post("/specs", content=SPEC, headers=YAML)
        old = client.post("/specs/files/execute?wait=30", json={}).json()
        made = client.post(f"/runs/{old['id']}/fork", json={"at": "base", "inputs": {"word": "lead"}}).json()
        new = ended(client, made["id"])
        assert new["outputs"]["now"] == "leadlead", new
        assert new["outputs"]["report"] == "report of leadlead"


SLOW = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: slow}
start: ask
nodes:
  ask: {human: {title: Go on?}, next: slow}
  slow: {tool: t.slow@1, with: {seconds: 600}, next: end}
"""


def test_a_run_that_waits_or_was_cancelled_is_forked_and_one_on_its_way_is_not(home):
    with home.client() as client:
        client.post("/specs", content=SLOW, headers=YAML)
        run = client.post("/specs/slow/execute?wait=30", json={}).json()
        assert run["status"] == "waiting"
        made = client.post(f"/runs/{run['id']}/fork", json={"at": "ask"}).json()
        assert ended(client, made["id"])["status"] == "waiting"
        client.post(f"/runs/{made['id']}/resume", json={"answer": "yes"})
        refused = client.post(f"/runs/{made['id']}/fork", json={"at": "ask"})
        assert (refused.status_code, refused.json()["name"]) == (409, "not-forkable")
        client.post(f"/runs/{made['id']}/cancel")
        assert ended(client, made["id"])["status"] == "cancelled"
        third = client.post(f"/runs/{made['id']}/fork", json={"at": "slow"})
        assert third.json()["forked_from"]["taken"] == 1, third.text
        client.post(f"/runs/{third.json()['id']}/cancel")
        assert ended(client, third.json()["id"])["status"] == "cancelled"
