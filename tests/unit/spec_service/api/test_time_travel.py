"""The doors through time: a run is replayed, forked and compared, over HTTP, with real rows and files."""

import sqlite3
import time

import pytest

from spec_service.settings import Settings

YAML = {"Content-Type": "application/yaml"}
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: travels}
inputs: {text: {type: string}, rounds: {type: integer, default: 2}}
state: {log: {type: array, reduce: append}, n: {type: integer, reduce: sum, default: 0}}
outputs: {log: "${ state.log }", n: "${ state.n }"}
start: first
nodes:
  first: {tool: shelf.echo@1, with: {text: "${ inputs.text }"}, save: {log: ["${ result }"]}, next: again}
  again:
    tool: shelf.echo@1
    with: {text: "${ inputs.text }"}
    save: {n: 1, log: [again]}
    next: [{when: "${ state.n < 2 }", to: again}, {else: end}]
limits: {steps: 20}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, catalog, run_server):
    data = tmp_path_factory.mktemp("travels")
    with run_server(Settings(data=data, catalog=catalog, port=0)) as started:
        yield started


@pytest.fixture
def client(home):
    with home.client() as opened:
        yield opened


def count(client) -> int:
    return len(client.get("/runs?limit=1000").json()["items"])


def ended(client, run):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()
        if shown["status"] not in {"queued", "running"}:
            return shown
        time.sleep(0.02)
    return pytest.fail("the run does not end")


def executed(client, text="tin", spec=SPEC):
    assert client.post("/specs", content=spec, headers=YAML).status_code in {200, 201}
    run = client.post("/specs/travels/execute?wait=30", json={"inputs": {"text": text}}).json()
    assert run["status"] == "succeeded", run
    return run


def problem(answer, status, name, path):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["name"], body["problems"][0]["path"]) == (name, path)
    return body["problems"][0]


def test_a_replay_tells_that_nothing_is_different_and_changes_nothing(client):
    run = executed(client)
    before, runs = client.get(f"/runs/{run['id']}/events").json(), count(client)
    answer = client.post(f"/runs/{run['id']}/replay").json()
    assert {name: answer[name] for name in ("is_same", "is_same_plan", "steps", "status_replayed", "differences")} == {
        "is_same": True, "is_same_plan": True, "steps": 3, "status_replayed": "succeeded", "differences": [],
    }  # fmt: skip
    assert answer["path_replayed"] == ["first", "again", "again"]
    assert client.get(f"/runs/{run['id']}/events").json() == before
    assert count(client) == runs


def test_a_record_that_somebody_changed_is_found(client, home):
    run = executed(client)
    with sqlite3.connect(home.settings.database) as database:
        sql = "UPDATE step_execution SET goto = 'first' WHERE run_id = ? AND goto = 'end'"
        assert database.execute(sql, (run["id"],)).rowcount == 1
    answer = client.post(f"/runs/{run['id']}/replay").json()
    assert not answer["is_same"]
    assert answer["differences"] == [
        {"step": "again", "visit": 2, "item": None, "what": "goto", "recorded": "first", "replayed": "end"}
    ]


def test_a_replay_with_another_text_tells_what_would_have_been(client):
    run = executed(client)
    other = SPEC.replace("state.n < 2", "state.n < 1")
    answer = client.post(f"/runs/{run['id']}/replay", json={"spec": other}).json()
    assert not answer["is_same_plan"]
    assert (answer["path_replayed"], answer["parts_at"]) == (["first", "again"], 2)
    assert [(one["step"], one["visit"], one["what"]) for one in answer["differences"]] == [
        ("again", 1, "goto"), ("again", 2, "unreached"), ("", 1, "outputs"),
    ]  # fmt: skip
    assert client.get("/specs/travels").json()["text"] == SPEC
    unknown = client.post(f"/runs/{run['id']}/replay", json={"plan": "0" * 64})
    assert (unknown.status_code, unknown.json()["name"]) == (404, "unknown-plan")
    both = client.post(f"/runs/{run['id']}/replay", json={"plan": "0" * 64, "spec": SPEC})
    problem(both, 422, "unknown-field", "/spec")


