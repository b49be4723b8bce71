"""A step whose agent is a harness: what it is given, what it may call, what is recorded of what it says."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from translator.language.digest import canonical_json
from translator.planning.plan import AgentBinding
from workflows.agents.answers import Wanted
from workflows.agents.cards import ModelCard
from workflows.agents.conversation import Conversation, shortened
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.harnesses import Harnesses
from workflows.agents.harnesses.messages import GrantedTool, HarnessTask
from workflows.agents.harnesses.working import seconds_of, work
from workflows.agents.talk import Talk
from workflows.agents.tool_calls import called, schema_for
from workflows.errors import StepError
from workflows.nodes.call import NodeCall
from workflows.records import StepStatus
from workflows.tools.scrubbing import Scrubber
from workflows.tracing import Attribute, PastSpan
from workflows.usage import Usage, usage_of

Json = Any
_MOST_ATTRIBUTES = 32
_LONGEST = 256  # characters of a name or an attribute of a span
_ID_CHARACTERS = 16  # of a span, in hexadecimal
_TRACE_PARTS = 4  # of a traceparent


async def run_harness(call: NodeCall) -> Json:
    """Return the result of a step whose agent is a harness; raises `StepError`s, and `Quiet` while it waits.

    A harness that is started again, after a wait or a crash, begins anew: a call of a tool that it repeats is given
    back what is recorded of it.
    """
    binding, harnesses = call.program.step.agent, call.attempt.ports.harnesses
    if binding is None or binding.harness is None or harnesses is None:
        raise StepError("the plan binds this step to no harness", error_name="unavailable")
    harness = harnesses.harness(binding.harness.name)
    card = harnesses.card(harness, binding.model.name if binding.model else None)
    scrubber = harnesses.scrubber(harness, card)
    task = await _task(call, binding, harness, harnesses.model(card) if card else None)
    clock = asyncio.timeout(seconds_of(harness, task))
    listener = _Listener(call, harnesses, binding, card, scrubber, clock)
    about = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": harness.name}
    call.meter.allow()
    with call.attempt.ports.tracing.span(f"invoke_agent {harness.name}", "client", about) as span:
        listener.traceparent = span.traceparent
        try:
            result = await work(harnesses.runtime(harness), harness, task, listener, span.traceparent, clock)
        except StepError as error:
            span.failed(error.error_name)
            failure = StepError(
                scrubber.text(error.message),
                error_name=error.error_name,
                tail=scrubber.text(error.tail),
                cause=error.cause,
            )
        else:
            return scrubber.result(result)
    raise failure  # out here, so that it drags along no exception with a secret in its text


async def _task(call: NodeCall, binding: AgentBinding, harness: Harness, model: Json) -> HarnessTask:
    said = binding.prompt_text
    if call.program.instructions is not None:
        said = str(await call.evaluate(call.program.instructions))
    among = call.program.step.among
    choice = f"\n\nChoose where to go on from: {', '.join(among)}." if among else ""
    try:
        agents_md = await asyncio.to_thread(harness.agents_md)
    except (OSError, UnicodeError) as error:
        message = f"{harness.name}: its instructions cannot be read: {error}"
        raise StepError(message, error_name="unavailable") from error
    return HarnessTask(
        run=call.attempt.run.id,
        step=call.step_id,
        idempotency_key=call.execution.idempotency_key,
        input=call.arguments,
        agents_md=agents_md,
        instructions=f"{said}{choice}".strip(),
        model=model,
        tools=tuple(GrantedTool(one.name, one.description, schema_for(one)) for one in binding.tools),
        max_turns=binding.max_turns,
        result_schema=Wanted.of(call).schema,
        timeout_seconds=call.program.step.timeout_seconds,
    )


@dataclass
class _Listener:
    """Records what a harness says, and makes the calls that it asks for."""

    call: NodeCall
    harnesses: Harnesses
    binding: AgentBinding
    card: ModelCard | None
    scrubber: Scrubber
    clock: asyncio.Timeout
    traceparent: str | None = None
    _same: Counter[str] = field(default_factory=Counter[str])  # calls so far, by what they are

    def __post_init__(self) -> None:
        self._talk = Talk(
            conversation=Conversation.of(self.call),
            binding=self.binding,
            card=self.card or ModelCard(self.call.step_id, "harness"),
            model=None,
            scrubber=self.scrubber,
            instructions="",
            tools={one.name: one for one in self.binding.tools},
            clock=self.clock,
        )

    def heard(self, message: Mapping[str, Json]) -> None:
        """Record a message as an event."""
        told: dict[str, Json] = {"role": str(message["role"])[:_LONGEST]}
        if message.get("text"):
            told["text"] = shortened(self.scrubber.text(str(message["text"])))
        if message.get("tool_calls"):
            told["tool_calls"] = shortened(self.scrubber.text(str(message["tool_calls"])))
        self.call.attempt.append(self._talk.conversation.tell("agent.message", told))

    def used(self, report: Mapping[str, Json]) -> None:
        """Count a report; raises `StepError` at a limit. Costs are the catalog's prices, or else what is reported."""
        named = str(report.get("model") or (self.card.model if self.card else ""))[:_LONGEST]
        price = self.harnesses.price(self.card, named)
        used = usage_of(report["usage"], price=price, model=named)
        cost = 0.0 if price else _number(report.get("cost_usd"))
        calls = max(1, int(_number(report.get("model_calls", 1))))
        self.call.meter.add(
            used + Usage(model_calls=calls, latency_ms=_number(report.get("latency_ms")), cost_usd=cost)
        )
        self.call.meter.save()

    def traced(self, span: Mapping[str, Json]) -> None:
        """Tell of a span below the step's, or below another one of the harness."""
        tracing, around = self.call.attempt.ports.tracing, (self.traceparent or "").split("-")
        if not tracing.is_on or len(around) != _TRACE_PARTS:
            return
        given: Json = span.get("attributes")
        attributes = cast("dict[str, Json]", given if isinstance(given, dict) else {})
        try:
            past = PastSpan(
                name=self.scrubber.text(str(span["name"])[:_LONGEST]),
                started_at=datetime.fromtimestamp(span["started_at"], UTC),
                finished_at=datetime.fromtimestamp(span["finished_at"], UTC),
                attributes=self._attributes(attributes),
                error_name=str(span["error"])[:_LONGEST] if span.get("error") else None,
                parent=_traceparent(around, span.get("parent")) or self.traceparent,
                itself=_traceparent(around, span["id"]),
            )
        except (ValueError, OverflowError, OSError):  # a time that no calendar has
            return
        tracing.tell(past)

    def _attributes(self, given: Mapping[str, Json]) -> dict[str, Attribute]:
        found: dict[str, Attribute] = {}
        for name, value in list(given.items())[:_MOST_ATTRIBUTES]:
            if isinstance(value, str):
                found[name[:_LONGEST]] = self.scrubber.text(value)[:_LONGEST]
            elif isinstance(value, bool | int | float):
                found[name[:_LONGEST]] = value
        return found

    async def called(self, name: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        """Make a call as agents make them: granted, checked, approved, recorded; see the port."""
        conversation = self._talk.conversation
        digest = hashlib.sha256(canonical_json([name, arguments])).hexdigest()[:12]
        self._same[digest] += 1
        number = f"{digest}.{self._same[digest]}"
        one: dict[str, Json] = {"id": number, "name": name, "args": dict(arguments)}
        self._talk.expect([one])
        conversation.calls[number] = number
        told = await called(self._talk, one)
        row = conversation.recorded(number)
        if row is not None and row.status is StepStatus.FAILED and row.error is not None:
            return {"error": {"name": row.error.name, "message": row.error.message}}
        return {"result": await conversation.attempt.result(row) if row else told.text}


def _traceparent(around: list[str], span: Json) -> str | None:
    """Return the traceparent of a span of the same trace; None for what is no id."""
    is_id = isinstance(span, str) and len(span) == _ID_CHARACTERS and set(span) <= set("0123456789abcdef")
    return f"{around[0]}-{around[1]}-{span}-{around[3]}" if is_id and set(span) != {"0"} else None


def _number(value: Json) -> float:
    """Return a figure that cannot be negative; zero for what is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < float("inf") else 0.0
