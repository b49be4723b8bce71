"""Workflows as tools: the official client of MCP against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.journeys.server import Server, serving

pytestmark = pytest.mark.anyio
Json = Any
GREET = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: letters.greet, description: Writes a greeting., labels: {mcp: "true", a2a: "true", team: letters}}
inputs: {name: {type: string, description: Who is greeted.}, times: {type: integer, default: 1}}
state: {letter: {type: string}}
outputs: {letter: "${ state.letter }", times: "${ inputs.times }"}
start: write
nodes: {write: {set: {letter: "Dear ${ inputs.name }"}, next: end}}
"""
GATE = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: gate, labels: {mcp: "true", a2a: "true"}}
outputs: {verdict: "${ nodes.ask.result.verdict }"}
start: ask
nodes:
  ask:
    human: {title: Shall we?}
    result: {type: object, required: [verdict], properties: {verdict: {enum: ["yes", "no"]}}}
    next: {switch: "${ result.verdict }", cases: {"yes": end, "no": refused}}
  refused: {fail: {error: rejected, message: Somebody said no.}}
"""
HIDDEN = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: hidden}
state: {done: {type: boolean}}
start: write
nodes: {write: {set: {done: true}, next: end}}
"""
SPECS = (GREET, GATE, HIDDEN)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("mcp")
    (folder / "specloom.toml").write_text("")
    with serving(folder, folder / "specloom.toml") as server:
        for text in SPECS:
            server.post_spec(text)
        yield server


@asynccontextmanager
async def talking(server: Server, **headers: str) -> AsyncIterator[ClientSession]:
    url = f"{str(server.client.base_url).rstrip('/')}/mcp"
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as client,
        streamable_http_client(url, http_client=client) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def told(result: Any) -> Json:
    assert json.loads(result.content[0].text) == result.structuredContent
    return result.structuredContent


async def test_labelled_workflows_are_tools_and_are_called(server: Server):
    async with talking(server) as session:
        tools = {one.name: one for one in (await session.list_tools()).tools}
        assert tools.keys() == {
            *("letters_greet", "gate"),
            *("specloom_get_run", "specloom_list_runs", "specloom_run_events"),
        }
        greet = tools["letters_greet"]
        assert greet.description == "Writes a greeting."
        assert greet.inputSchema["properties"]["name"]["description"] == "Who is greeted."
        assert greet.inputSchema["required"] == ["name"]
        answer = await session.call_tool("letters_greet", {"name": "Ada"})
        assert not answer.isError
        assert told(answer) == {"letter": "Dear Ada", "times": 1}


async def test_wrong_inputs_and_unknown_tools_are_errors_that_say_why(server: Server):
    async with talking(server) as session:
        answer = await session.call_tool("letters_greet", {"name": 1})
        assert answer.isError
        assert told(answer)["problems"][0]["path"] == "/inputs/name"
        answer = await session.call_tool("hidden", {})
        assert answer.isError
        assert told(answer)["error"] == "there is no tool hidden"
        answer = await session.call_tool("specloom_get_run", {"run": "nope"})
        assert answer.isError
        assert told(answer)["name"] == "unknown-run"


async def test_a_run_that_waits_tells_for_what_and_is_looked_at(server: Server):
    async with talking(server) as session:
        waiting = told(await session.call_tool("gate", {}))
        assert waiting["status"] == "waiting"
        assert [one["title"] for one in waiting["waiting_for"]] == ["Shall we?"]
        run = waiting["run"]
        server.post(f"/runs/{run}/resume", {"answer": {"verdict": "no"}})
        server.until(run, "failed")
        assert told(await session.call_tool("specloom_get_run", {"run": run}))["error"]["name"] == "rejected"
        events = told(await session.call_tool("specloom_run_events", {"run": run}))["items"]
        assert events[0]["type"] == "run.queued"
        runs = told(await session.call_tool("specloom_list_runs", {"spec": "gate"}))["items"]
        assert run in [one["id"] for one in runs]


def test_what_other_doors_refuse_this_one_refuses_too(server: Server):
    accept = {"Accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    fine = server.client.post("/mcp", json=message, headers=accept)
    assert fine.status_code == 200
    assert fine.json()["result"]["tools"]
    foreign = server.client.post("/mcp", json=message, headers={**accept, "Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["name"]) == (403, "origin-not-allowed")
    other = server.client.post("/mcp", json=message, headers={**accept, "Host": "evil.example"})
    assert (other.status_code, other.json()["name"]) == (403, "host-not-allowed")
    broken = server.client.post("/mcp", content=b"{", headers={**accept, "Content-Type": "application/json"})
    assert broken.status_code == 400
    assert server.client.delete("/mcp").status_code == 405


def test_a_stream_that_is_open_does_not_keep_the_server_from_stopping(tmp_path: Path):
    (tmp_path / "specloom.toml").write_text("")
    with serving(tmp_path, tmp_path / "specloom.toml") as server:
        with server.client.stream("GET", "/mcp", headers={"Accept": "text/event-stream"}) as answer:
            assert answer.status_code == 200
            server.process.terminate()
            with suppress(httpx2.RemoteProtocolError):  # cut off, as any open stream
                assert list(answer.iter_bytes()) == []
        assert server.process.wait(30) == 0


async def test_a_token_is_asked_for_here_too(tmp_path: Path):
    (tmp_path / "specloom.toml").write_text("")
    with serving(tmp_path, tmp_path / "specloom.toml", SPECLOOM_TOKEN="t-12345") as server:  # noqa: S106
        assert server.client.post("/mcp", json={}).status_code == 401
        async with talking(server, Authorization="Bearer t-12345") as session:
            assert len((await session.list_tools()).tools) == 3
