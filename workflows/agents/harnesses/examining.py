"""The exam of a harness: what every harness must do, and what one may, tried on the program itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import GrantedTool, HarnessTask
from workflows.agents.harnesses.ports import Runtime
from workflows.agents.harnesses.working import work
from workflows.errors import StepError

Json = Any
Mark = Literal["passed", "failed", "not shown"]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_TOOL = GrantedTool(
    "add",
    "Adds two numbers.",
    {"type": "object", "required": ["a", "b"], "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
)
_INPUT: Mapping[str, Json] = {"a": 2, "b": 3}
_HANG_UP_SECONDS = 10.0
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Answered:
    """How one question of the exam went."""

    question: str
    mark: Mark
    note: str = ""


@dataclass
class _Notes:
    """A listener that writes down what it hears, and answers calls of the one tool."""

    fails: bool = False  # the tool does
    messages: int = 0
    usage: list[Mapping[str, Json]] = field(default_factory=list[Mapping[str, Json]])
    spans: list[Mapping[str, Json]] = field(default_factory=list[Mapping[str, Json]])
    calls: list[str] = field(default_factory=list[str])

    def heard(self, message: Mapping[str, Json]) -> None:
        """Count a message."""
        del message
        self.messages += 1

    def used(self, report: Mapping[str, Json]) -> None:
        """Keep a report."""
        self.usage.append(report)

    def traced(self, span: Mapping[str, Json]) -> None:
        """Keep a span."""
        self.spans.append(span)

    async def called(self, name: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        """Add two numbers, unless the tool is to fail."""
        self.calls.append(name)
        if name != _TOOL.name:
            return {"error": {"name": "unknown-tool", "message": f"there is no tool {name}"}}
        if self.fails:
            return {"error": {"name": "tool-failed", "message": "the adder is broken"}}
        return {"result": sum(one for one in arguments.values() if isinstance(one, int | float))}


@dataclass
class _Exam:
    runtime: Runtime
    harness: Harness
    first: _Notes = field(default_factory=_Notes)

    async def work(self, notes: _Notes, step: str = "exam", **fields: Any) -> Json:
        task = HarnessTask(
            run="00000000-0000-7000-8000-000000000000",
            step=step,
            idempotency_key=f"exam/{step}",
            input=dict(_INPUT),
            agents_md="You are being examined. Be brief.",
            instructions="Add the numbers of the input; use the tool if there is one.",
            **fields,
        )
        return await work(self.runtime, self.harness, task, notes, TRACEPARENT)

    async def plain(self) -> tuple[Mark, str]:
        await self.work(self.first)
        return "passed", ""

    async def tool(self) -> tuple[Mark, str]:
        notes = _Notes()
        await self.work(notes, tools=(_TOOL,))
        return ("passed", "") if _TOOL.name in notes.calls else ("not shown", "it called no tool")

    async def failing_tool(self) -> tuple[Mark, str]:
        notes = _Notes(fails=True)
        try:
            await self.work(notes, tools=(_TOOL,))
        except StepError as error:
            if error.error_name != "agent-failed" or not notes.calls:
                raise
            return "passed", f"it failed, and said: {error.message[:80]}"
        return ("passed", "") if notes.calls else ("not shown", "it called no tool")

    async def schema(self) -> tuple[Mark, str]:
        result = await self.work(_Notes(), result_schema={"type": "object"})
        return ("passed", "") if isinstance(result, dict) else ("failed", f"its result is a {type(result).__name__}")

    async def at_once(self) -> tuple[Mark, str]:
        await asyncio.gather(*(self.work(_Notes(), f"exam-{number}") for number in range(2)))
        return "passed", ""

    async def hang_up(self) -> tuple[Mark, str]:
        async with self.runtime.open(self.harness, {}) as talk:
            try:
                async with asyncio.timeout(_HANG_UP_SECONDS):
                    await talk.end()
            except StepError as error:
                is_still_there = "did not end" in error.message
                return ("failed", error.message) if is_still_there else ("passed", "")
            except TimeoutError:
                return "failed", f"it was still there {_HANG_UP_SECONDS:g} s after the server had hung up"
        return "passed", ""

    async def usage(self) -> tuple[Mark, str]:
        return ("passed", "") if self.first.usage else ("not shown", "it reported none")

    async def spans(self) -> tuple[Mark, str]:
        if not self.first.spans:
            return "not shown", "it told of none"
        wrong = [one["id"] for one in self.first.spans if len(one["id"]) != 16 or not set(one["id"]) <= _HEX]  # noqa: PLR2004
        return ("failed", f"an id is 16 hexadecimal digits, and not {wrong[0]!r}") if wrong else ("passed", "")

    async def messages(self) -> tuple[Mark, str]:
        return ("passed", "") if self.first.messages else ("not shown", "it sent none")


async def examine(runtime: Runtime, harness: Harness) -> list[Answered]:
    """Sit a harness the exam and return how each question went."""
    exam = _Exam(runtime, harness)
    questions: tuple[tuple[str, Callable[[], Awaitable[tuple[Mark, str]]]], ...] = (
        ("takes a task, gives a result and ends with exit code 0", exam.plain),
        ("streams what is said as messages", exam.messages),
        ("reports what it used", exam.usage),
        ("tells of its spans, with ids", exam.spans),
        ("calls a tool that it was granted", exam.tool),
        ("comes to an end when a tool fails", exam.failing_tool),
        ("gives an object where the schema of its result asks for one", exam.schema),
        ("works twice at the same time", exam.at_once),
        ("ends when the server hangs up", exam.hang_up),
    )
    return [await _answered(question, ask) for question, ask in questions]


async def _answered(question: str, ask: Callable[[], Awaitable[tuple[Mark, str]]]) -> Answered:
    try:
        mark, note = await ask()
    except StepError as error:
        last = error.tail.strip().rpartition("\n")[2][:120]
        return Answered(question, "failed", f"{error.message}{f' ({last})' if last else ''}")
    return Answered(question, mark, note)
