"""One conversation with a harness, from its task to its result: what it says is checked, passed on, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import RESULTS, HarnessTask
from workflows.agents.harnesses.ports import Conversation, Runtime
from workflows.errors import StepError
from workflows.tracing import TRACEPARENT

Json = Any
MOST_MESSAGES = 10_000  # of one conversation; each may become an event
END_SECONDS = 10.0  # for a harness to end after its last word
KEY_VARIABLE = "SPECLOOM_IDEMPOTENCY_KEY"


class Listener(Protocol):
    """Whoever had the harness started."""

    def heard(self, message: Mapping[str, Json]) -> None:
        """Take a `message`: what the agent, or its model, said."""
        ...

    def used(self, report: Mapping[str, Json]) -> None:
        """Take a `usage`; raises `StepError` when more was used than is allowed."""
        ...

    def traced(self, span: Mapping[str, Json]) -> None:
        """Take a `span`: work of the harness that is over."""
        ...

    async def called(self, name: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        """Call a granted tool and return `{result}` or `{error}`; raises `StepError` when it may not be called."""
        ...


async def work(  # noqa: PLR0913, PLR0917 - a conversation has two sides, a subject and an end
    runtime: Runtime,
    harness: Harness,
    task: HarnessTask,
    listener: Listener,
    traceparent: str | None = None,
    clock: asyncio.Timeout | None = None,
) -> Json:
    """Have a harness work on a task and return its result; `clock` is entered, and can be stopped by who gave it.

    Raises `StepError`: `agent-failed` when it says so, ends badly, talks nonsense or says nothing; `timeout`;
    `unavailable` when it cannot be started; and what the listener raises. Then it is stopped, with all its processes.
    """
    seconds = seconds_of(harness, task)
    variables = {KEY_VARIABLE: task.idempotency_key, **({TRACEPARENT: traceparent} if traceparent else {})}
    limit = clock or asyncio.timeout(seconds)
    talk: Conversation | None = None
    try:
        async with limit, runtime.open(harness, variables) as talk:
            await talk.say(task.start(traceparent))
            return await _result(talk, task, listener)
    except TimeoutError:
        if not limit.expired():
            raise
    except StepError as error:
        tail = error.tail or (talk.tail() if talk else "")
        raise StepError(
            f"{harness.name}: {error.message}", error_name=error.error_name, tail=tail, cause=error.cause
        ) from error
    tail = talk.tail() if talk else ""
    message = f"{harness.name}: took longer than {seconds:g} s; its processes are gone"
    raise StepError(message, error_name="timeout", tail=tail)


def seconds_of(harness: Harness, task: HarnessTask) -> float:
    """Return how long a harness may work on a task: the operator's time, or the spec's where that is shorter."""
    return min(harness.timeout_seconds, task.timeout_seconds or harness.timeout_seconds)


async def _result(talk: Conversation, task: HarnessTask, listener: Listener) -> Json:
    """Listen until nothing more comes, then to how it ended; its last word counts only if it ended well."""
    said: Mapping[str, Json] | None = None
    turns = 0
    for _ in range(MOST_MESSAGES):
        message = await _next(talk, is_over=said is not None)
        if message is None:
            break
        if said is not None and message["type"] in {*RESULTS, "message", "tool_call"}:
            raise StepError(f"it sent a `{message['type']}` after its last word", error_name="agent-failed")
        turns += message["type"] == "message" and message["role"] == "assistant"
        if task.max_turns is not None and turns > task.max_turns:
            raise StepError(f"it came to no answer within {task.max_turns} turns", error_name="agent-failed")
        if message["type"] in RESULTS:
            said = message
        else:
            await _pass_on(message, talk, listener)
    else:
        raise StepError(f"it sent more than {MOST_MESSAGES} messages", error_name="agent-failed")
    await talk.end()
    if said is None:
        raise StepError("it ended without a `result`", error_name="agent-failed")
    if said["type"] == "error":
        raise StepError(str(said["message"])[:4096], error_name="agent-failed")
    return said["result"]


async def _next(talk: Conversation, *, is_over: bool) -> Mapping[str, Json] | None:
    """Return the next message; what has said its last word has some seconds left to end."""
    try:
        async with asyncio.timeout(END_SECONDS if is_over else None):
            return await talk.hear()
    except TimeoutError:
        message = f"it did not end within {END_SECONDS:g} s of its last word; its processes are gone"
        raise StepError(message, error_name="agent-failed") from None


async def _pass_on(message: Mapping[str, Json], talk: Conversation, listener: Listener) -> None:
    match message["type"]:
        case "message":
            listener.heard(message)
        case "usage":
            listener.used(message)
        case "span":
            listener.traced(message)
        case _:
            answer = await listener.called(message["name"], message["arguments"])
            await talk.say({"type": "tool_result", "id": message["id"], **answer})
