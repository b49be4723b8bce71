"""Spans of runs reach a real OTLP receiver, nested as they were made, however the runs end."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from spec_service.requests import read_traceparent
from spec_service.settings import Settings

YAML = {"Content-Type": "application/yaml"}
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ERROR = 2  # status code of a span
TOOLS = '''
import asyncio, os
from langchain_core.tools import tool

@tool
def parent() -> dict:
    """Tell below which span this process works."""
    return {"traceparent": os.environ.get("TRACEPARENT")}

@tool
async def nap(seconds: float) -> dict:
    """Sleep on the loop."""
    await asyncio.sleep(seconds)
    return {}

@tool
async def broken(secret: str) -> dict:
    """Fail with a text that nobody should read."""
    raise ValueError(f"the secret is {secret}")
'''
STAGES = """
import os
import luigi

class Base(luigi.Task):
    def output(self):
        return luigi.LocalTarget("base.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(os.environ.get("TRACEPARENT", ""))

class Top(luigi.Task):
    def requires(self):
        return Base()

    def output(self):
        return luigi.LocalTarget("top.txt")

    def run(self):
        with self.input().open() as below, self.output().open("w") as file:
            file.write(below.read())
"""
CATALOG = """
[tools.t]
modules = ["traced_tools"]
path = ["."]
version = "1.0.0"

[luigi.s]
modules = ["traced_stages"]
path = ["."]
version = "1.0.0"
"""
HEAD = "apiVersion: specloom/v1\nkind: Workflow\nmetadata: {name: NAME}\n"
GOOD = """
outputs: {of: "${ nodes.call.result.traceparent }", task: "${ nodes.build.result.data }"}
start: both
nodes:
  both: {dag: {call: {tool: t.parent@1}, build: {luigi: s.Top@*, read: text}}, next: end}
"""
BAD = """
start: a
nodes: {a: {tool: t.broken@1, with: {secret: hunter2}, next: end}}
"""
LONG = """
start: a
nodes: {a: {tool: t.nap@1, with: {seconds: 600}, next: end}}
"""
LATE = """
start: a
limits: {duration: 1s}
nodes: {a: {tool: t.nap@1, with: {seconds: 600}, next: end}}
"""


@dataclass
class Receiver:
    """What a collector has been sent."""

    url: str = ""
    status: int = 200
    requests: int = 0
    spans: list = field(default_factory=list)
    bodies: bytes = b""

    def of(self, trace: str) -> dict:
        return {one.name: one for one in self.spans if one.trace_id.hex() == trace}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests += 1
            found.bodies += body
            if found.status == 200:
                request = ExportTraceServiceRequest.FromString(body)
                found.spans += [
                    span
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                ]
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(found.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def home(tmp_path_factory, run_server, receiver):
    folder = tmp_path_factory.mktemp("traced")
    (folder / "traced_tools.py").write_text(TOOLS)
    (folder / "traced_stages.py").write_text(STAGES)
    (folder / "specloom.toml").write_text(CATALOG)
    settings = Settings(data=folder / "data", catalog=folder / "specloom.toml", port=0, otlp_endpoint=receiver.url)
    with run_server(settings) as started:
        yield started


def executed(client, name: str, spec: str, *, headers: dict | None = None, wait: int = 30) -> dict:
    assert client.post("/specs", content=HEAD.replace("NAME", name) + spec, headers=YAML).status_code in {200, 201}
    return client.post(f"/specs/{name}/execute?wait={wait}", json={}, headers=headers or {}).json()


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def told(receiver: Receiver, name: str, run: str):
    """Return the span of a whole run, and all of its trace by name, once it was told."""
    until(
        lambda: any(one.name == f"run {name}" and attributes(one)["specloom.run.id"] == run for one in receiver.spans)
    )
    root = next(
        one for one in receiver.spans if attributes(one).get("specloom.run.id") == run and one.name[:4] == "run "
    )
    return root, receiver.of(root.trace_id.hex())


def attributes(span) -> dict:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def above(spans: dict, name: str) -> list[str]:
    """Return the names of the spans around one, the innermost first."""
    ids = {one.span_id: one for one in spans.values()}
    found, span = [], spans[name]
    while span.parent_span_id in ids:
        span = ids[span.parent_span_id]
        found.append(span.name)
    return found


def test_a_run_is_one_trace_below_the_callers_span(home, receiver):
    with home.client() as client:
        run = executed(client, "good", GOOD, headers={"traceparent": CALLER})
    assert run["status"] == "succeeded", run
    root, spans = told(receiver, "good", run["id"])
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == tuple(CALLER.split("-")[1:3])
    around = ["step both", "invoke_workflow good", "run good"]
    assert above(spans, "execute_tool t.parent") == ["step call", *around]
    assert above(spans, "luigi task s.Base") == ["step build", *around] or above(spans, "luigi task Base") == [
        "step build",
        *around,
    ]
    tool, task = spans["execute_tool t.parent"], next(one for name, one in spans.items() if name.endswith("Base"))
    assert run["outputs"]["of"].split("-")[1:3] == [root.trace_id.hex(), tool.span_id.hex()]
    assert run["outputs"]["task"].split("-")[1:3] == [root.trace_id.hex(), task.span_id.hex()]
    assert attributes(tool)["gen_ai.operation.name"] == "execute_tool"
    assert attributes(spans["invoke_workflow good"])["gen_ai.operation.name"] == "invoke_workflow"
    assert {one.status.code for one in spans.values()} == {0}
    assert all(one.start_time_unix_nano <= one.end_time_unix_nano for one in spans.values())


@pytest.mark.parametrize(
    ("name", "why", "tool", "inner"),
    [
        ("bad", "tool-failed", "execute_tool t.broken", "tool-failed"),
        ("late", "time-limit", "execute_tool t.nap", "cancelled"),
    ],
)
def test_a_run_that_fails_closes_its_spans_and_tells_no_secrets(request, name, why, tool, inner):
    home, receiver = request.getfixturevalue("home"), request.getfixturevalue("receiver")
    with home.client() as client:
        run = executed(client, name, {"bad": BAD, "late": LATE}[name])
    assert run["error"]["name"] == why
    _, spans = told(receiver, name, run["id"])
    assert above(spans, tool) == ["step a", f"invoke_workflow {name}", f"run {name}"]
    assert {one.status.code for one in spans.values()} == {ERROR}
    whys = [attributes(spans[one])["error.type"] for one in (f"run {name}", f"invoke_workflow {name}", tool)]
    assert whys == [why, why, inner]
    assert b"hunter2" not in receiver.bodies


def test_a_cancelled_run_closes_its_spans(home, receiver):
    with home.client() as client:
        run = executed(client, "long", LONG, wait=1)
        client.post(f"/runs/{run['id']}/cancel")
    _, spans = told(receiver, "long", run["id"])
    assert set(spans) == {"run long", "invoke_workflow long", "step a", "execute_tool t.nap"}
    assert {attributes(one)["error.type"] for one in spans.values()} == {"cancelled"}


def test_what_cannot_be_exported_is_counted_and_fails_no_run(home, receiver):
    receiver.status = 400
    try:
        with home.client() as client:
            run = executed(client, "lost", LONG.replace("600", "0"))
            assert run["status"] == "succeeded"
            until(lambda: "specloom_spans_not_exported_total 0.0" not in client.get("/metrics").text)
    finally:
        receiver.status = 200


def test_without_a_collector_nothing_is_loaded(tmp_path):
    code = """
import asyncio, sys
from pathlib import Path
from spec_service.bootstrap import open_services
from spec_service.settings import Settings
async def main():
    async with open_services(Settings(data=Path(sys.argv[1]))) as services:
        await services.checkpoints.get()
    ours = ("opentelemetry.exporter", "spec_service.integrations.telemetry")  # LangSmith loads the SDK where it is
    print([name for name in sys.modules if name.startswith(ours)])
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1].replace("'", '"')) == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (CALLER, CALLER),
        (CALLER.replace("00-", "cc-", 1) + "-more", CALLER),
        (CALLER + "-more", None),
        (CALLER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), None),
        (CALLER.replace("00-", "ff-", 1), None),
        ("nonsense", None),
    ],
)
def test_the_header_is_read_as_the_standard_says(text, read):
    assert read_traceparent([text]) == read
    assert read_traceparent([text, text]) is None