def test_a_fork_begins_where_it_is_told_and_says_where_it_comes_from(client):
    run = executed(client)
    body = {"at": "again", "visit": 2, "set": {"log": ["x"]}, "inputs": {"text": "lead"}}
    answer = client.post(f"/runs/{run['id']}/fork", json=body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 202
    made = answer.json()
    assert made["forked_from"] == {
        "run": run["id"], "step": "again", "visit": 2, "taken": 2, "set": ["log"], "inputs": ["text"],
        "read_before": ["first", "again"],
    }  # fmt: skip
    again = client.post(f"/runs/{run['id']}/fork", json=body, headers={"Idempotency-Key": "once"})
    assert again.json()["id"] == made["id"]
    shown = ended(client, made["id"])
    assert (shown["status"], shown["outputs"]) == ("succeeded", {"log": ["x", "again"], "n": 2})
    assert shown["forked_from"] == made["forked_from"]
    started = [one for one in client.get(f"/runs/{made['id']}/events").json()["items"] if one["type"] == "step.started"]
    assert [one["node"] for one in started] == ["again"]
    assert client.post(f"/runs/{made['id']}/replay").json()["is_same"]
    assert client.get(f"/runs/{run['id']}").json() == run


def test_a_fork_from_a_checkpoint(client):
    run = executed(client)
    checkpoints = client.get(f"/runs/{run['id']}/checkpoints").json()["items"]
    made = [client.post(f"/runs/{run['id']}/fork", json={"at": one["id"]}) for one in checkpoints]
    steps = [one.json()["forked_from"]["step"] for one in made if one.status_code == 202]
    assert sorted(steps) == ["again", "again", "first"]


def test_a_fork_with_another_plan(client):
    run = executed(client)
    longer = client.post("/specs", content=SPEC.replace("state.n < 2", "state.n < 4"), headers=YAML).json()
    plan = client.post(f"/specs/{longer['id']}/plan").json()["digest"]
    made = client.post(f"/runs/{run['id']}/fork", json={"at": "again", "visit": 2, "plan": plan}).json()
    shown = ended(client, made["id"])
    assert (shown["spec"], shown["outputs"]["n"]) == (longer["id"], 4)
    other = SPEC.replace('log: ["${ result }"]', "log: [other]")
    stored = client.post("/specs", content=other, headers=YAML).json()
    plan = client.post(f"/specs/{stored['id']}/plan").json()["digest"]
    refused = client.post(f"/runs/{run['id']}/fork", json={"at": "again", "plan": plan})
    assert "`first`" in problem(refused, 422, "not-forkable", "/plan")["message"]


@pytest.mark.parametrize(
    ("body", "name", "path"),
    [
        ({}, "missing-field", ""),
        ({"at": "agian"}, "unknown-node", "/at"),
        ({"at": "again", "visit": 3}, "out-of-range", "/visit"),
        ({"at": "again", "visit": 0}, "out-of-range", "/visit"),
        ({"at": "again", "set": {"lgo": []}}, "unknown-channel", "/set/lgo"),
        ({"at": "again", "set": {"n": "many"}}, "wrong-type", "/set/n"),
        ({"at": "again", "inputs": {"txet": "x"}}, "invalid-inputs", "/inputs/txet"),
        ({"at": "again", "inputs": {"text": 1}}, "invalid-inputs", "/inputs/text"),
        ({"at": "again", "sets": {}}, "unknown-field", "/sets"),
    ],
)
def test_forks_that_are_refused(client, body, name, path):
    run = executed(client)
    runs = count(client)
    found = problem(client.post(f"/runs/{run['id']}/fork", json=body), 422, name, path)
    if name in {"unknown-node", "unknown-channel"}:
        assert found["suggestion"]
    assert count(client) == runs


def test_two_runs_beside_each_other(client):
    one = executed(client)
    other = executed(client, "lead", SPEC.replace("state.n < 2", "state.n < 3"))
    found = client.get(f"/runs/{one['id']}/compare/{other['id']}").json()
    assert (found["is_same_path"], found["parts_at"]) == (False, 3)
    assert [(row["a"] and row["a"]["step"], row["b"] and row["b"]["step"]) for row in found["path"]] == [
        ("first", "first"), ("again", "again"), ("again", "again"), (None, "again"),
    ]  # fmt: skip
    assert found["path"][0]["is_same_result"] is False
    assert [(row["name"], row["a"], row["b"]) for row in found["inputs"]] == [("text", "tin", "lead")]
    assert {row["name"] for row in found["outputs"]} == {"log", "n"}
    assert found["a"]["seconds"] > 0
    unknown = client.get(f"/runs/{one['id']}/compare/nothing")
    assert (unknown.status_code, unknown.json()["name"]) == (404, "unknown-run")
