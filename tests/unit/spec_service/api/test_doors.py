import json
import time

import pytest

HELLO = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME, version: 1.0.0, description: Says hello., labels: {tier: gold}}
inputs:
  name: {type: string, default: world, minLength: 2}
state:
  greeting: {type: string, default: ""}
outputs: {greeting: "${ state.greeting }"}
start: greet
nodes:
  greet:
    set: {greeting: "Hello, ${ inputs.name }!"}
    next: end
"""
GATE = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
outputs: {first: "${ nodes.a.result.verdict }", second: "${ nodes.b.result.verdict }"}
nodes:
  a:
    human: {title: "First?", show: {x: 1}, assignees: [ann]}
    result: {type: object, required: [verdict], properties: {verdict: {enum: ["yes", "no"]}}}
    needs: []
  b:
    human: {title: "Second?"}
    result: {type: object, required: [verdict], properties: {verdict: {enum: ["yes", "no"]}}}
    needs: []
"""
NAP = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: NAME}
start: nap
nodes:
  nap:
    tool: shelf.nap@1
    with: {seconds: 600}
    next: end
"""
YAML = {"Content-Type": "application/yaml"}


def post_spec(client, text, name):
    answer = client.post("/specs", content=text.replace("NAME", name), headers=YAML)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


def start(client, spec, wait="false", **body):
    answer = client.post(f"/specs/{spec}/execute?wait={wait}", json=body)
    assert answer.status_code in (200, 202), answer.text
    return answer.json()


def until(client, run, *statuses):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        shown = client.get(f"/runs/{run}").json()
        if shown["status"] in statuses:
            return shown
        time.sleep(0.02)
    pytest.fail(f"the run is still {shown['status']}")


def problem(answer, status, name):
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert (answer.status_code, body["status"], body["name"]) == (status, status, name)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["type"].endswith(name)
    assert body["detail"]
    return body


def test_from_spec_to_outputs(client):
    created = client.post("/specs", content=HELLO.replace("NAME", "hello"), headers=YAML)
    spec = created.json()
    assert (created.status_code, spec["name"], spec["version"], spec["revision"]) == (201, "hello", "1.0.0", 1)
    assert client.get(created.headers["location"]).json()["text"] == HELLO.replace("NAME", "hello")
    plan = client.post(f"/specs/{spec['id']}/plan").json()
    assert plan["spec_digest"] == spec["digest"]
    assert client.get(f"/plans/{plan['digest']}").json() == plan
    answer = client.post("/specs/hello/execute?wait=true", json={"inputs": {"name": "you"}, "plan": plan["digest"]})
    run = answer.json()
    assert (answer.status_code, run["status"], run["outputs"]) == (200, "succeeded", {"greeting": "Hello, you!"})
    assert run["labels"] == {"tier": "gold"}
    assert answer.headers["location"] == f"/runs/{run['id']}"
    assert client.get(f"/runs/{run['id']}").json() == run
    state = client.get(f"/runs/{run['id']}/state").json()
    assert state["values"] == {"greeting": "Hello, you!"}
    checkpoints = client.get(f"/runs/{run['id']}/checkpoints").json()["items"]
    assert checkpoints[0]["id"] == state["checkpoint"]


def test_what_a_step_masks_is_not_in_the_state_that_people_see(client):
    text = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: masked}
state: {customer: {type: object}, email: {type: string}}
outputs: {reached: "${ state.email.size() }"}
start: a
nodes:
  a: {set: {customer: {name: Ada, email: a@b.c}, email: a@b.c}, next: b}
  b: {emit: {event: seen, data: {email: "${ state.email }"}}, mask: [email], next: end}
"""
    spec = client.post("/specs", content=text, headers={"content-type": "application/yaml"}).json()["id"]
    run = client.post(f"/specs/{spec}/execute?wait=true").json()
    assert (run["status"], run["outputs"]) == ("succeeded", {"reached": 5})
    shown = client.get(f"/runs/{run['id']}/state").json()["values"]
    assert shown == {"customer": {"name": "Ada", "email": "***"}, "email": "***"}
    assert "a@b.c" not in client.get(f"/runs/{run['id']}/events").text


