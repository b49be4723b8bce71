"""An agent that waits for a person while its server is killed and another one started: over real HTTP, at both ends."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.server import PATIENCE, serving
from tests.unit.workflows.agents.model_server import Answer, ModelServer, model_server, says

Json = Any
TOOLS = '''\
"""A tool that writes down how it was called."""

import json
import os
import pathlib
import time

from langchain_core.tools import tool


@tool
def send(to: str, text: str) -> dict:
    """Send a text."""
    with pathlib.Path("SENT").open("a") as file:
        file.write(json.dumps({"to": to, "text": text}) + "\\n")
    return {"sent_to": to}


@tool
def hang() -> str:
    """Tell who works here, and never come back."""
    pathlib.Path("HANGS").write_text(str(os.getpid()))
    while True:
        time.sleep(3600)
'''
CATALOG = """\
[tools.mail]
modules = ["mail"]
path = ["."]
requires_approval = ["send"]

[models.writer]
provider = "openai"
model = "m"
base_url = "URL"
price_in = 1000.0
price_out = 2000.0
"""
SPEC = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: letters}
outputs: {text: "${ nodes.write.result.text }"}
start: write
nodes:
  write: {agent: {model: writer, instructions: Write., tools: [mail.send]}, with: {topic: tin}, next: end}
"""
ASKED = {"to": "all", "text": "Tin is grey."}
EDITED = {"to": "one", "text": "Tin is a grey metal."}


@contextmanager
def answering(*answers: Answer) -> Iterator[ModelServer]:
    """Serve answers of a model on a loop of its own, beside the test and longer than any server of ours."""
    ready, found = threading.Event(), list[ModelServer]()
    loop, over = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with model_server(*answers) as server:
            found.append(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    path = tmp_path / "sent.jsonl"
    (tmp_path / "mail.py").write_text(TOOLS.replace("SENT", str(path)).replace("HANGS", str(tmp_path / "hangs")))
    return path


@pytest.mark.parametrize("decision", ["approve", "edit"])
def test_a_killed_server_asks_no_model_and_calls_no_tool_twice(tmp_path: Path, sent: Path, decision: str) -> None:
    catalog = tmp_path / "specloom.toml"
    with answering(says("One moment.", calls=[("mail_send", ASKED)]), says("It is sent.")) as models:
        catalog.write_text(CATALOG.replace("URL", models.url))
        with serving(tmp_path, catalog) as server:
            server.post_spec(SPEC)
            run = server.post("/specs/letters/execute", {"inputs": {}})["id"]
            waiting = server.until(run, "waiting")
            server.kill()
        assert len(models.asked) == 1
        assert not sent.exists()
        with serving(tmp_path, catalog) as server:
            again = server.until(run, "waiting")
            assert again["usage"] == waiting["usage"]
            (question,) = again["waiting_for"]
            assert question["show"] == {"tool": "mail.send", "arguments": ASKED}
            answer = {"decision": "approve"} if decision == "approve" else {"decision": "edit", "arguments": EDITED}
            server.post(f"/runs/{run}/resume", {"interrupt_id": question["interrupt_id"], "answer": answer})
            done = server.until(run, "succeeded")
    assert len(models.asked) == 2
    given = EDITED if decision == "edit" else ASKED
    assert [json.loads(line) for line in sent.read_text().splitlines()] == [given]
    told = [one["content"] for one in models.bodies[1]["messages"] if one["role"] == "tool"]
    assert [json.loads(one) for one in told] == [{"sent_to": given["to"]}]
    assert done["outputs"] == {"text": "It is sent."}
    assert {key: done["usage"][key] for key in ("model_calls", "tool_calls", "tokens_in")} == {
        "model_calls": 2,
        "tool_calls": 1,
        "tokens_in": 20,
    }


HANGING = """\
apiVersion: specloom/v1
kind: Workflow
metadata: {name: hanging}
start: write
nodes:
  write:
    agent: {model: writer, instructions: Write., tools: [mail.hang]}
    timeout: TIMEOUT
    next: end
"""


def is_gone(pid: int) -> bool:
    """Tell whether a process is gone, or only its number is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("ending", ["timeout", "cancel"])
def test_a_tool_that_hangs_ends_with_the_step(tmp_path: Path, ending: str) -> None:
    """The tool works in a host of its own, which is killed; what was used until then is recorded."""
    catalog, hangs = tmp_path / "specloom.toml", tmp_path / "hangs"
    with answering(says(calls=[("mail_hang", {})])) as models:
        catalog.write_text(CATALOG.replace("URL", models.url))
        with serving(tmp_path, catalog) as server:
            server.post_spec(HANGING.replace("TIMEOUT", "20s" if ending == "timeout" else "1h"))
            run = server.post("/specs/hanging/execute", {"inputs": {}})["id"]
            eventually(lambda: hangs.exists() and hangs.read_text() != "")
            pid = int(hangs.read_text())
            assert not is_gone(pid)
            if ending == "cancel":
                server.post(f"/runs/{run}/cancel")
            ended = server.until(run, "failed" if ending == "timeout" else "cancelled")
            eventually(lambda: is_gone(pid))
            calls = [one["data"]["tool"] for one in server.events(run) if one["type"] == "agent.tool-called"]
    assert (ended["error"] or {}).get("name") == ("timeout" if ending == "timeout" else None)
    assert calls == ["mail.hang"]
    assert (len(models.asked), ended["usage"]["model_calls"], ended["usage"]["tokens_in"]) == (1, 1, 10)
