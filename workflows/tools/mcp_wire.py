"""MCP over the standard input and output of a program of the operator's, which runs in a host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio

from workflows.hosting.errors import HostCrashed
from workflows.hosting.pool import HostPool
from workflows.hosting.programs import Program, RunningProgram, running
from workflows.tools.mcp_registry import McpGroup


@asynccontextmanager
async def spoken(pool: HostPool, group: McpGroup, over: asyncio.Event) -> AsyncGenerator[tuple[Any, Any]]:
    """Start the program and give the streams of messages that the SDK wants; `over` is set when it has ended.

    Lines that are no messages are passed on as errors, which the SDK reports and survives. Raises `HostFailure`s.
    """
    program = Program(group.command, env=group.env, cwd=group.cwd, limits=group.limits, sandbox=group.sandbox)
    async with running(pool, program) as process:
        from_server, read = anyio.create_memory_object_stream[Any](0)
        write, to_server = anyio.create_memory_object_stream[Any](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_hear, process, from_server, over)
            tasks.start_soon(_say, process, to_server)
            try:
                yield read, write
            except Exception as error:
                if over.is_set():
                    raise await _how_it_ended(process) from error
                raise
            finally:
                tasks.cancel_scope.cancel()
                for stream in (from_server, read, write, to_server):
                    stream.close()


async def _hear(process: RunningProgram, stream: Any, over: asyncio.Event) -> None:
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 - slow to import, and an extra
    from mcp.types import JSONRPCMessage  # noqa: PLC0415

    async with stream:
        try:
            while line := await process.reader.readline():
                if not line.strip():
                    continue
                try:
                    message: Any = SessionMessage(JSONRPCMessage.model_validate_json(line))
                except ValueError as error:
                    message = error
                await stream.send(message)
        except (ValueError, ConnectionError, anyio.BrokenResourceError):
            pass  # a line without an end, or nobody at the other side: it is over
        finally:
            over.set()


async def _say(process: RunningProgram, stream: Any) -> None:
    async with stream:
        async for message in stream:
            text = message.message.model_dump_json(by_alias=True, exclude_none=True)
            with suppress(ConnectionError):
                process.writer.write(text.encode() + b"\n")
                await process.writer.drain()


async def _how_it_ended(process: RunningProgram) -> HostCrashed:
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            code = await process.end()
            return HostCrashed(f"it ended with exit code {code}", exit_code=code, signal=None, tail=process.tail())
    return HostCrashed("it closed its output", exit_code=None, signal=None, tail=process.tail())
