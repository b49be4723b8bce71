"""The client over HTTP sends a request again when the connection is lost, and each request has one key."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from spec_service.cli.client import ServerRefused, ServerUnreachable
from spec_service.cli.http_client import open_http_client
from spec_service.requests import GO_ON, ExecuteRequest, ResumeRequest
from spec_service.settings import Settings

pytestmark = pytest.mark.anyio
REFUSAL = b'{"name": "unknown-run", "detail": "There is no such run."}'


@asynccontextmanager
async def dropping(times: int, received: list[bytes]) -> AsyncGenerator[str]:
    """Serve on loopback; the first connections are closed when their request has come."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        received.append(head + (await reader.readexactly(int(length[1])) if length else b""))
        if len(received) > times:
            head = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(REFUSAL)
            writer.write(head + REFUSAL)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def key_of(request: bytes) -> str:
    found = re.search(rb"(?i)\r\nidempotency-key: *(\S+)", request)
    assert found, request
    return found[1].decode()


async def test_a_lost_request_is_sent_once_more_with_the_same_key():
    received: list[bytes] = []
    async with dropping(1, received) as url, open_http_client(url, Settings(), is_near=True) as client:
        with pytest.raises(ServerRefused, match="no such run"):
            await client.retry("r")
    assert len(received) == 2
    assert received[0] == received[1]
    assert received[0].startswith(b"POST /runs/r/retry ")
    assert len(key_of(received[0])) == 36


async def test_what_is_lost_twice_is_told():
    received: list[bytes] = []
    async with dropping(9, received) as url, open_http_client(url, Settings(), is_near=True) as client:
        with pytest.raises(ServerUnreachable):
            await client.cancel("r")
    assert len(received) == 2


async def test_every_request_that_does_something_has_a_key_of_its_own():
    received: list[bytes] = []
    async with dropping(0, received) as url, open_http_client(url, Settings(), is_near=True) as client:
        asked = [
            client.create_spec(b"a: b", "yaml"),
            client.execute("s", ExecuteRequest()),
            client.resume("r", ResumeRequest(None)),
            client.resume("r", GO_ON),
            client.retry("r"),
            client.cancel("r"),
        ]
        for one in asked:
            with pytest.raises(ServerRefused):
                await one
        with pytest.raises(ServerRefused):
            await client.get_run("r")
    assert len({key_of(one) for one in received[:-1]}) == len(asked)
    assert b"idempotency-key" not in received[-1].lower()
    assert [one.rpartition(b"\r\n\r\n")[2] for one in received[2:4]] == [b'{"answer": null}', b"{}"]
