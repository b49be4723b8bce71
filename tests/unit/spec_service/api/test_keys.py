"""One key, one effect, one answer."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

YAML = {"Content-Type": "application/yaml"}
ASK = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: keyed}
inputs: {number: {type: integer, default: 1}}
outputs: {verdict: "${ nodes.ask.result }"}
start: ask
nodes:
  ask:
    human: {title: "Go?"}
    result: {type: ["string", "null"]}
    next: end
"""


@pytest.fixture
def spec(client) -> str:
    return client.post("/specs", content=ASK, headers=YAML).json()["id"]


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


@pytest.fixture
def waiting(client, spec) -> str:
    run = client.post(f"/specs/{spec}/execute").json()["id"]
    return until(client, run, "waiting")["id"]


def until(client, run, status):
    end = time.monotonic() + 30
    shown = {"status": "unknown"}
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()
        if shown["status"] == status:
            return shown
        time.sleep(0.02)
    return pytest.fail(f"the run is still {shown['status']}")


def count(client, label) -> int:
    return len(client.get(f"/runs?label=batch={label}").json()["items"])


def types(client, run) -> list[str]:
    return [one["type"] for one in client.get(f"/runs/{run}/events").json()["items"]]


def assert_replayed(first, again):
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)


def refused(answer, status, name):
    assert (answer.status_code, answer.json()["name"]) == (status, name)


def test_the_same_execute_twice_is_one_run(client, spec, key):
    body = {"inputs": {"number": 7}, "labels": {"batch": key["Idempotency-Key"]}}
    first = client.post(f"/specs/{spec}/execute", json=body, headers=key)
    until(client, first.json()["id"], "waiting")
    again = client.post(f"/specs/{spec}/execute", json=body, headers=key)
    assert_replayed(first, again)
    assert again.headers["location"] == first.headers["location"]
    assert again.json()["inputs"] == {"number": 7}
    assert count(client, key["Idempotency-Key"]) == 1


def test_who_waits_is_told_how_the_run_of_the_key_stands(client, spec, key):
    first = client.post(f"/specs/{spec}/execute?wait=20", headers=key)
    again = client.post(f"/specs/{spec}/execute?wait=20", headers=key)
    assert first.json()["status"] == "waiting"
    assert_replayed(first, again)
    assert client.post(f"/specs/{spec}/execute", headers=key).json()["status"] == "queued"


def test_a_key_stands_for_one_body_and_one_door(client, spec, waiting, key):
    run = client.post(f"/specs/{spec}/execute", json={"inputs": {"number": 2}}, headers=key).json()["id"]
    refused(client.post(f"/specs/{spec}/execute", json={}, headers=key), 422, "idempotency-mismatch")
    body = {"inputs": {"number": 2}}
    refused(client.post("/specs/keyed/execute", json=body, headers=key), 422, "idempotency-mismatch")
    refused(client.post(f"/runs/{waiting}/cancel", headers=key), 422, "idempotency-mismatch")
    assert client.get(f"/runs/{waiting}").json()["status"] == "waiting"
    assert client.post(f"/specs/{spec}/execute", json=body, headers=key).json()["id"] == run


def test_a_refusal_uses_no_key_up(client, spec, waiting, key):
    wrong = {"inputs": {"number": "x"}}
    refused(client.post(f"/specs/{spec}/execute", json=wrong, headers=key), 422, "invalid-inputs")
    refused(client.post(f"/runs/{waiting}/retry", headers=key), 409, "not-retryable")
    refused(client.post(f"/runs/{waiting}/resume", headers=key), 422, "answer-needed")
    answer = client.post(f"/runs/{waiting}/resume", json={"answer": "yes"}, headers=key)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (202, False)


@pytest.mark.parametrize("text", ["", "a b", "é", "x" * 256])
def test_a_key_is_visible_ascii(client, spec, text):
    headers = {"Idempotency-Key": text.encode("latin-1")}
    refused(client.post(f"/specs/{spec}/execute", headers=headers), 400, "invalid-request")
    two = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    refused(client.post(f"/specs/{spec}/execute", headers=two), 400, "invalid-request")
    longest = {"Idempotency-Key": uuid.uuid4().hex.ljust(255, "~")}
    assert client.post(f"/specs/{spec}/execute", headers=longest).status_code == 202


def test_requests_with_one_key_at_the_same_time_are_done_once(server, client, spec, key):
    body = {"labels": {"batch": key["Idempotency-Key"]}}

    def post(_: int):
        with server.client() as own:
            return own.post(f"/specs/{spec}/execute", json=body, headers=key)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(8)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.content for one in answers}) == 1
    assert sum("idempotent-replayed" not in one.headers for one in answers) == 1
    assert count(client, key["Idempotency-Key"]) == 1


def test_the_same_answer_twice_is_taken_once(server, client, waiting, key):
    def post(_: int):
        with server.client() as own:
            return own.post(f"/runs/{waiting}/resume", json={"answer": None}, headers=key)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, range(4)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.content for one in answers}) == 1
    assert answers[0].json()["waiting_for"] == []
    assert until(client, waiting, "succeeded")["outputs"] == {"verdict": None}
    assert post(0).content == answers[0].content
    assert types(client, waiting).count("run.resumed") == 1


def test_cancel_and_retry_with_keys(client, waiting, key):
    first = client.post(f"/runs/{waiting}/cancel", headers=key)
    assert first.json() == client.get(f"/runs/{waiting}").json()
    assert_replayed(first, client.post(f"/runs/{waiting}/cancel", headers=key))
    retry = {"Idempotency-Key": str(uuid.uuid4())}
    again = client.post(f"/runs/{waiting}/retry", headers=retry)
    assert (again.json()["status"], again.json()["cancel_requested"], again.json()["finished_at"]) == (
        "queued",
        False,
        None,
    )
    until(client, waiting, "waiting")
    assert_replayed(again, client.post(f"/runs/{waiting}/retry", headers=retry))
    assert_replayed(first, client.post(f"/runs/{waiting}/cancel", headers=key))
    assert types(client, waiting).count("run.retried") == 1
    assert client.get(f"/runs/{waiting}").json()["status"] == "waiting"
