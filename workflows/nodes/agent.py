"""The verb `agent`: lets a model with tools work until it has an answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from translator.language.digest import canonical_json
from translator.planning.plan import AgentBinding
from workflows.agents.agents import Agents
from workflows.agents.answers import Wanted
from workflows.agents.conversation import Conversation, shortened
from workflows.agents.harnesses.running import run_harness
from workflows.agents.talk import Talk
from workflows.errors import StepError
from workflows.nodes.call import NodeCall

Json = Any
_BEGIN = "Begin."  # what an agent is told that is given nothing
_LED_NOWHERE = frozenset({"invalid-result", "agent-failed", "crashed"})
"""Errors after which a further try begins anew; after the others it goes on with what was said."""


async def work(call: NodeCall) -> Json:
    """Return the agent's result; raises `StepError`s, and `Quiet` while it waits for a person."""
    binding, agents = call.program.step.agent, call.attempt.ports.agents
    if binding is not None and binding.harness is not None:
        return await run_harness(call)
    if binding is None or binding.model is None or agents is None:
        raise StepError("the plan binds this step to no model", error_name="unavailable")
    await agents.ready()
    conversation = Conversation.of(call)
    try:
        return await _within_time(call, binding, agents, conversation)
    except StepError as error:
        if error.error_name in _LED_NOWHERE:
            conversation.close()
        raise


async def _within_time(call: NodeCall, binding: AgentBinding, agents: Agents, conversation: Conversation) -> Json:
    """Let the agent work for as long as the step may take; time in which a person is asked does not count."""
    seconds = call.program.step.timeout_seconds
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            return await _worked(call, binding, agents, conversation, clock)
    except TimeoutError:
        raise StepError(f"took longer than {seconds or 0:g} s", error_name="timeout") from None


async def _worked(
    call: NodeCall, binding: AgentBinding, agents: Agents, conversation: Conversation, clock: asyncio.Timeout
) -> Json:
    from workflows.agents.graphs import build, converse  # noqa: PLC0415 - langchain takes a second

    wanted = Wanted.of(call)
    built = agents.graph(_digest(binding, wanted), lambda: build(binding.tools, wanted))
    card = agents.card(binding.model.name if binding.model else "")
    talk = Talk(
        conversation=conversation,
        binding=binding,
        card=card,
        model=agents.model(card),
        scrubber=agents.scrubber(card),
        instructions=await _instructions(call, binding, wanted),
        tools={one.name: one for one in binding.tools},
        clock=clock,
        validators=built.validators,
    )
    given = json.dumps(call.arguments, ensure_ascii=False) if call.arguments else _BEGIN
    history = await conversation.remembered() if binding.memory else []
    if conversation.is_new:
        data = {"role": "user", "text": shortened(given)}
        conversation.attempt.append(conversation.tell("agent.message", data))
    result, messages = await converse(built.graph, talk, wanted, given, history)
    if binding.memory:
        await conversation.keep_whole(messages)
    return result


async def _instructions(call: NodeCall, binding: AgentBinding, wanted: Wanted) -> str:
    said = binding.prompt_text
    if call.program.instructions is not None:
        said = str(await call.evaluate(call.program.instructions))
    among = call.program.step.among
    choice = f"\n\nChoose where to go on from: {', '.join(among)}." if among else ""
    return f"{said}{choice}{wanted.hint}".strip()


def _digest(binding: AgentBinding, wanted: Wanted) -> str:
    """Return a name for all that the graph of an agent is made of."""
    tools = [one.model_dump(mode="json") for one in binding.tools]
    return hashlib.sha256(canonical_json([tools, wanted.tool_schema])).hexdigest()
