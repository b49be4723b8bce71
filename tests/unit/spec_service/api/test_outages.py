"""What callers are told while nothing can be written, and that runs go on afterwards."""

import time

import pytest

from spec_service.settings import Settings
from workflows.failpoints import arm

YAML = {"Content-Type": "application/yaml"}
STEPS = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: steps}
limits: {steps: 50}
outputs: {last: "${ nodes.c.result.slept }"}
start: a
nodes:
  a: {tool: shelf.nap@1, with: {seconds: 0.05}, next: b}
  b: {tool: shelf.nap@1, with: {seconds: 0.05}, next: c}
  c: {tool: shelf.nap@1, with: {seconds: 0.05}, next: end}
"""


@pytest.fixture
def settings(tmp_path, catalog):
    return Settings(data=tmp_path / "data", catalog=catalog, port=0, drain_seconds=5)


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    arm("")


def post_steps(client) -> str:
    answer = client.post("/specs", content=STEPS, headers=YAML)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def until(look, wanted):
    end = time.monotonic() + 30
    while (found := look()) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.02)


def test_a_full_disk_refuses_new_runs_and_the_server_says_that_it_is_not_ready(run_server, settings):
    with run_server(settings) as server, server.client() as client:
        until(lambda: client.get("/readyz").status_code, 200)
        spec = post_steps(client)
        arm("flush.before:1-:disk-full")
        refused = client.post(f"/specs/{spec}/execute", json={})
        assert (refused.status_code, refused.json()["name"]) == (503, "journal-failed")
        assert "No space left on device; make room" in refused.json()["detail"]
        assert refused.headers["Retry-After"] == "1"
        assert client.get("/readyz").status_code == 503
        assert client.get("/runs").json()["items"] == []
        arm("")
        until(lambda: client.get("/readyz").status_code, 200)
        run = client.post(f"/specs/{spec}/execute?wait=true", json={}).json()
        assert run["status"] == "succeeded"


@pytest.mark.parametrize("flush", range(2, 9))
def test_a_run_goes_on_whichever_of_its_flushes_fails(run_server, settings, flush):
    with run_server(settings) as server, server.client() as client:
        spec = post_steps(client)
        arm(f"flush.before:{flush}:error")
        run = client.post(f"/specs/{spec}/execute", json={}).json()
        until(lambda: client.get(f"/runs/{run['id']}").json()["status"], "succeeded")
        events = client.get(f"/runs/{run['id']}/events?limit=1000").json()["items"]
        assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
        done = [one["node"] for one in events if one["type"] == "step.succeeded"]
        assert done == ["a", "b", "c"]


def test_new_runs_wait_while_more_is_queued_than_can_be_written(run_server, settings, monkeypatch):
    with run_server(settings) as server, server.client() as client:
        spec = post_steps(client)
        assert client.post(f"/specs/{spec}/execute?wait=true", json={}).json()["status"] == "succeeded"
        monkeypatch.setattr("spec_service.storage.journal.MAX_UNITS", -1)
        assert client.post(f"/specs/{spec}/execute", json={}).status_code == 202
        refused = client.post(f"/specs/{spec}/execute", json={})
        assert (refused.status_code, refused.json()["name"]) == (503, "not-ready")
        assert refused.headers["Retry-After"] == "1"
