"""One stage over HTTP: runs like any other, the shorter names, and what the OpenAPI document says of each stage."""

from __future__ import annotations

import os
from pathlib import Path

import jsonschema
import pytest

from spec_service.settings import Settings

CLIENT = Path(__file__).parents[4] / "clients" / "python"
STAGES = '''
import json, os, signal, time
import luigi
from specloom_client import agent_meta


class Base(luigi.Task):
    """Write down a topic."""
    topic = luigi.Parameter(description="About what.")

    def output(self):
        return luigi.LocalTarget(f"base-{self.topic}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(self.topic)


@agent_meta("rate-topic", "Rates a topic.", outputs={"rate": {"type": "object"}}, tags=["fast"], max_retries=0)
class Rate(luigi.Task):
    topic = luigi.Parameter()
    weight = luigi.IntParameter(default=2)
    secret = luigi.Parameter(default="none", visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def requires(self):
        return Base(topic=self.topic)

    def output(self):
        return luigi.LocalTarget("rate.json")

    def run(self):
        with self.input().open() as file:
            rate = len(file.read()) * self.weight
        with self.output().open("w") as file:
            json.dump({"rate": rate}, file)


class Fail(luigi.Task):
    def run(self):
        raise ValueError("out of ink")


@agent_meta(timeout_seconds=600)
class Sleep(luigi.Task):
    note = luigi.Parameter()

    def run(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(self.note + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(self.note + ".new", self.note)
        time.sleep(600)
'''


@pytest.fixture(scope="module")
def stages(run_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    (folder / "desk_stages.py").write_text(STAGES)
    catalog = folder / "specloom.toml"
    catalog.write_text(
        f'[luigi.desk]\nmodules = ["desk_stages"]\npath = [".", "{CLIENT}"]\nversion = "1.2.0"\n', encoding="utf-8"
    )
    with run_server(Settings(data=folder / "data", catalog=catalog, port=0)) as server, server.client() as client:
        yield client


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_stage_runs_alone_as_a_run_like_any_other(stages):
    answer = stages.post("/stages/desk.Rate/run?wait=true", json={"inputs": {"topic": "tin"}, "labels": {"a": "b"}})
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert answer.headers["location"] == f"/runs/{run['id']}"
    assert (run["status"], run["outputs"]["data"]) == ("succeeded", {"rate": 6})
    assert (run["spec"].partition("@")[0], run["inputs"]) == ("stage.desk.rate", {"topic": "tin"})
    assert run["labels"] == {"a": "b", "stage": "desk.Rate"}
    listed = stages.get("/runs", params={"label": "stage=desk.Rate"}).json()["items"]
    assert run["id"] in [one["id"] for one in listed]
    events = stages.get(f"/runs/{run['id']}/events").json()["items"]
    assert [one["type"] for one in events].count("luigi.task-succeeded") == 2
    assert {one["path"] for one in stages.get(f"/runs/{run['id']}/artifacts").json()["items"]} >= {"rate.json"}
    operation = stages.get("/openapi.json").json()["paths"]["/stages/desk.Rate/run"]["post"]
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]["allOf"][1]
    jsonschema.validate({"outputs": run["outputs"]}, shown)


def test_private_parameters_are_in_no_event(stages):
    run = stages.post("/stages/desk.Rate/run?wait=true", json={"inputs": {"topic": "tin", "secret": "hushhush"}}).json()
    assert run["status"] == "succeeded"
    assert "hushhush" not in stages.get(f"/runs/{run['id']}/events").text


def test_without_wait_it_is_accepted(stages):
    answer = stages.post("/stages/rate-topic/run", json={"inputs": {"topic": "zinc", "weight": 3}})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    result = stages.get(f"/results/{answer.json()['id']}")
    assert result.status_code in {200, 202}
    assert (result.status_code == 202) == (result.json()["status"] == "running")


