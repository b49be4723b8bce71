"""Runs that failed are tried again, and requests that may be lost are sent again."""

import uuid
from pathlib import Path

import httpx2
import pytest

from tests.journeys.server import ROOT, Server, serving

PIPELINE = '''\
import pathlib

import luigi


class Base(luigi.Task):
    """Counts how often it runs, beside the project."""

    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget("base.txt")

    def run(self):
        with pathlib.Path(self.folder, "count").open("a") as file:
            file.write("base\\n")
        with self.output().open("w") as file:
            file.write("base")


class Fragile(luigi.Task):
    """Fails until a file exists."""

    folder = luigi.Parameter()

    def requires(self):
        return Base(folder=self.folder)

    def output(self):
        return luigi.LocalTarget("fragile.txt")

    def run(self):
        text = pathlib.Path(self.folder, "mended").read_text()
        with self.output().open("w") as file:
            file.write(text)
'''
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: fragile}
inputs: {folder: {type: string, format: path}}
outputs: {file: "${ nodes.build.result.outputs.uri }"}
start: greet
nodes:
  greet: {tool: words.count@1, with: {folder: "${ inputs.folder }"}, next: build}
  build: {luigi: fragile.Fragile@*, with: {folder: "${ inputs.folder }"}, next: end}
"""
TOOL = '''\
import pathlib

from langchain_core.tools import tool


@tool
def count(folder: str) -> dict:
    """Note that it was called."""
    with pathlib.Path(folder, "calls").open("a") as file:
        file.write("called\\n")
    return {}
'''
ASK = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: ask}
outputs: {verdict: "${ nodes.ask.result }"}
start: ask
nodes:
  ask: {human: {title: "Go?"}, result: {type: string}, next: end}
"""
CATALOG = """\
[luigi.fragile]
modules = ["pipelines.fragile"]
path = ["."]
[tools.words]
modules = ["words"]
path = ["."]
version = "1.0.0"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pipelines").mkdir(exist_ok=True)
    (tmp_path / "pipelines/fragile.py").write_text(PIPELINE)
    (tmp_path / "words.py").write_text(TOOL)
    (tmp_path / "specloom.toml").write_text(CATALOG)
    (tmp_path / "fragile.yaml").write_text(SPEC)
    return tmp_path


def assert_once(project: Path) -> None:
    """What succeeded in the first attempt was not run again."""
    assert (project / "count").read_text() == "base\n"
    assert (project / "calls").read_text() == "called\n"


def test_a_failed_run_is_retried_over_http(project: Path) -> None:
    with serving(project, project / "specloom.toml") as server:
        server.post_spec(SPEC)
        run = server.post("/specs/fragile/execute?wait=60", {"inputs": {"folder": str(project)}})
        assert (run["status"], run["error"]["node"]) == ("failed", "build")
        again = server.post(f"/runs/{run['id']}/retry", status=202)
        assert (again["id"], again["status"], again["error"]) == (run["id"], "queued", None)
        server.until(run["id"], "failed")
        (project / "mended").write_text("mended")
        server.post(f"/runs/{run['id']}/retry", status=202)
        done = server.until(run["id"], "succeeded")
        assert (done["attempts"], done["error"]) == (3, None)
        uri = done["outputs"]["file"].removeprefix("specloom:/")
        assert server.client.get(uri).text == "mended"
        refused = server.client.post(f"/runs/{run['id']}/retry")
        assert (refused.status_code, refused.json()["name"]) == (409, "not-retryable")
        assert_once(project)
        events = server.events(run["id"])
        assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
        assert [one["data"]["after"] for one in events if one["type"] == "run.retried"] == [1, 2]
        kept = server.get(f"/runs/{run['id']}/artifacts")["items"]
        everything = server.get(f"/runs/{run['id']}/artifacts?all=true")["items"]
        assert "fragile.txt" in {one["path"].rpartition("/")[2] for one in kept}
        hidden = [one for one in everything if one not in kept]
        assert hidden
        assert all(one["path"].startswith(".specloom/") for one in hidden)


@pytest.mark.parametrize("has_server", [False, True])
def test_a_failed_run_is_retried_at_the_command_line(specloom, project: Path, *, has_server: bool) -> None:
    def journey(*options: str) -> None:
        failed = specloom("run", "fragile.yaml", "-i", f"folder={project}", *options)
        assert failed.code == 1
        assert f"specloom retry {failed.run_id}" in failed.out
        resumed = specloom("resume", failed.run_id, *options)
        assert (resumed.code, f"specloom retry {failed.run_id}" in resumed.err) == (1, True)
        retried = specloom("retry", failed.run_id, *options)
        assert retried.code == 1
        assert "tries again what failed" in retried.out
        (project / "mended").write_text("mended")
        mended = specloom("retry", failed.run_id, *options)
        assert (mended.code, mended.err) == (0, "")
        assert "fragile@r1 succeeded" in mended.out
        over = specloom("retry", failed.run_id, *options)
        assert (over.code, over.out) == (1, "")
        assert "cannot be retried: it has succeeded" in over.err
        assert_once(project)

    if not has_server:
        journey()
        return
    with serving(project, project / "specloom.toml") as server:
        journey("--server", str(server.client.base_url))


def keyed(server: Server, path: str, body: object, key: str) -> httpx2.Response:
    return server.client.post(path, json=body, headers={"Idempotency-Key": key})


def test_the_same_request_sent_twice_is_done_once(tmp_path: Path) -> None:
    key = str(uuid.uuid4())
    with serving(tmp_path) as server:
        server.post_spec((ROOT / "specs/library/hello.yaml").read_bytes())
        first = keyed(server, "/specs/hello/execute", {"inputs": {"name": "Ann"}}, key)
        run = server.until(first.json()["id"], "succeeded")
    with serving(tmp_path) as server:
        again = keyed(server, "/specs/hello/execute", {"inputs": {"name": "Ann"}}, key)
        assert again.headers["idempotent-replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        other = keyed(server, "/specs/hello/execute", {"inputs": {"name": "Bob"}}, key)
        assert (other.status_code, other.json()["name"]) == (422, "idempotency-mismatch")
        assert [one["id"] for one in server.get("/runs")["items"]] == [run["id"]]


@pytest.mark.parametrize("flush", [1, 2])
def test_an_execute_is_sent_again_after_the_server_was_killed(tmp_path: Path, flush: int) -> None:
    key, body = str(uuid.uuid4()), {"inputs": {"name": "Ann"}}
    with serving(tmp_path, SPECLOOM_FAILPOINT=f"flush.after:{flush}") as server:
        server.post_spec((ROOT / "specs/library/hello.yaml").read_bytes())
        if flush == 1:  # the run is durable, and nobody was told
            with pytest.raises(httpx2.TransportError):
                keyed(server, "/specs/hello/execute", body, key)
        else:
            assert keyed(server, "/specs/hello/execute", body, key).status_code == 202
        server.process.wait(60)
    with serving(tmp_path) as server:
        answer = keyed(server, "/specs/hello/execute", body, key)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (202, "true")
        run = answer.json()["id"]
        server.until(run, "succeeded")
        assert [one["id"] for one in server.get("/runs")["items"]] == [run]


@pytest.mark.parametrize("point", ["flush.after:1", "answer.recorded:1"])
def test_an_answer_is_sent_again_after_the_server_was_killed(tmp_path: Path, point: str) -> None:
    key, body = str(uuid.uuid4()), {"answer": "yes"}
    with serving(tmp_path) as server:
        server.post_spec(ASK)
        run = server.post("/specs/ask/execute?wait=60")["id"]
    with serving(tmp_path, SPECLOOM_FAILPOINT=point) as server:
        with pytest.raises(httpx2.TransportError):
            keyed(server, f"/runs/{run}/resume", body, key)
        server.process.wait(60)
    with serving(tmp_path) as server:
        answer = keyed(server, f"/runs/{run}/resume", body, key)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (202, "true")
        assert server.until(run, "succeeded")["outputs"] == {"verdict": "yes"}
        assert [one["type"] for one in server.events(run)].count("run.resumed") == 1


def test_a_part_of_a_run_that_is_over_is_run_again_over_http(project: Path) -> None:
    (project / "mended").write_text("mended")
    with serving(project, project / "specloom.toml") as server:
        server.post_spec(SPEC)
        run = server.post("/specs/fragile/execute?wait=60", {"inputs": {"folder": str(project)}})
        assert run["status"] == "succeeded", run["error"]
        (project / "mended").write_text("mended twice")
        path = f"/runs/{run['id']}/rerun"
        again = server.post(path, {"from": "build"}, status=202)
        assert (again["id"], again["status"], again["outputs"]) == (run["id"], "queued", None)
        done = server.until(run["id"], "succeeded")
        assert server.client.get(done["outputs"]["file"].removeprefix("specloom:/")).text == "mended twice"
        assert_once(project)
        told = next(one["data"] for one in server.events(run["id"]) if one["type"] == "run.rerun")
        assert (told["from"], told["after"], len(told["redone"])) == ("build", 1, 1)
        unknown = server.client.post(path, json={"from": "biuld"})
        assert (unknown.status_code, unknown.json()["name"]) == (422, "unknown-node")
        assert unknown.json()["problems"][0]["suggestion"] == "did you mean build?"
        assert server.client.post(path, json={}).json()["name"] == "missing-field"
        server.post_spec(ASK)
        waiting = server.post("/specs/ask/execute?wait=60")
        refused = server.client.post(f"/runs/{waiting['id']}/rerun", json={"from": "ask"})
        assert (refused.status_code, refused.json()["name"]) == (409, "not-retryable")


@pytest.mark.parametrize("has_server", [False, True])
def test_a_part_of_a_run_is_run_again_at_the_command_line(specloom, project: Path, *, has_server: bool) -> None:
    (project / "mended").write_text("mended")

    def journey(*options: str) -> None:
        first = specloom("run", "fragile.yaml", "-i", f"folder={project}", *options)
        assert first.code == 0
        task = "fragile.Base"
        again = specloom("runs", "rerun", first.run_id, "--from", task, *options)
        assert (again.code, again.err) == (0, ""), again
        assert f"is run again from {task}" in again.out
        assert (project / "count").read_text() == "base\nbase\n"
        assert (project / "calls").read_text() == "called\n"
        unknown = specloom("rerun", first.run_id, "--from", "nobody", *options)
        assert (unknown.code, "no node and no task of this name" in unknown.err) == (1, True)

    if not has_server:
        journey()
        return
    with serving(project, project / "specloom.toml") as server:
        journey("--server", str(server.client.base_url))
