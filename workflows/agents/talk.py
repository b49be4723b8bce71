"""An agent at work: its conversation, what it may call, and how many of its calls are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from translator.language.schemas import Validator
from translator.planning.agents import RESULT
from translator.planning.plan import AgentBinding, AgentTool
from workflows.activity import Quiet
from workflows.agents.cards import ModelCard
from workflows.agents.conversation import Conversation
from workflows.errors import StepError
from workflows.records import StepExecution
from workflows.tools.scrubbing import Scrubber

Json = Any
MOST_TURNS = 25  # of an agent whose author says nothing


@dataclass
class Talk:
    """What the graph of an agent is given when it runs."""

    conversation: Conversation
    binding: AgentBinding
    card: ModelCard
    model: Any  # BaseChatModel
    scrubber: Scrubber
    instructions: str
    tools: Mapping[str, AgentTool]
    clock: asyncio.Timeout  # of the step; it stands still while a person is asked
    validators: Mapping[str, Validator] = field(default_factory=dict[str, Validator])  # of arguments, by tool
    bound: Mapping[str, Any] | None = None  # what the model makes of its tools
    begun: dict[str, StepExecution] = field(default_factory=dict[str, StepExecution])
    """Records of calls that were queued with the answer, by number, until the graph comes to the calls."""
    _writing: asyncio.Future[None] | None = None
    _under_way: int = 0
    _asking: int = 0
    _left: float | None = None

    def next_turn(self) -> int:
        """Return the number of the next answer; raises `StepError` when there were enough, and `Quiet` at a stop."""
        conversation, most = self.conversation, self.binding.max_turns or MOST_TURNS
        conversation.turn += 1
        if conversation.turn > most:
            message = f"the agent came to no answer within {most} turns of its model"
            raise StepError(message, error_name="agent-failed")
        control = conversation.attempt.control
        if control is not None and control.drain_requested and conversation.recorded(str(conversation.turn)) is None:
            raise Quiet
        return conversation.turn

    def expect(self, calls: Sequence[Mapping[str, Any]]) -> None:
        """Take note of the calls in an answer: they are made at the same time, and each may have to wait."""
        turn = self.conversation.turn
        made = [one for one in calls if one["name"] != RESULT]
        for place, one in enumerate(made, 1):
            self.conversation.calls[one["id"]] = f"{turn}.{place}"
        self._under_way = len(made)
        if made:
            self.conversation.call.visit.activity.begin(len(made) - 1)

    def hurry(self) -> None:
        """Let what is queued be written, and do not wait for it: whoever does is told if it is not."""
        self._writing = asyncio.ensure_future(self.conversation.attempt.ports.journal.durable())
        self._writing.add_done_callback(_look_at)

    @asynccontextmanager
    async def strand(self) -> AsyncGenerator[None]:
        """Count a call while it is under way; the last one leaves its turn to the agent."""
        has_stopped_moving = False
        try:
            yield
        except Quiet:
            has_stopped_moving = True
            raise
        finally:
            self._under_way -= 1
            self._set_clock()
            if not has_stopped_moving and self._under_way:
                self.conversation.call.visit.activity.end()

    @asynccontextmanager
    async def standing_still(self) -> AsyncGenerator[None]:
        """Stop the step's clock while somebody is asked and nothing else is under way."""
        self._asking += 1
        self._set_clock()
        try:
            yield
        finally:
            self._asking -= 1
            self._set_clock()

    def _set_clock(self) -> None:
        loop, end = asyncio.get_running_loop(), self.clock.when()
        if self.clock.expired():
            return
        if self._asking and self._asking >= self._under_way:
            if end is not None:
                self._left = end - loop.time()
                self.clock.reschedule(None)
        elif self._left is not None:
            self.clock.reschedule(loop.time() + self._left)
            self._left = None


def _look_at(writing: asyncio.Future[None]) -> None:
    if not writing.cancelled():
        writing.exception()  # else asyncio reports it as lost


TALK: ContextVar[Talk] = ContextVar("talk")
"""The agent at work in this task: its graph is compiled once for all, and knows none."""
