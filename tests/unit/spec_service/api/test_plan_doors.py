"""Plans through the doors: what they change, what becomes of waiting runs, how they are drawn; sources and retiring."""

import time
import uuid

import pytest

ASK = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
start: ask
nodes:
  ask:
    human: {title: "Fine?"}
    result: {type: object, required: [verdict], properties: {verdict: {enum: ["yes", "no"]}}}
    next: end
"""
YAML = {"Content-Type": "application/yaml"}


def post(client, text, name, query="", status=(200, 201)):
    answer = client.post(f"/specs{query}", content=text.replace("NAME", name), headers=YAML)
    assert answer.status_code in status, answer.text
    return answer.json()


def planned(client, name):
    answer = client.post(f"/specs/{name}/plan")
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer):
    return answer.status_code, answer.json()["name"]


@pytest.fixture
def name():
    return f"ask-{uuid.uuid4().hex[:12]}"


def waiting(client, name):
    run = client.post(f"/specs/{name}/execute?wait=30", json={}).json()
    assert run["status"] == "waiting"
    return run["id"]


def test_a_plan_tells_what_it_changes_and_what_becomes_of_waiting_runs(client, name):
    post(client, ASK, name)
    first = planned(client, name)
    assert first["changes"] is None
    run = waiting(client, name)
    again = planned(client, name)["changes"]
    assert (again["steps"], again["runs"], again["old"]) == ([], [], first["digest"])

    post(client, ASK.replace('"no"]', '"no", "maybe"]').replace("next: end", "timeout: 1d\n    next: end"), name)
    changes = planned(client, name)["changes"]
    assert [(one["kind"], one["name"]) for one in changes["steps"]] == [("changed", "ask")]
    fields = {one["field"] for one in changes["steps"][0]["fields"]}
    assert fields == {"result.properties.verdict.enum", "timeout_seconds"}
    assert changes["runs"] == [
        {
            "plan": first["digest"],
            "nodes": ["ask"],
            "count": 1,
            "runs": [run],
            "can_go_on": False,
            "why": ["`ask` asks for a result of another schema"],
        }
    ]

    post(client, ASK.replace("Fine?", "Well?"), name)
    changes = planned(client, name)["changes"]
    assert (changes["runs"][0]["plan"], changes["runs"][0]["can_go_on"]) == (first["digest"], True)


def test_two_plans_are_compared_by_their_digests(client, name):
    post(client, ASK, name)
    old = planned(client, name)["digest"]
    run = waiting(client, name)
    post(client, ASK.replace("ask", "query"), name)
    new = planned(client, name)["digest"]

    there = client.get(f"/plans/{old}/diff/{new}").json()
    assert [(one["kind"], one["name"]) for one in there["steps"]] == [("added", "query"), ("removed", "ask")]
    assert [(one["runs"], one["why"]) for one in there["runs"]] == [([run], ["there is no `ask` any more"])]
    back = client.get(f"/plans/{new}/diff/{old}").json()
    assert [(one["kind"], one["name"]) for one in back["steps"]] == [("added", "ask"), ("removed", "query")]
    assert back["runs"] == []
    assert refusal(client.get(f"/plans/{old}/diff/nothing")) == (404, "unknown-plan")


def test_a_text_is_planned_without_being_stored(client, name):
    answer = client.post("/specs/plan", content=ASK.replace("NAME", name), headers=YAML)
    assert answer.status_code == 200
    assert answer.json()["changes"] is None
    assert refusal(client.get(f"/specs/{name}")) == (404, "unknown-spec")
    assert refusal(client.get(f"/plans/{answer.json()['digest']}")) == (404, "unknown-plan")

    post(client, ASK, name)
    stored = planned(client, name)
    assert stored["digest"] == answer.json()["digest"]
    other = client.post(
        "/specs/plan", content=ASK.replace("NAME", name).replace("next", "timeout: 1h\n    next"), headers=YAML
    )
    assert [one["name"] for one in other.json()["changes"]["steps"]] == ["ask"]
    assert planned(client, name)["changes"]["steps"] == []  # a preview is no plan to compare with
    wrong = ASK.replace("NAME", name).replace("start: ask", "start: asks")
    refused = client.post("/specs/plan", content=wrong, headers=YAML)
    assert refusal(refused) == (422, "unknown-node")


@pytest.mark.parametrize(
    ("query", "media", "begin"),
    [
        ("", "text/vnd.mermaid", "flowchart TD\n"),
        ("?format=mermaid", "text/vnd.mermaid", "flowchart TD\n"),
        ("?format=dot", "text/vnd.graphviz", "digraph "),
        ("?format=svg", "image/svg+xml", "<svg "),
    ],
)
def test_a_plan_is_drawn(client, name, query, media, begin):
    post(client, ASK, name)
    answer = client.get(f"/plans/{planned(client, name)['digest']}/graph{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.text.startswith(begin)


def test_only_known_ways_of_drawing(client, name):
    post(client, ASK, name)
    digest = planned(client, name)["digest"]
    assert refusal(client.get(f"/plans/{digest}/graph?format=png")) == (400, "invalid-request")
    assert refusal(client.get("/plans/nothing/graph")) == (404, "unknown-plan")


def test_a_revision_shows_where_it_came_from(client, name):
    assert post(client, ASK, name)["source"] == {"kind": "api", "path": None, "commit": None}
    shown = post(client, ASK.replace("Fine", "Ok"), name, "?source=git&path=specs/a.yaml&commit=c0ffee00")
    assert shown["source"] == {"kind": "git", "path": "specs/a.yaml", "commit": "c0ffee00"}
    assert client.get(f"/specs/{name}@r2").json()["source"] == shown["source"]
    assert client.get(f"/specs/{name}@r1").json()["source"]["kind"] == "api"


@pytest.mark.parametrize("query", ["?source=ftp", "?path=a", "?source=git&commit=xyz", "?source=file&path=a%00b"])
def test_a_source_is_read_strictly(client, name, query):
    assert post(client, ASK, name, query, (400,))["name"] == "invalid-request"


def test_a_retired_name_starts_nothing_and_hides_nothing(client, name):
    post(client, ASK, name)
    run = waiting(client, name)
    retired = client.delete(f"/specs/{name}")
    assert retired.status_code == 200
    assert retired.json()["retired_at"]
    for spec in (name, f"{name}@r1", retired.json()["digest"]):
        assert refusal(client.post(f"/specs/{spec}/execute", json={})) == (409, "spec-retired")
        assert refusal(client.post(f"/specs/{spec}/plan")) == (409, "spec-retired")
        assert client.get(f"/specs/{spec}").json()["text"]
    assert name not in [one["name"] for one in client.get("/specs?limit=1000").json()["items"]]
    assert client.get(f"/runs/{run}").json()["spec"] == f"{name}@r1"
    assert client.post(f"/runs/{run}/resume", json={"answer": {"verdict": "yes"}}).status_code in (200, 202)
    assert until(client, run) == "succeeded"

    assert post(client, ASK, name, status=(200,))["retired_at"] is None
    assert client.post(f"/specs/{name}/execute", json={}).status_code == 202
    assert refusal(client.delete("/specs/nobody-knows")) == (404, "unknown-spec")


def until(client, run):
    shown, end = "", time.monotonic() + 30
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()["status"]
        if shown not in ("queued", "running"):
            break
        time.sleep(0.02)
    return shown