@pytest.mark.parametrize(
    ("body", "status", "name", "path"),
    [
        ({}, 422, "invalid-inputs", "/inputs"),
        ({"inputs": {"topic": "x", "weight": "y"}}, 422, "invalid-inputs", "/inputs/weight"),
        ({"inputs": {"topic": "x", "wait": 1}}, 422, "invalid-inputs", "/inputs/wait"),
        ({"inputs": []}, 422, "wrong-type", "/inputs"),
        ({"topic": "x"}, 422, "unknown-field", "/topic"),
        ({"parameters": {"topic": "x"}}, 422, "unknown-field", "/parameters"),
        ({"inputs": {"topic": "x"}, "timeout_seconds": 0}, 422, "out-of-range", "/timeout_seconds"),
        ({"inputs": {"topic": "x"}, "timeout_seconds": "5"}, 422, "wrong-type", "/timeout_seconds"),
        ({"inputs": {"topic": "x"}, "read": "yaml"}, 422, "out-of-range", "/read"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(stages, body, status, name, path):
    answer = stages.post("/stages/desk.Rate/run", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [(one["name"], one["path"]) for one in answer.json()["problems"]] == [(name, path)]


@pytest.mark.parametrize("path", ["/stages/desk.Nothing/run", "/run/nobody", "/tasks/nobody"])
def test_unknown_stages(stages, path):
    answer = stages.get(path) if path.startswith("/tasks") else stages.post(path, json={})
    assert (answer.status_code, answer.json()["name"]) == (404, "unknown-stage")


def test_a_timeout_really_stops_it(stages, tmp_path):
    note = tmp_path / "pid"
    body = {"inputs": {"note": str(note)}, "timeout_seconds": 2.5}
    answer = stages.post("/run/desk.Sleep", json=body)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert (result["status"], result["result"], result["task_name"]) == ("timeout", None, "desk.Sleep")
    assert result["error"].startswith("timeout: ")
    assert 2500 <= result["execution_time_ms"] < 60_000
    assert not is_alive(int(note.read_text()))


def test_a_key_makes_one_run_of_several_requests(stages):
    body = {"inputs": {"topic": "lead"}, "idempotency_key": "once-1"}
    first, second = (stages.post("/stages/desk.Rate/run", json=body) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    other = stages.post("/stages/desk.Rate/run", json={**body, "inputs": {"topic": "iron"}})
    assert (other.status_code, other.json()["name"]) == (422, "idempotency-mismatch")
    headers = {"Idempotency-Key": "another"}
    assert stages.post("/stages/desk.Rate/run", json=body, headers=headers).status_code == 400


def test_the_shorter_names(stages):
    tasks = stages.get("/tasks").json()["items"]
    assert [one["name"] for one in tasks] == ["desk.Base", "desk.Fail", "desk.Sleep", "rate-topic"]
    task = stages.get("/tasks/rate-topic").json()
    assert task == tasks[-1] == stages.get("/tasks/desk.Rate").json()
    assert (task["task"], task["tools"], task["max_retries"]) == ("desk.Rate", ["desk.Base"], 0)
    body = {"task_name": "rate-topic", "parameters": {"topic": "gold"}}
    result = stages.post("/run", json=body).json()
    assert (result["status"], result["error"], result["tokens_used"]) == ("success", None, 0)
    assert result["result"]["data"] == {"rate": 8}
    jsonschema.validate(result["result"], task["output_schema"])
    assert stages.get(f"/results/{result['id']}").json() == result
    assert stages.post("/run/rate-topic", json={"params": {"topic": "gold"}}).json()["status"] == "success"


def test_a_stage_that_fails(stages):
    result = stages.post("/run/desk.Fail").json()
    assert (result["status"], result["result"]) == ("failed", None)
    assert "out of ink" in result["error"]


def test_a_short_door_may_not_wait(stages, tmp_path):
    answer = stages.post("/run/desk.Sleep?wait=false", json={"inputs": {"note": str(tmp_path / "n")}})
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    place = answer.headers["location"]
    assert stages.get(place).status_code == 202
    run = place.rpartition("/")[2]
    stages.post(f"/runs/{run}/cancel")
    while (result := stages.get(place)).status_code == 202:
        pass
    assert (result.json()["status"], result.json()["error"]) == ("failed", "cancelled")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "missing-field"),
        ({"task_name": 3}, "wrong-type"),
        ({"task_name": "rate-topic", "inputs": {}, "params": {}}, "unknown-field"),
    ],
)
def test_what_the_short_door_refuses(stages, body, name):
    answer = stages.post("/run", json=body)
    assert (answer.status_code, answer.json()["name"]) == (422, name)


def test_each_stage_is_an_operation_of_its_own(stages):
    document = stages.get("/openapi.json").json()
    operation = document["paths"]["/stages/desk.Rate/run"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["inputs"]["required"] == ["topic"]
    assert operation["operationId"] == "run_stage_desk_Rate"
    ids = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(ids) == len(set(ids))
    assert "/openapi.json" not in document["paths"]


def test_a_stage_shows_what_agents_know(stages):
    (entry,) = stages.get("/stages/desk.Rate").json()["items"]
    assert (entry["agent"]["name"], entry["agent"]["tags"]) == ("rate-topic", ["fast"])
