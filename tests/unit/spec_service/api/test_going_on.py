"""Runs that are retried, and runs that go on without an answer."""

import time

import pytest

YAML = {"Content-Type": "application/yaml"}
TWO = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: going-on}
inputs: {seconds: {type: number}}
start: first
nodes:
  first: {tool: shelf.echo@1, with: {text: a}, next: second}
  second: {tool: shelf.nap@1, with: {seconds: "${ inputs.seconds }"}, next: end}
"""


def started(client, seconds):
    client.post("/specs", content=TWO, headers=YAML)
    return client.post("/specs/going-on/execute", json={"inputs": {"seconds": seconds}}).json()["id"]


def until(client, run, condition):
    end = time.monotonic() + 30
    shown = {}
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()
        if condition(shown):
            return shown
        time.sleep(0.02)
    return pytest.fail(f"the run is still {shown}")


def begun(client, run, step) -> int:
    items = client.get(f"/runs/{run}/events").json()["items"]
    return sum((one["type"], one["node"]) == ("step.started", step) for one in items)


def refused(answer, status, name):
    assert (answer.status_code, answer.json()["name"]) == (status, name)


def test_a_cancelled_run_is_retried_and_what_succeeded_is_not_run_again(client):
    run = started(client, 600)
    until(client, run, lambda _: begun(client, run, "second") == 1)
    refused(client.post(f"/runs/{run}/retry"), 409, "not-retryable")
    client.post(f"/runs/{run}/cancel")
    until(client, run, lambda shown: shown["status"] == "cancelled")
    answer = client.post(f"/runs/{run}/retry")
    assert answer.status_code == 202
    assert {key: answer.json()[key] for key in ("status", "attempts", "cancel_requested", "finished_at")} == {
        "status": "queued",
        "attempts": 1,
        "cancel_requested": False,
        "finished_at": None,
    }
    until(client, run, lambda _: begun(client, run, "second") == 2)
    assert begun(client, run, "first") == 1
    events = client.get(f"/runs/{run}/events").json()["items"]
    assert [one["data"] for one in events if one["type"] == "run.retried"] == [{"after": 1}]
    assert [one["data"]["kind"] for one in events if one["type"] == "run.started"] == ["start", "retry"]
    client.post(f"/runs/{run}/cancel")


def test_a_retry_takes_no_fields(client):
    refused(client.post("/runs/nobody/retry"), 404, "unknown-run")
    refused(client.post("/runs/nobody/retry", json={"from": "first"}), 422, "unknown-field")
    refused(client.post("/runs/nobody/cancel", json={"why": "x"}), 422, "unknown-field")


def test_a_run_that_is_executed_is_left_alone(client):
    run = started(client, 600)
    shown = until(client, run, lambda shown: shown["usage"]["tool_calls"] == 1)
    assert shown["status"] == "running"
    answer = client.post(f"/runs/{run}/resume")
    assert (answer.status_code, answer.json()) == (200, shown)
    assert client.post(f"/runs/{run}/resume", json={}).status_code == 200
    refused(client.post(f"/runs/{run}/resume", json={"answer": None}), 409, "not-waiting")
    client.post(f"/runs/{run}/cancel")


def test_a_run_that_has_ended_does_not_go_on(client):
    run = started(client, 0)
    until(client, run, lambda shown: shown["status"] == "succeeded")
    refused(client.post(f"/runs/{run}/resume", json={}), 409, "run-ended")
    refused(client.post(f"/runs/{run}/retry"), 409, "not-retryable")