def test_an_execute_needs_no_body_and_fills_in_defaults(client):
    spec = post_spec(client, HELLO, "hello-defaults")
    answer = client.post(f"/specs/{spec}/execute?wait=true")
    assert answer.json()["outputs"] == {"greeting": "Hello, world!"}
    assert answer.json()["inputs"] == {"name": "world"}


def test_the_same_spec_again_is_known(client):
    first = client.post("/specs", content=HELLO.replace("NAME", "again"), headers=YAML)
    other = HELLO.replace("NAME", "again").replace("Says hello.", "Greets.") + "# a comment\n"
    second = client.post("/specs", content=other, headers=YAML)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["description"] == "Greets."


def test_a_version_belongs_to_one_digest(client):
    post_spec(client, HELLO, "versioned")
    changed = HELLO.replace("NAME", "versioned").replace("Hello,", "Hi,")
    problem(client.post("/specs", content=changed, headers=YAML), 409, "version-exists")


def test_specs_and_runs_are_listed_in_pages(client):
    spec = post_spec(client, HELLO, "listed")
    runs = [start(client, spec, "true", labels={"batch": "7"})["id"] for _ in range(3)]
    first = client.get("/runs?label=batch=7&limit=2&status=succeeded&spec=listed").json()
    rest = client.get(f"/runs?label=batch=7&limit=2&cursor={first['next']}").json()
    assert [one["id"] for one in first["items"] + rest["items"]] == runs[::-1]
    whole = client.get(f"/runs/{runs[2]}").json()
    assert {key: value for key, value in whole.items() if key not in ("inputs", "outputs")} == first["items"][0]
    assert rest["next"] is None
    names = [one["name"] for one in client.get("/specs?limit=1000").json()["items"]]
    assert names == sorted(names)
    assert "listed" in names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/runs?limit=0", "invalid-request"),
        ("/runs?limit=1e3", "invalid-request"),
        ("/runs?status=done", "invalid-request"),
        ("/runs?label=x", "invalid-request"),
        ("/runs?cursor=%ff", "bad-cursor"),
        ("/specs?cursor=abc", "bad-cursor"),
    ],
)
def test_queries_are_read_strictly_and_not_given_back(client, path, name):
    problem(client.get(path), 400, name)


def test_a_wait_that_is_none_is_refused(client):
    spec = post_spec(client, HELLO, "waits")
    for wait in ("soon", "nan", "inf", "-1"):
        problem(client.post(f"/specs/{spec}/execute?wait={wait}", json={}), 400, "invalid-request")


def test_bodies_are_read_field_by_field(client):
    spec = post_spec(client, HELLO, "fields")
    body = problem(
        client.post(f"/specs/{spec}/execute", json={"input": {}, "priority": True, "labels": {"a b": 1}}),
        422,
        "unknown-field",
    )
    assert [(one["name"], one["path"]) for one in body["problems"]] == [
        ("unknown-field", "/input"),
        ("wrong-type", "/priority"),
        ("bad-name", "/labels/a b"),
        ("wrong-type", "/labels/a b"),
    ]
    assert body["problems"][0]["suggestion"] == "did you mean inputs?"
    problem(client.post(f"/specs/{spec}/execute", json=[]), 422, "wrong-type")
    refused = problem(client.post(f"/specs/{spec}/execute", json={"inputs": {"name": "x"}}), 422, "invalid-inputs")
    assert refused["problems"][0]["path"] == "/inputs/name"


def test_a_plan_of_another_spec_is_no_plan_for_this_one(client):
    one, two = post_spec(client, HELLO, "plan-one"), post_spec(client, HELLO, "plan-two")
    digest = client.post(f"/specs/{one}/plan").json()["digest"]
    problem(client.post(f"/specs/{two}/execute", json={"plan": digest}), 409, "plan-mismatch")
    problem(client.post(f"/specs/{two}/execute", json={"plan": "nobody"}), 404, "unknown-plan")


