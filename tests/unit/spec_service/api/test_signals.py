"""The doors of signals: what they take, and what becomes of a signal that nothing waits for."""

import time
import uuid

import pytest

YAML = {"Content-Type": "application/yaml"}
ASK = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: signalled}
start: ask
nodes:
  ask:
    human: {title: "Go?"}
    result: {type: string}
    next: end
"""


@pytest.fixture
def waiting(client) -> str:
    spec = client.post("/specs", content=ASK, headers=YAML).json()["id"]
    run = client.post(f"/specs/{spec}/execute").json()["id"]
    end = time.monotonic() + 30
    while client.get(f"/runs/{run}").json()["status"] != "waiting":
        assert time.monotonic() < end
        time.sleep(0.02)
    return run


def refused(answer, status, name):
    assert (answer.status_code, answer.json()["name"]) == (status, name)


def signals(client, run) -> list[dict]:
    events = client.get(f"/runs/{run}/events").json()["items"]
    return [one["data"] for one in events if one["type"] == "signal.received"]


def test_a_signal_that_comes_early_is_kept_and_told(client, waiting):
    answer = client.post(f"/runs/{waiting}/signals/paid", json={"data": {"amount": 12}, "key": "a"})
    assert (answer.status_code, answer.json()["status"]) == (202, "waiting")
    assert signals(client, waiting) == [{"name": "paid", "key": "a", "is_kept": True}]


def test_a_signal_needs_no_body(client, waiting):
    assert client.post(f"/runs/{waiting}/signals/paid").status_code == 202


def test_the_same_signal_twice_with_a_key_of_the_request_is_one(client, waiting):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post(f"/runs/{waiting}/signals/paid", json={"data": 1}, headers=key)
    again = client.post(f"/runs/{waiting}/signals/paid", json={"data": 1}, headers=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert len(signals(client, waiting)) == 1
    refused(client.post(f"/runs/{waiting}/signals/paid", json={"data": 2}, headers=key), 422, "idempotency-mismatch")


def test_signals_to_nobody_are_refused(client, waiting):
    refused(client.post("/runs/nobody/signals/paid"), 404, "unknown-run")
    client.post(f"/runs/{waiting}/cancel")
    refused(client.post(f"/runs/{waiting}/signals/paid"), 409, "run-ended")


@pytest.mark.parametrize("name", ["a-b", "1st", "a b", "ü", "x" * 64])
def test_odd_names_are_refused(client, waiting, name):
    refused(client.post(f"/runs/{waiting}/signals/{name}"), 422, "bad-name")
    refused(client.post(f"/signals/{name}", json={"key": "k"}), 422, "bad-name")


@pytest.mark.parametrize(
    ("body", "name", "path"),
    [
        ({"dta": 1}, "unknown-field", "/dta"),
        ({"key": 1}, "wrong-type", "/key"),
        ({"key": ""}, "out-of-range", "/key"),
        ({"key": "x" * 513}, "out-of-range", "/key"),
        ([], "wrong-type", ""),
    ],
)
def test_odd_bodies_are_refused(client, waiting, body, name, path):
    for door in (f"/runs/{waiting}/signals/paid", "/signals/paid"):
        answer = client.post(door, json=body)
        refused(answer, 422, name)
        assert answer.json()["problems"][0]["path"] == path


def test_a_signal_to_no_run_needs_a_key_and_is_kept(client):
    refused(client.post("/signals/paid", json={"data": 1}), 422, "missing-field")
    answer = client.post("/signals/paid", json={"key": "order-1", "data": 1})
    assert answer.status_code == 202
    assert answer.json() == {"name": "paid", "key": "order-1", "delivered_to": [], "is_kept": True}
