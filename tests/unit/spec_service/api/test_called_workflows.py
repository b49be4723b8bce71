"""Called workflows through the doors: stored, planned with their callers, run, looked up anew, and refused."""

import uuid

import pytest

YAML = {"Content-Type": "application/yaml"}
CHILD = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: CHILD, version: 1.0.0}
inputs: {text: {type: string, minLength: 2}}
outputs: {said: "${ nodes.say.result.text }"}
nodes: {say: {tool: shelf.echo@1, with: {text: "${ inputs.text }"}}}
"""
PARENT = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: PARENT}
inputs: {text: {type: string, default: hello}}
outputs: {said: "${ nodes.call.result.said }"}
start: call
nodes: {call: {workflow: CHILD@^1, with: {text: "${ inputs.text }"}, next: end}}
"""


@pytest.fixture
def texts():
    """Return the texts of a called and a calling workflow with names of their own, and these names."""
    child, parent = f"child-{uuid.uuid4().hex[:12]}", f"parent-{uuid.uuid4().hex[:12]}"
    return CHILD.replace("CHILD", child), PARENT.replace("CHILD", child).replace("PARENT", parent), child, parent


def post(client, text, door="/specs"):
    return client.post(door, content=text, headers=YAML)


def stored(client, text):
    answer = post(client, text)
    assert answer.status_code == 201, answer.text


def planned(client, name):
    answer = client.post(f"/specs/{name}/plan")
    assert answer.status_code == 200, answer.text
    return answer.json()


def executed(client, name, **body):
    answer = client.post(f"/specs/{name}/execute?wait=30", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problems(answer):
    assert answer.status_code == 422, answer.text
    return [(one["name"], one["path"]) for one in answer.json()["problems"]]


def called(plan):
    (call,) = [step["call"] for step in plan["steps"] if step["verb"] == "workflow"]
    return call["version"]


def test_a_caller_is_planned_and_run_with_what_it_calls(client, texts):
    child, parent, _, name = texts
    stored(client, child)
    stored(client, parent)
    plan = planned(client, name)
    (embedded,) = plan["workflows"].values()
    assert [step["id"] for step in embedded["steps"]] == ["say"]

    run = executed(client, name, inputs={"text": "well"}, plan=plan["digest"])
    assert (run["status"], run["outputs"]) == ("succeeded", {"said": "well"})
    events = client.get(f"/runs/{run['id']}/events").json()["items"]
    assert [one["node"] for one in events if one["type"] == "step.started"] == ["call", "call/say"]
    assert client.get(f"/plans/{plan['digest']}").json()["workflows"] == plan["workflows"]


def test_a_new_revision_of_what_is_called_counts_for_the_next_plan_and_not_for_the_last(client, texts):
    child, parent, _, name = texts
    stored(client, child)
    stored(client, parent)
    first = planned(client, name)
    assert executed(client, name)["outputs"] == {"said": "hello"}

    newer = child.replace("1.0.0", "1.1.0").replace("result.text }", "result.text + '!' }")
    stored(client, newer)
    second = planned(client, name)
    assert (called(first), called(second)) == ("1.0.0", "1.1.0")
    assert [(one["kind"], one["name"]) for one in second["changes"]["steps"]] == [("changed", "call")]
    assert executed(client, name)["outputs"] == {"said": "hello!"}
    assert executed(client, name, plan=first["digest"])["outputs"] == {"said": "hello"}
    stored(client, newer.replace("1.1.0", "2.0.0").replace("!", "?"))
    assert planned(client, name)["digest"] == second["digest"]


def test_what_is_not_in_use_cannot_be_called(client, texts):
    child, parent, called_name, name = texts
    stored(client, parent)
    missing = [("unknown-workflow", "/nodes/call/workflow")]
    assert problems(client.post(f"/specs/{name}/plan")) == missing
    assert problems(client.post(f"/specs/{name}/execute", json={})) == missing
    assert problems(post(client, parent, "/specs/validate")) == missing

    stored(client, child.replace("1.0.0", "2.0.0"))
    assert problems(client.post(f"/specs/{name}/plan")) == [("unknown-version", "/nodes/call/workflow")]
    stored(client, child)
    assert post(client, parent, "/specs/validate").status_code == 200
    assert executed(client, name)["status"] == "succeeded"
    assert client.delete(f"/specs/{called_name}").status_code == 200
    assert problems(client.post(f"/specs/{name}/plan")) == missing


def test_a_mistake_in_the_arguments_is_told_when_it_is_validated(client, texts):
    child, parent, _, _ = texts
    stored(client, child)
    assert problems(post(client, parent.replace('{text: "${ inputs.text }"}', "{text: x}"), "/specs/validate")) == [
        ("type-mismatch", "/nodes/call/with/text")
    ]


def test_workflows_that_call_each_other_are_refused(client, texts):
    child, parent, called_name, name = texts
    stored(client, child.replace("tool: shelf.echo@1", f"workflow: {name}"))
    stored(client, parent)
    circle = client.post(f"/specs/{name}/plan")
    assert problems(circle) == [("workflow-cycle", "/nodes/call/workflow")]
    assert f"{name} → {called_name}" in circle.json()["problems"][0]["message"]