def test_several_questions_are_told_apart_by_their_ids(client):
    run = start(client, post_spec(client, GATE, "gate"))["id"]
    shown = until(client, run, "waiting")
    asked = {one["node"]: one for one in shown["waiting_for"]}
    assert set(asked) == {"a", "b"}
    assert (asked["a"]["title"], asked["a"]["show"], asked["a"]["kind"]) == ("First?", {"x": 1}, "person")
    refused = problem(client.post(f"/runs/{run}/resume", json={"answer": {"verdict": "yes"}}), 409, "several-questions")
    assert asked["a"]["interrupt_id"] in refused["detail"]
    body = {"answer": {"verdict": "yes"}, "interrupt_id": asked["b"]["interrupt_id"]}
    assert client.post(f"/runs/{run}/resume", json=body).status_code == 202
    problem(client.post(f"/runs/{run}/resume", json=body), 409, "not-waiting")
    until(client, run, "waiting")
    refused = problem(client.post(f"/runs/{run}/resume", json={"answer": {"verdict": 7}}), 422, "invalid-answer")
    assert refused["problems"][0]["path"] == "/answer/verdict"
    assert client.post(f"/runs/{run}/resume", json={"answer": {"verdict": "no"}}).status_code == 202
    assert until(client, run, "succeeded")["outputs"] == {"first": "no", "second": "yes"}


def test_a_waiting_run_needs_the_field_answer(client):
    run = start(client, post_spec(client, GATE, "gate-fields"))["id"]
    asked = until(client, run, "waiting")["waiting_for"]
    body = problem(client.post(f"/runs/{run}/resume", json={"anser": 1}), 422, "unknown-field")
    assert body["problems"][0]["suggestion"] == "did you mean answer?"
    for sent in ({}, {"json": {}}):
        refused = problem(client.post(f"/runs/{run}/resume", **sent), 422, "answer-needed")
        assert [one["path"] for one in refused["problems"]] == ["/answer", "/answer"]
        assert all(one["interrupt_id"] in refused["problems"][n]["message"] for n, one in enumerate(asked))
    named = {"interrupt_id": asked[0]["interrupt_id"]}
    problem(client.post(f"/runs/{run}/resume", json=named), 422, "missing-field")
    problem(client.post(f"/runs/{run}/resume", json={**named, "answer": None}), 422, "invalid-answer")
    assert client.get(f"/runs/{run}").json()["status"] == "waiting"


def test_a_waiting_run_is_cancelled_at_once(client):
    run = start(client, post_spec(client, GATE, "gate-cancel"))["id"]
    until(client, run, "waiting")
    answer = client.post(f"/runs/{run}/cancel")
    assert (answer.status_code, answer.json()["status"], answer.json()["waiting_for"]) == (202, "cancelled", [])
    problem(client.post(f"/runs/{run}/cancel"), 409, "run-ended")
    problem(client.post(f"/runs/{run}/resume", json={"answer": {}}), 409, "not-waiting")
    assert [one["type"] for one in events(client, run)][-2:] == ["run.cancel-requested", "run.cancelled"]


def test_a_busy_run_is_stopped_for_real(client):
    run = start(client, post_spec(client, NAP, "nap"))["id"]
    until(client, run, "running")
    assert client.post(f"/runs/{run}/cancel").status_code == 202
    assert until(client, run, "cancelled")["finished_at"]


def events(client, run, query=""):
    return client.get(f"/runs/{run}/events{query}").json()["items"]


