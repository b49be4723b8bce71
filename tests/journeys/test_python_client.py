"""The Python client against a real server, which is killed in the middle, and against the service in this process."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from specloom_client import AsyncClient, Client, Refused, Run, RunFailed, SpecloomError, Unreachable

from tests.journeys.server import ROOT, Server, serving

GATE = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: gate}
inputs: {topic: {type: string}}
outputs: {comment: "${ nodes.ask.result.comment }", file: "${ nodes.collect.result.outputs.uri }"}
start: collect
nodes:
  collect: {luigi: market.CollectSources@*, with: {topic: "${ inputs.topic }"}, next: ask}
  ask:
    human: {title: "Go on with ${ inputs.topic }?"}
    result:
      type: object
      required: [verdict]
      properties: {verdict: {enum: [reject, approve]}, comment: {type: string}}
    next: {switch: "${ result.verdict }", cases: {approve: end, reject: refused}}
  refused: {fail: {error: rejected, message: Somebody said no.}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(str(server.client.base_url)) as opened:
        yield opened


def goes_through_the_main_job(client: Client) -> None:
    spec = client.create_spec(GATE)
    assert spec.name == "gate"
    plan = client.plan(spec.id)
    assert {step["id"] for step in plan.steps} == {"collect", "ask", "refused"}
    run = client.execute(spec.id, {"topic": "tin"}, plan=plan.digest, labels={"a": "b"}).wait(60)
    assert (run.status, run.waiting_for[0].title) == ("waiting", "Go on with tin?")
    run.approve(comment="fine").wait(60)
    assert (run.status, run.outputs["comment"]) == ("succeeded", "fine")
    events = list(run.events())
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "run.succeeded"
    assert [one.seq for one in run.events(after=events[-3].seq)] == [one.seq for one in events[-2:]]
    (artifact,) = [one for one in run.artifacts() if one.path.endswith(".json")]
    assert json.loads(run.read_artifact(artifact.path))["topic"] == "tin"
    assert run.id in [one.id for one in client.runs(spec="gate", status="succeeded")]
    assert client.run(run.id).state == run.refresh().state
    assert "gate" in [one.name for one in client.specs()]


def test_the_main_job(client: Client):
    goes_through_the_main_job(client)


def test_refusals_tell_every_problem(client: Client):
    with pytest.raises(Refused) as refused:
        client.create_spec(GATE.replace("start: collect", "start: colect"))
    assert (refused.value.status, refused.value.name) == (422, "unknown-node")
    assert refused.value.problems[0]["line"] == 6
    with pytest.raises(Refused, match="unknown-run"):
        client.run("none")
    client.create_spec(GATE)
    run = client.execute("gate", {"topic": "x"}).cancel().wait(60)
    with pytest.raises(SpecloomError, match="asks nothing"):
        run.approve()


def test_results_of_what_is_not_over_well(client: Client):
    client.create_spec(GATE)
    run = client.execute("gate", {"topic": "zinc"})
    with pytest.raises(RunFailed, match="waiting"):
        run.result(60)
    asked = client.execute("gate", {"topic": "zinc"})
    asked.wait(60)
    assert asked.status == "waiting"
    asked.cancel().wait(60)
    assert asked.status == "cancelled"
    run.resume({"verdict": "reject"})
    with pytest.raises(RunFailed, match="Somebody said no"):
        run.result(60)
    assert run.error is not None
    assert run.error["name"] == "rejected"


def test_one_stage(client: Client):
    (task,) = [one for one in client.tasks() if one.task == "market.CollectSources"]
    assert task == client.task(task.name)
    result = client.invoke(task.name, {"topic": "lead"}, read="json")
    assert (result.status, result.result["data"]["topic"]) == ("success", "lead")
    run = client.run_stage(task.name, {"topic": "lead"}, idempotency_key="lead-1").wait(60)
    assert client.run_stage(task.name, {"topic": "lead"}, idempotency_key="lead-1").id == run.id
    assert run.task_result().status == "success"


SIGNAL = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: signalled}
outputs: {got: "${ nodes.pause.result }"}
start: pause
nodes:
  pause: {wait: {signal: go}, timeout: 1h, next: end}
"""


def test_waiting_for_a_signal_is_no_reason_to_stop_waiting(client: Client):
    client.create_spec(SIGNAL)
    run = client.execute("signalled")
    with pytest.raises(TimeoutError):
        run.wait(0.3)
    assert run.signal("go", {"a": 1}).result(60) == {"got": {"a": 1}}


class Relay(socketserver.ThreadingTCPServer):
    """A port that stays, in front of servers that come and go."""

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Pump)
        self.target = target

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Pump(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.target)) as far:
            back = threading.Thread(target=self._pump, args=(far, self.request))
            back.start()
            self._pump(self.request, far)
            back.join()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def relaying(target: int) -> Iterator[Relay]:
    with Relay(target) as relay:
        threading.Thread(target=relay.serve_forever, args=[0.05]).start()
        yield relay
        relay.shutdown()


def port_of(server: Server) -> int:
    return server.client.base_url.port or 0


def test_events_survive_a_server_that_is_killed(tmp_path: Path):
    seen: list[int] = []
    asked = threading.Event()

    def follow(run: Run) -> None:
        for event in run.events():
            seen.append(event.seq)
            if event.type == "run.waiting":
                asked.set()

    with serving(tmp_path) as first, relaying(port_of(first)) as relay, Client(relay.url) as client:
        client.create_spec(GATE)
        run = client.execute("gate", {"topic": "iron"}).wait(60)
        following = threading.Thread(target=follow, args=[client.run(run.id)])
        following.start()
        assert asked.wait(60)
        first.kill()
        with serving(tmp_path) as second:
            relay.target = port_of(second)
            run.approve().wait(60)
            following.join(60)
            assert seen == [event.seq for event in run.events()]
            assert seen == list(range(1, len(seen) + 1))


def test_nobody_answers():
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable):
        client.run("x")


def test_without_a_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with Client.local(catalog=ROOT / "specloom.toml", data=tmp_path / "data") as client:
        goes_through_the_main_job(client)
        with pytest.raises(Refused, match="unknown-run"):
            client.run("none")
    assert capfd.readouterr() == ("", "")


@pytest.mark.anyio
async def test_without_a_server_on_a_loop(tmp_path: Path):
    async with AsyncClient.local(catalog=ROOT / "specloom.toml", data=tmp_path / "data") as client:
        await client.create_spec(GATE)
        run = await client.execute("gate", {"topic": "tin"})
        kinds: list[str] = []
        async for event in run.events():
            kinds.append(event.type)
            if event.type == "run.waiting":
                await run.approve("ask", comment="now")
        assert kinds[-1] == "run.succeeded"
        assert (await run.refresh()).outputs["comment"] == "now"


def test_a_client_that_cannot_open_says_why(tmp_path: Path):
    (tmp_path / "specloom.toml").write_text("[luigi")
    with pytest.raises(Exception, match=r"specloom\.toml"):
        Client.local(catalog=tmp_path / "specloom.toml", data=tmp_path / "data")
