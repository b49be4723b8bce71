"""Harnesses that are servers: a real one, over real HTTP, well and badly behaved."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from spec_service.integrations.harness_sidecar import Sidecar
from tests.unit.workflows.agents.harnesses.conftest import Heard
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import HarnessTask
from workflows.agents.harnesses.working import work
from workflows.errors import StepError
from workflows.tools.secrets import CatalogSecrets, SecretSource

pytestmark = pytest.mark.anyio
Json = Any
SECRETS = CatalogSecrets({"KEY": SecretSource(env="KEY")}, {"KEY": "k-123456"})


@dataclass
class Box:
    """A harness behind HTTP; `behave` writes its answer."""

    url: str = ""
    behave: Callable[[BaseHTTPRequestHandler, Json, Box], None] = lambda *_: None
    posted: list[Json] = field(default_factory=list)
    has_posted: threading.Event = field(default_factory=threading.Event)
    deleted: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def box() -> Iterator[Box]:
    found = Box()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if body["type"] == "start":
                found.behave(self, body, found)
                return
            found.posted.append((self.path, body))
            found.has_posted.set()
            self.send_response(204)
            self.end_headers()

        def do_DELETE(self) -> None:
            self.send_response(204)
            self.end_headers()
            found.deleted.set()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/agent"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield found
    server.shutdown()
    serving.join()
    server.server_close()


def begin(handler: BaseHTTPRequestHandler, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("content-type", "application/x-ndjson")
    handler.end_headers()


def say(handler: BaseHTTPRequestHandler, **message: Json) -> None:
    handler.wfile.write(json.dumps(message).encode() + b"\n")
    handler.wfile.flush()


async def answer(box: Box, heard: Heard | None = None, seconds: float = 30.0) -> Json:
    harness = Harness("side", protocol="http", url=box.url, headers={"X-Key": "Key {KEY}"}, timeout_seconds=seconds)
    task = HarnessTask(run="r1", step="s", idempotency_key="r1/s", input={"n": 1})
    return await work(Sidecar(SECRETS), harness, task, heard or Heard(), "00-1-2-01")


async def test_a_conversation_with_a_tool(box: Box):
    def behave(handler: BaseHTTPRequestHandler, start: Json, box: Box) -> None:
        begin(handler)
        say(handler, type="tool_call", id="1", name="double", arguments={"n": 4})
        assert box.has_posted.wait(30)
        path, told = box.posted[0]
        given = {name: handler.headers[name] for name in ("x-key", "traceparent", "idempotency-key")}
        say(handler, type="result", result=[path == f"/agent/{start['session']}", told["result"], given])

    box.behave = behave
    assert await answer(box, Heard({"double": lambda n: 2 * n})) == [
        True,
        8,
        {"x-key": "Key k-123456", "traceparent": "00-1-2-01", "idempotency-key": "r1/s"},
    ]
    assert not box.deleted.is_set()


@pytest.mark.parametrize(
    ("behave", "name", "says"),
    [
        (lambda handler, *_: begin(handler), "agent-failed", "ended without a `result`"),
        (lambda handler, *_: begin(handler, 503), "unavailable", "answered with status 503"),
        (lambda handler, *_: begin(handler, 500), "agent-failed", "answered with status 500"),
        (lambda handler, *_: (begin(handler), handler.wfile.write(b"<html>\n")), "agent-failed", "no JSON: '<html>'"),
    ],
)
async def test_one_that_misbehaves(box: Box, behave: Any, name: str, says: str):
    box.behave = behave
    with pytest.raises(StepError) as caught:
        await answer(box)
    assert caught.value.error_name == name
    assert says in caught.value.message


async def test_one_that_hangs_is_told_that_nobody_listens(box: Box):
    def behave(handler: BaseHTTPRequestHandler, start: Json, box: Box) -> None:
        begin(handler)
        say(handler, type="message", role="assistant", text=start["run"])
        box.deleted.wait(30)

    box.behave = behave
    with pytest.raises(StepError) as caught:
        await answer(box, seconds=0.5)
    assert caught.value.error_name == "timeout"
    assert box.deleted.wait(30)


async def test_one_that_is_not_there(box: Box):
    box.url = "http://127.0.0.1:9/agent"
    with pytest.raises(StepError) as caught:
        await answer(box)
    assert caught.value.error_name == "unavailable"
    assert "cannot be reached" in caught.value.message
