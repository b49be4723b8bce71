"""Agents that start runs: pinned, visible, within what the run above may use; over real HTTP, also after a kill."""

import time
from pathlib import Path

import pytest

from tests.journeys.server import PATIENCE, Json, Server, serving

CATALOG = """\
[models.boss]
provider = "fake"
price_in = 1000.0
price_out = 1000.0
script = [
  {calls = [{tool = "start_task", arguments = {workflow = "${ input.workflow }", inputs = "${ input.inputs }"}}]},
  {when = "${ input.then == 'leave' && turn == 1 }", json = {last = "${ last }"}},
  {when = "${ input.then == 'signal' && turn == 1 }", calls = [
    {tool = "update_task", arguments = {task = "${ last.task }", signal = "go", data = 7}},
  ]},
  {when = "${ input.then == 'cancel' && turn == 1 }", calls = [
    {tool = "cancel_task", arguments = {task = "${ last.task }"}},
  ]},
  {when = "${ input.then == 'check' && turn == 1 }", calls = [
    {tool = "check_task", arguments = {task = "${ last.task }", wait_seconds = 600}},
  ]},
  {when = "${ input.then == 'signal' && turn == 2 }", calls = [
    {tool = "check_task", arguments = {task = "${ last.task }", wait_seconds = 600}},
  ]},
  {json = {last = "${ last }"}},
]
[models.caller]
provider = "fake"
script = [
  {when = "${ input.workflow == 'quick' && turn == 0 }", calls = [
    {tool = "quick", arguments = {n = "${ input.inputs.n }"}},
  ]},
  {when = "${ input.workflow == 'asking' && turn == 0 }", calls = [{tool = "asking", arguments = {}}]},
  {when = "${ input.workflow == 'failing' && turn == 0 }", calls = [{tool = "failing", arguments = {}}]},
  {json = {last = "${ last }"}},
]
[models.talker]
provider = "fake"
script = [{text = "one two", tokens_in = 30, tokens_out = 10}]
"""
HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: NAME, labels: {of: NAME}}\n"
CHILDREN = {
    "quick": """\
inputs: {n: {type: integer, maximum: 9}}
outputs: {twice: "${ inputs.n * 2 }"}
start: a
nodes: {a: {wait: {for: 10ms}, next: end}}
""",
    "slow": "start: a\nnodes: {a: {wait: {for: 1h}, next: end}}\n",
    "asking": """\
outputs: {said: "${ nodes.a.result.yes }"}
start: a
nodes:
  a:
    human: {title: Is it so?}
    result: {type: object, required: [yes], properties: {yes: {type: boolean}}}
    next: end
""",
    "listening": """\
outputs: {heard: "${ nodes.a.result }"}
start: a
nodes: {a: {wait: {signal: go}, result: {type: integer}, next: end}}
""",
    "failing": "start: a\nnodes: {a: {fail: {error: no-luck, message: It broke.}}}\n",
    "talking": """\
state: {n: {type: integer, default: 0, reduce: sum}}
start: a
nodes:
  a:
    agent: {model: talker, instructions: "Say ${ state.n }."}
    save: {n: 1}
    next: [{when: "${ state.n < 50 }", to: a}, {else: end}]
""",
}
PARENT = """\
inputs:
  workflow: {type: string}
  inputs: {type: object, default: {}}
  then: {type: string, default: check}
outputs: {last: "${ nodes.w.result.last }"}
LIMITSstart: w
nodes:
  w:
    agent: {model: MODEL, instructions: Go., GRANTED}
    with: {workflow: "${ inputs.workflow }", inputs: "${ inputs.inputs }", then: "${ inputs.then }"}
    result: {type: object, required: [last], properties: {last: {}}}
    next: end
"""
ALL = ", ".join(CHILDREN)
DELEGATES = f"delegates: [{ALL}]"
TOOLS = f"tools: [{', '.join(f'{{workflow: {name}}}' for name in CHILDREN)}]"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "specloom.toml"
    path.write_text(CATALOG)
    return path


