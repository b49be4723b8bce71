"""Workflows as skills: the official client of A2A against a real server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import Client
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError, TaskNotCancelableError, TaskNotFoundError
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.journeys.server import Server, serving
from tests.journeys.test_mcp_door import SPECS

pytestmark = pytest.mark.anyio
Json = Any
SLOW = """
apiVersion: specloom/v1
kind: Workflow
metadata: {name: slow, labels: {a2a: "true"}}
start: rest
nodes: {rest: {wait: {for: 1h}, next: end}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("a2a")
    (folder / "specloom.toml").write_text("")
    with serving(folder, folder / "specloom.toml") as server:
        for text in (*SPECS, SLOW):
            server.post_spec(text)
        yield server


@asynccontextmanager
async def talking(server: Server, *, streaming: bool = False) -> AsyncIterator[Client]:
    url = str(server.client.base_url).rstrip("/")
    async with httpx.AsyncClient(timeout=60) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        yield ClientFactory(ClientConfig(streaming=streaming, httpx_client=http)).create(card)


def message(text: str = "", data: Json = None, **fields: Json) -> pb.SendMessageRequest:
    parts: list[Json] = [{"text": text}] if text else []
    parts += [{"data": data}] if data is not None else []
    body = {"messageId": uuid.uuid4().hex, "role": "ROLE_USER", "parts": parts, **fields}
    return ParseDict({"message": body}, pb.SendMessageRequest())


async def sent(client: Client, request: pb.SendMessageRequest) -> list[Json]:
    return [MessageToDict(one) for one in [one async for one in client.send_message(request)]]


async def test_the_card_names_labelled_workflows(server: Server):
    card = server.get("/.well-known/agent-card.json")
    assert [one["id"] for one in card["skills"]] == ["gate", "letters_greet", "slow"]
    assert card["skills"][1]["description"].startswith("Writes a greeting.")
    assert card["skills"][1]["tags"] == ["workflow", "team"]
    assert card["supportedInterfaces"][0]["url"] == f"{str(server.client.base_url).rstrip('/')}/a2a"
    assert "securitySchemes" not in card


async def test_a_message_is_a_run_and_a_run_is_a_task(server: Server):
    async with talking(server) as client:
        request = message(data={"name": "Ada", "times": 3}, metadata={"skill": "letters_greet"}, contextId="c-1")
        [answer] = await sent(client, request)
        task = answer["task"]
        assert task["status"]["state"] == "TASK_STATE_COMPLETED"
        assert task["contextId"] == "c-1"
        assert task["artifacts"][0]["parts"][0]["data"] == {"letter": "Dear Ada", "times": 3}
        [again] = await sent(client, request)
        assert again["task"]["id"] == task["id"]
        found = MessageToDict(await client.get_task(pb.GetTaskRequest(id=task["id"])))
        assert found == task
        listed = await client.list_tasks(pb.ListTasksRequest(context_id="c-1"))
        assert [one.id for one in listed.tasks] == [task["id"]]
        assert server.get(f"/runs/{task['id']}")["inputs"] == {"name": "Ada", "times": 3}


async def test_a_text_is_the_one_input_that_is_needed(server: Server):
    async with talking(server) as client:
        [answer] = await sent(client, message("Ada Lovelace", metadata={"skill": "letters.greet"}))
        assert answer["task"]["artifacts"][0]["parts"][0]["data"]["letter"] == "Dear Ada Lovelace"


async def test_status_is_streamed_and_a_question_is_answered_by_a_message(server: Server):
    async with talking(server, streaming=True) as client:
        events = await sent(client, message("Begin.", metadata={"skill": "gate"}))
        task = events[0]["task"]["id"]
        last = events[-1]["statusUpdate"]["status"]
        assert last["state"] == "TASK_STATE_INPUT_REQUIRED"
        assert last["message"]["parts"][0]["text"] == "Shall we?"
        events = await sent(client, message(data={"verdict": "yes"}, taskId=task))
        assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
        assert events[-2]["artifactUpdate"]["artifact"]["parts"][0]["data"] == {"verdict": "yes"}
        assert server.get(f"/runs/{task}")["status"] == "succeeded"


async def test_a_task_is_cancelled_once(server: Server):
    async with talking(server) as client:
        request = message("Begin.", metadata={"skill": "slow"})
        request.configuration.return_immediately = True
        [answer] = await sent(client, request)
        task = answer["task"]["id"]
        cancelled = await client.cancel_task(pb.CancelTaskRequest(id=task))
        assert cancelled.status.state == pb.TASK_STATE_CANCELED
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(pb.CancelTaskRequest(id=task))


async def test_what_goes_wrong_is_said_in_the_protocols_words(server: Server):
    async with talking(server) as client:
        with pytest.raises(InvalidParamsError, match="say which skill is meant"):
            await sent(client, message("Begin."))
        with pytest.raises(InvalidParamsError):
            await sent(client, message(data={"name": 1}, metadata={"skill": "letters_greet"}))
        with pytest.raises(TaskNotFoundError):
            await client.get_task(pb.GetTaskRequest(id="nope"))
        server.post("/specs/hidden/execute?wait=true", {}, status=200)
        hidden = server.get("/runs?spec=hidden")["items"][0]["id"]
        with pytest.raises(TaskNotFoundError):
            await client.get_task(pb.GetTaskRequest(id=hidden))


def test_the_doors_ask_for_a_token_and_the_card_says_so(tmp_path: Path):
    (tmp_path / "specloom.toml").write_text("")
    with serving(tmp_path, tmp_path / "specloom.toml", SPECLOOM_TOKEN="t-12345") as server:  # noqa: S106
        assert server.client.post("/a2a", json={}).status_code == 401
        assert server.client.get("/.well-known/agent-card.json").status_code == 401
        told = server.client.get("/.well-known/agent-card.json", headers={"Authorization": "Bearer t-12345"}).json()
        assert told["securitySchemes"]["bearer"]["httpAuthSecurityScheme"] == {"scheme": "Bearer"}