def read_stream(client, run, after=None):
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(after)} if after is not None else {})}
    with client.stream("GET", f"/runs/{run}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = "".join(answer.iter_text()).split("\n\n")
    fields = [dict(line.partition(": ")[::2] for line in frame.splitlines()) for frame in frames]
    return [(int(one["id"]), one["event"], json.loads(one["data"])) for one in fields if "id" in one]


def test_a_stream_is_the_pages_and_ends_with_the_run(client):
    run = start(client, post_spec(client, HELLO, "stream"))["id"]
    live = read_stream(client, run)
    paged = events(client, run)
    assert [data for _, _, data in live] == paged
    assert [seq for seq, _, _ in live] == list(range(1, len(paged) + 1))
    assert live[0][1] == "run.queued"
    assert live[-1][1] == "run.succeeded"
    assert [seq for seq, _, _ in read_stream(client, run, after=len(paged) - 1)] == [len(paged)]
    assert read_stream(client, run, after=len(paged)) == []


def test_pages_of_events_follow_each_other(client):
    run = start(client, post_spec(client, HELLO, "pages"), "true")["id"]
    page = client.get(f"/runs/{run}/events?limit=2").json()
    assert [one["seq"] for one in page["items"]] == [1, 2]
    assert page["next"] == "2"
    assert events(client, run, f"?after={page['next']}&limit=1")[0]["seq"] == 3


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "", "9" * 30, "٣"])
def test_a_cursor_of_events_is_a_number(client, cursor):
    run = start(client, post_spec(client, HELLO, "cursors"), "true")["id"]
    problem(client.get(f"/runs/{run}/events", params={"after": cursor}), 400, "bad-cursor")
    headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor.encode()}
    problem(client.get(f"/runs/{run}/events", headers=headers), 400, "bad-cursor")


def test_an_unknown_run_has_no_stream(client):
    headers = {"Accept": "text/event-stream"}
    problem(client.get("/runs/nobody/events", headers=headers), 404, "unknown-run")


def test_the_catalog_is_shown(client):
    shown = client.get("/stages").json()
    assert [one["name"] for one in shown["items"]] == ["shelf.echo", "shelf.measure", "shelf.nap"]
    assert client.get("/stages/shelf.echo").json()["items"][0]["version"] == "1.0.0"
    problem(client.get("/stages/nobody"), 404, "unknown-stage")


def test_artifacts_of_a_run(client):
    run = start(client, post_spec(client, HELLO, "artifacts"), "true")["id"]
    assert client.get(f"/runs/{run}/artifacts").json() == {"items": [], "next": None}
    problem(client.get(f"/runs/{run}/artifacts?all=maybe"), 400, "invalid-request")
    for path in ("a", "..%2f..%2fspecloom.db", "%2e%2e/x"):
        assert client.get(f"/runs/{run}/artifacts/{path}").status_code == 404


def test_health_readiness_figures_and_version(client):
    assert client.get("/healthz").status_code == 200
    until_ready = time.monotonic() + 30
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < until_ready
    assert 'specloom_runs{status="failed"}' in client.get("/metrics").text
    assert set(client.get("/version").json()) == {"version", "pid", "started_at"}


def test_openapi_has_examples_of_bodies_and_refusals(client):
    document = client.get("/openapi.json").json()
    create = document["paths"]["/specs"]["post"]
    assert "apiVersion" in create["requestBody"]["content"]["application/yaml"]["example"]
    assert create["responses"]["4XX"]["content"]["application/problem+json"]["example"]["problems"]
    assert document["paths"]["/runs/{run_id}/resume"]["post"]["requestBody"]["content"]["application/json"]["example"]
    routes = {(path, method) for path, one in document["paths"].items() for method in one}
    assert ("/specs/{spec_id}/execute", "post") in routes
    for path in ("/specs/{spec_id}/execute", *(f"/runs/{{run_id}}/{verb}" for verb in ("resume", "cancel", "retry"))):
        told = document["paths"][path]["post"]["parameters"]
        assert "Idempotency-Key" in [one["name"] for one in told if one["in"] == "header"]
    assert ("/runs/{run_id}/artifacts/{path}", "get") in routes
