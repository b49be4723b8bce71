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
    next: paid
  paid: {wait: {signal: paid}, next: end}
"""


PAY = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
inputs: {order: {type: string}}
outputs: {got: "${ nodes.pay.result.amount }"}
start: first
nodes:
  first:
    human: {title: "Go?"}
    result: {type: string}
    next: pay
  pay:
    wait: {signal: paid, key: "${ inputs.order }"}
    result: {type: object, properties: {amount: {type: integer}}, required: [amount]}
    next: end
"""


def until(client, run, *statuses) -> dict:
    end = time.monotonic() + 30
    while True:
        shown = client.get(f"/runs/{run}").json()
        if shown["status"] in statuses:
            return shown
        assert time.monotonic() < end, shown
        time.sleep(0.02)


@pytest.fixture
def waiting(client) -> str:
    spec = client.post("/specs", content=ASK, headers=YAML).json()["id"]
    run = client.post(f"/specs/{spec}/execute").json()["id"]
    until(client, run, "waiting")
    return run


@pytest.fixture
def order() -> str:
    return f"order-{uuid.uuid4()}"


@pytest.fixture
def asking(client, order):
    """Start a run that asks a person first, and waits for the order's signal then."""

    def start() -> str:
        spec = client.post("/specs", content=PAY.replace("NAME", "pays"), headers=YAML).json()["id"]
        run = client.post(f"/specs/{spec}/execute", json={"inputs": {"order": order}}).json()["id"]
        until(client, run, "waiting")
        return run

    return start


@pytest.fixture
def paying(client, asking):
    """Start a run that waits for the order's signal."""

    def start() -> str:
        run = asking()
        client.post(f"/runs/{run}/resume", json={"answer": "go"})
        end = time.monotonic() + 30
        while [one["kind"] for one in until(client, run, "waiting")["waiting_for"]] != ["signal"]:
            assert time.monotonic() < end
            time.sleep(0.02)
        return run

    return start


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


def test_a_signal_that_no_step_ever_waits_for_is_refused_with_those_that_are(client, waiting):
    answer = client.post(f"/runs/{waiting}/signals/payed")
    refused(answer, 422, "unknown-signal")
    assert answer.json()["problems"][0]["suggestion"] == "did you mean paid?"
    assert client.post(f"/runs/{waiting}/signals/refund").json()["problems"][0]["suggestion"] == "it waits for paid"


def test_what_the_wait_does_not_take_is_refused_and_the_run_still_waits(client, paying):
    run = paying()
    answer = client.post(f"/runs/{run}/signals/paid", json={"data": {"amount": "12"}})
    refused(answer, 422, "invalid-answer")
    assert answer.json()["problems"][0]["path"] == "/data/amount"
    assert client.post(f"/runs/{run}/signals/paid", json={"data": {"amount": 12}}).status_code == 202  # needs no key
    assert until(client, run, "succeeded", "failed")["outputs"] == {"got": 12}


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


def test_a_run_that_waits_goes_on_with_what_the_signal_carries(client, paying, order):
    run = paying()
    (waits,) = until(client, run, "waiting")["waiting_for"]
    assert (waits["kind"], waits["node"], waits["signal"], waits["key"]) == ("signal", "pay", "paid", order)
    assert client.post(f"/runs/{run}/signals/paid", json={"data": {"amount": 1}, "key": "other"}).status_code == 202
    answer = client.post(f"/runs/{run}/signals/paid", json={"data": {"amount": 12}, "key": order})
    assert (answer.status_code, answer.json()["status"], answer.json()["waiting_for"]) == (202, "queued", [])
    assert until(client, run, "succeeded", "failed")["outputs"] == {"got": 12}


def test_a_signal_that_came_early_is_what_the_wait_gets(client, asking, order):
    run = asking()
    client.post(f"/runs/{run}/signals/paid", json={"data": {"amount": 7}, "key": order})
    client.post(f"/runs/{run}/resume", json={"answer": "go"})
    assert until(client, run, "succeeded", "failed")["outputs"] == {"got": 7}


def test_a_signal_by_key_goes_to_every_run_that_waits_for_it(client, paying, order):
    runs = {paying(), paying()}
    answer = client.post("/signals/paid", json={"key": order, "data": {"amount": 3}}).json()
    assert (set(answer["delivered_to"]), answer["is_kept"]) == (runs, False)
    assert [until(client, run, "succeeded", "failed")["outputs"] for run in runs] == [{"got": 3}] * 2


def test_a_signal_by_key_is_kept_for_the_first_run_that_waits_for_it(client, asking, paying, order):
    assert client.post("/signals/paid", json={"key": order, "data": {"amount": 9}}).json()["is_kept"]
    run = asking()
    client.post(f"/runs/{run}/resume", json={"answer": "go"})
    assert until(client, run, "succeeded", "failed")["outputs"] == {"got": 9}
    assert until(client, paying(), "waiting")["waiting_for"][0]["kind"] == "signal"


def test_a_person_cannot_answer_for_a_signal(client, paying):
    run = paying()
    answer = client.post(f"/runs/{run}/resume", json={"answer": {"amount": 1}})
    refused(answer, 409, "not-waiting")
    assert f"POST /runs/{run}/signals/paid" in answer.json()["detail"]
    without = client.post(f"/runs/{run}/resume")
    refused(without, 422, "answer-needed")
    assert "pay waits for the signal paid" in without.json()["detail"]