def store(server: Server, limits: str = "", granted: str = DELEGATES, model: str = "boss") -> str:
    for name, body in CHILDREN.items():
        server.post_spec(HEAD.replace("NAME", name) + body)
    body = PARENT.replace("LIMITS", limits).replace("GRANTED", granted).replace("MODEL", model)
    return server.post_spec(HEAD.replace("NAME", "parent") + body)["id"]


def start(server: Server, spec: str, workflow: str, **inputs: Json) -> str:
    return server.post(f"/specs/{spec}/execute", {"inputs": {"workflow": workflow, **inputs}})["id"]


def children(server: Server, run: str) -> list[Json]:
    return server.get(f"/runs?parent={run}")["items"]


def child_of(server: Server, run: str) -> str:
    """Wait until a run has started another one, and return that."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := children(server, run):
            return found[0]["id"]
        time.sleep(0.02)
    raise AssertionError("no run was started")


def test_tasks_are_runs_of_the_workflows_that_are_allowed(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        spec = store(server)
        run = server.until(start(server, spec, "quick", inputs={"n": 4}), "succeeded")
        (child,) = children(server, run["id"])
        assert run["outputs"]["last"] == {
            "task": child["id"],
            "workflow": "quick",
            "status": "succeeded",
            "outputs": {"twice": 8},
        }
        assert (child["parent"], child["labels"]) == (run["id"], {"of": "quick"})
        assert run["parent"] is None
        first = server.events(child["id"])[0]
        assert (first["type"], first["data"]["parent"]) == ("run.queued", run["id"])
        told = [one["data"] for one in server.events(run["id"]) if one["type"] == "agent.task-started"]
        assert told == [{"run": child["id"], "workflow": "quick"}]

        # What is not among them, inputs that do not fit, and what fails there: the model is told.
        refused = server.until(start(server, spec, "parent", then="tell"), "succeeded")
        assert "do not fit at /workflow" in refused["outputs"]["last"]
        assert children(server, refused["id"]) == []
        unfit = server.until(start(server, spec, "quick", inputs={"n": 10}, then="tell"), "succeeded")
        assert "/inputs/n" in unfit["outputs"]["last"]
        assert children(server, unfit["id"]) == []
        failed = server.until(start(server, spec, "failing"), "succeeded")["outputs"]["last"]
        assert (failed["status"], failed["error"]) == ("failed", {"name": "no-luck", "message": "It broke."})

        # The plan is pinned; a name that is not in use any more starts nothing.
        plan = server.post(f"/specs/{spec}/plan")["digest"]
        server.client.delete("/specs/quick").raise_for_status()
        body = {"plan": plan, "inputs": {"workflow": "quick", "inputs": {"n": 1}, "then": "tell"}}
        retired = server.until(server.post(f"/specs/{spec}/execute", body)["id"], "succeeded")
        assert retired["outputs"]["last"] == "error: the workflow quick is not in use any more"
        assert children(server, retired["id"]) == []


def test_signals_reach_a_task_and_one_is_stopped(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        spec = store(server)
        heard = server.until(start(server, spec, "listening", then="signal"), "succeeded", "waiting")
        if heard["status"] == "waiting":
            heard = server.until(heard["id"], "succeeded")
        assert heard["outputs"]["last"]["outputs"] == {"heard": 7}
        stopped = server.until(start(server, spec, "slow", then="cancel"), "succeeded")
        (child,) = children(server, stopped["id"])
        assert server.until(child["id"], "cancelled")["cancel_requested"]
        # What an agent leaves behind ends with its run.
        left = server.until(start(server, spec, "slow", then="leave"), "succeeded")
        (child,) = children(server, left["id"])
        assert server.until(child["id"], "cancelled")["parent"] == left["id"]


def test_a_called_workflow_that_asks_a_person_makes_the_agent_wait(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        spec = store(server, granted=TOOLS, model="caller")
        quick = server.until(start(server, spec, "quick", inputs={"n": 3}), "succeeded")
        assert quick["outputs"]["last"] == {"twice": 6}
        failed = server.until(start(server, spec, "failing"), "succeeded")
        assert failed["outputs"]["last"] == "error: It broke."
        run = server.until(start(server, spec, "asking"), "waiting")
        (wait,) = run["waiting_for"]
        (child,) = children(server, run["id"])
        assert (wait["kind"], wait["run"], wait["node"]) == ("external", child["id"], "w")
        (told,) = [one["data"] for one in server.events(run["id"]) if one["type"] == "agent.task-waits"]
        assert told == {"run": child["id"], "workflow": "asking", "for": ["Is it so?"]}
        refused = server.client.post(f"/runs/{run['id']}/resume", json={})
        assert f"waits for the end of the run {child['id']}" in refused.text
        server.kill()
    with serving(tmp_path, catalog) as server:  # what a run waits for outlives the server
        assert server.get(f"/runs/{run['id']}")["status"] == "waiting"
        server.post(f"/runs/{child['id']}/resume", {"answer": {"yes": True}})
        assert server.until(child["id"], "succeeded")["outputs"] == {"said": True}
        end = time.monotonic() + PATIENCE
        while (found := server.get(f"/runs/{run['id']}"))["status"] != "succeeded":
            assert time.monotonic() < end, found
            time.sleep(0.02)
        assert found["outputs"]["last"] == {"said": True}
        assert len(children(server, run["id"])) == 1


@pytest.mark.parametrize("failpoint", ["agent.called:1", "child.started:1", "agent.returned:1"])
def test_a_kill_between_the_start_of_a_task_and_its_record_starts_no_second_one(
    tmp_path: Path, catalog: Path, failpoint: str
) -> None:
    with serving(tmp_path, catalog, SPECLOOM_FAILPOINT=failpoint) as server:
        spec = store(server)
        answer = server.post(f"/specs/{spec}/execute", {"inputs": {"workflow": "quick", "inputs": {"n": 2}}})
        server.process.wait(PATIENCE)
        assert server.process.returncode == -9
    with serving(tmp_path, catalog) as server:
        run = server.until(answer["id"], "succeeded")
        (child,) = children(server, run["id"])
        assert run["outputs"]["last"]["task"] == child["id"]
        assert run["outputs"]["last"]["outputs"] == {"twice": 4}


def test_a_task_stops_at_what_the_run_that_started_it_may_use(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        spec = store(server, limits="limits: {tokens: 400}\n")
        run = server.until(start(server, spec, "talking"), "failed", "succeeded", "waiting")
        if run["status"] == "waiting":
            run = server.until(run["id"], "failed", "succeeded")
        child = server.until(child_of(server, run["id"]), "failed")
        assert child["error"]["name"] == "token-limit"
        assert "the run that started this one" in child["error"]["message"]
        assert run["status"] == "failed", "nothing is left for the supervisor either"
        assert run["error"]["name"] == "token-limit"
        assert child["usage"]["tokens"] <= 440


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_end_of_a_run_ends_what_it_has_started(tmp_path: Path, catalog: Path, is_killed: bool) -> None:  # noqa: FBT001
    with serving(tmp_path, catalog) as server:
        spec = store(server)
        run = server.until(start(server, spec, "slow"), "waiting")
        child = child_of(server, run["id"])
        if is_killed:
            server.kill()
        else:
            server.post(f"/runs/{run['id']}/cancel")
            assert server.until(child, "cancelled")["status"] == "cancelled"
    if is_killed:
        with serving(tmp_path, catalog) as server:
            server.post(f"/runs/{run['id']}/cancel")
            assert server.until(child, "cancelled")["status"] == "cancelled"


def test_the_time_of_a_run_is_that_of_its_tasks(tmp_path: Path, catalog: Path) -> None:
    with serving(tmp_path, catalog) as server:
        spec = store(server, limits="limits: {duration: 4s}\n")
        run = start(server, spec, "slow")
        child = child_of(server, run)
        assert server.until(child, "cancelled")["cancel_requested"]
        assert server.get(f"/runs/{run}")["error"]["name"] == "time-limit"
