"""What a stopped server leaves behind, the next one continues."""

import time

import pytest

from spec_service.errors import DataInUse, TokenNeeded
from spec_service.settings import Settings
from workflows.catalog_file import CatalogFileError

YAML = {"Content-Type": "application/yaml"}
ASK = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: ask}
outputs: {verdict: "${ nodes.ask.result.verdict }"}
start: ask
nodes:
  ask:
    human: {title: "Go?"}
    result: {type: object, required: [verdict], properties: {verdict: {type: string}}}
    next: end
"""
EXPIRING = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: expiring}
state: {late: {type: boolean, default: false}}
outputs: {late: "${ state.late }"}
start: ask
nodes:
  ask:
    human: {title: "Go?"}
    timeout: 1s
    catch: [{errors: [timeout], to: note}]
    next: end
  note:
    set: {late: true}
    next: end
"""
LATE = EXPIRING.replace("    catch: [{errors: [timeout], to: note}]\n", "").replace(
    "  note:\n    set: {late: true}\n    next: end\n", ""
)
STEPS = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: steps}
limits: {steps: 50}
outputs: {last: "${ nodes.c.result.slept }"}
start: a
nodes:
  a: {tool: shelf.nap@1, with: {seconds: 0.3}, next: b}
  b: {tool: shelf.nap@1, with: {seconds: 0.3}, next: c}
  c: {tool: shelf.nap@1, with: {seconds: 0.3}, next: end}
"""


def begin(client, text):
    spec = client.post("/specs", content=text, headers=YAML)
    assert spec.status_code == 201, spec.text
    return client.post(f"/specs/{spec.json()['id']}/execute", json={}).json()["id"]


def until(client, run, *statuses):
    end = time.monotonic() + 30
    shown = {"status": "unknown"}
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()
        if shown["status"] in statuses:
            return shown
        time.sleep(0.02)
    return pytest.fail(f"the run is still {shown['status']}")


def types(client, run) -> list[str]:
    return [one["type"] for one in client.get(f"/runs/{run}/events?limit=1000").json()["items"]]


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "specloom.toml").write_text("")
    return Settings(data=tmp_path / "data", catalog=tmp_path / "specloom.toml", port=0, drain_seconds=5)


def test_a_waiting_run_is_answered_after_a_restart(run_server, settings):
    with run_server(settings) as server, server.client() as client:
        run = begin(client, ASK)
        before = until(client, run, "waiting")
    with run_server(settings) as server, server.client() as client:
        assert client.get(f"/runs/{run}").json() == before
        assert client.post(f"/runs/{run}/resume", json={"answer": {"verdict": "yes"}}).status_code == 202
        assert until(client, run, "succeeded")["outputs"] == {"verdict": "yes"}
        numbers = [one["seq"] for one in client.get(f"/runs/{run}/events").json()["items"]]
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_busy_run_is_drained_and_goes_on_without_repeating_a_step(run_server, settings, catalog):
    settings = settings.model_copy(update={"catalog": catalog})
    with run_server(settings) as server, server.client() as client:
        run = begin(client, STEPS)
        until(client, run, "running")
    with run_server(settings) as server, server.client() as client:
        shown = until(client, run, "succeeded", "failed")
        assert (shown["status"], shown["attempts"], shown["outputs"]) == ("succeeded", 2, {"last": 0.3})
        told = types(client, run)
        assert told.count("run.drained") == 1
        assert told.count("step.succeeded") == 3


def test_the_end_of_patience_comes_by_itself(run_server, settings):
    with run_server(settings) as server, server.client() as client:
        run = begin(client, LATE)
        shown = until(client, run, "failed")
        assert shown["error"]["name"] == "timeout"
        assert "run.resumed" in types(client, run)


def test_the_end_of_patience_comes_after_a_restart_too(run_server, settings):
    with run_server(settings) as server, server.client() as client:
        run = begin(client, LATE)
        until(client, run, "waiting")
    time.sleep(1)
    with run_server(settings) as server, server.client() as client:
        assert until(client, run, "failed")["error"]["name"] == "timeout"


def test_a_stream_ends_when_the_server_stops(run_server, settings):
    with run_server(settings) as server, server.client() as client:
        run = begin(client, ASK)
        until(client, run, "waiting")
        with client.stream("GET", f"/runs/{run}/events", headers={"Accept": "text/event-stream"}) as answer:
            lines = answer.iter_lines()
            assert any("run.waiting" in line for line in lines)
            server.stop()
            assert [line for line in lines if line.startswith("id:")] == []


def test_a_second_server_on_the_same_data_is_refused(run_server, settings):
    with run_server(settings), pytest.raises(DataInUse), run_server(settings):
        pass


def test_beyond_loopback_a_token_is_needed(run_server, settings):
    changed = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104
    with pytest.raises(TokenNeeded), run_server(changed):
        pass


def test_a_catalog_file_that_was_named_must_be_there(run_server, settings, tmp_path):
    changed = settings.model_copy(update={"catalog": tmp_path / "absent.toml"})
    with pytest.raises(CatalogFileError), run_server(changed):
        pass
