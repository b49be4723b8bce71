"""A step whose agent is a harness, in a real engine: tools, events, usage, spans, limits, and the next attempt."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.agents.harnesses.conftest import SPEAKING
from tests.unit.workflows.bench import Bench, plan_of, to
from translator.language.cel import CelEngine
from translator.planning.catalog import FixedCatalog
from translator.planning.plan import AgentBinding, AgentTool, Binding, Plan, Step
from workflows.agents.cards import ModelCard
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.harnesses import Harnesses
from workflows.agents.harnesses.local_processes import LocalProcesses
from workflows.attempt import Ports
from workflows.engine import Engine
from workflows.hosting.evaluation import Evaluator
from workflows.hosting.pool import HostPool
from workflows.luigi.stages import LuigiStages
from workflows.memory import MemoryArtifacts, MemoryPlans, MemoryTools
from workflows.ports import ToolCall
from workflows.run import RunStatus
from workflows.tools.secrets import CatalogSecrets, SecretSource
from workflows.tracing import NO_TRACING, PastSpan, Tracing
from workflows.usage import Price

pytestmark = pytest.mark.anyio
Json = Any
TRACE = "0af7651916cd43dd8448eb211c80319c"
WEB = Binding(
    kind="tool",
    name="web.fetch",
    version="1.0.0",
    source_digest="d",
    parameters={"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}},
    result={},
)


@dataclass
class Kept:
    """Tracing that keeps what it is told; every span of its own has the same id."""

    past: list[PastSpan] = field(default_factory=list)
    failed_as: list[str] = field(default_factory=list)
    is_on: bool = True

    @property
    def traceparent(self) -> str:
        return f"00-{TRACE}-b7ad6b7169203331-01"

    @contextmanager
    def span(self, *_: Any, **__: Any) -> Iterator[Any]:
        yield self

    def set(self, attributes: Any) -> None:
        del attributes

    def event(self, *_: Any) -> None:
        """Keep nothing."""

    def failed(self, error_name: str) -> None:
        self.failed_as.append(error_name)

    def tell(self, past: PastSpan) -> str | None:
        self.past.append(past)
        return past.itself

    def current(self) -> str:
        return self.traceparent


@dataclass
class HarnessBench(Bench):
    """A bench whose catalog has one harness, `h`, and one model, `m`."""

    programs: HostPool = field(default_factory=lambda: HostPool(environ=os.environ, limit=2))
    tracing: Tracing = NO_TRACING
    source: str = ""

    def start(self, plan: Plan) -> Engine:
        file = self.folder / "harness.py"
        file.write_text(SPEAKING + self.source)
        (self.folder / "AGENTS.md").write_text("# House rules")
        card = ModelCard("m", "openai", model="gpt", secret="KEY", price=Price(1.0, 2.0))  # noqa: S106 - its name
        secrets = CatalogSecrets({"KEY": SecretSource(env="KEY")}, {"KEY": "sk-123456"})
        command = (sys.executable, str(file))
        harness = Harness("h", command=command, instructions=self.folder / "AGENTS.md", model="m")
        self.artifacts = MemoryArtifacts(self.folder)
        ports = Ports(
            journal=self.journal,
            artifacts=self.artifacts,
            tools=MemoryTools(self.tools),
            stages=LuigiStages(self.pool),
            groups={},
            evaluator=self.evaluator,
            tracing=self.tracing,
            harnesses=Harnesses({"h": harness}, {"stdio": LocalProcesses(self.programs)}, {"m": card}, secrets),
        )
        self.engine = Engine(ports, MemoryPlans([plan]), FixedCatalog(), self.saver, CelEngine())
        return self.engine


def agent(**fields: Any) -> Plan:
    harness = Binding(kind="harness", name="h", version="0.0.0", source_digest="d", parameters={}, result={})
    binding = AgentBinding(
        harness=harness,
        instructions="Greet ${ inputs.name }.",
        tools=(AgentTool(name="web_fetch", call=WEB, description="Fetches."),),
    )
    step = Step(id="think", verb="agent", path="/nodes/think", agent=binding, transition=to("end"), **fields)
    inputs = {"type": "object", "properties": {"name": {"type": "string"}}}
    return plan_of(step, inputs=inputs, outputs={"answer": "${ nodes.think.result }"})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[HarnessBench]:
    async with Evaluator() as evaluator:
        desk = HarnessBench(tmp_path, evaluator)
        yield desk
        await desk.programs.aclose()
        await desk.pool.aclose()


async def test_what_it_is_told_and_what_is_recorded(desk: HarnessBench):
    async def fetch(call: ToolCall) -> Json:
        return {"text": f"page of {call.arguments['url']}"}

    desk.tools["web.fetch"] = fetch
    desk.source = """
say(type="message", role="assistant", text="my key is " + task["model"]["api_key"])
say(type="usage", usage={"prompt_tokens": 1000, "completion_tokens": 10, "odd": 3}, latency_ms=5)
say(type="tool_call", id="a", name="web_fetch", arguments={"url": "x"})
page = json.loads(sys.stdin.readline())
say(type="tool_call", id="b", name="web_fetch", arguments={"uri": "x"})
wrong = json.loads(sys.stdin.readline())
say(type="result", result={"task": task, "page": page["result"], "wrong": wrong["error"]["name"]})
"""
    assert await desk.run(agent(), name="Ada") is RunStatus.SUCCEEDED
    history = await desk.history()
    answer = history.run.outputs["answer"]
    assert answer["task"]["agents_md"] == "# House rules"
    assert answer["task"]["instructions"] == "Greet Ada."
    assert answer["task"]["model"] == {
        "name": "m",
        "provider": "openai",
        "model": "gpt",
        "base_url": None,
        "api_key": "***",
        "temperature": None,
        "max_tokens": None,
    }
    assert answer["task"]["tools"][0]["parameters"]["required"] == ["url"]
    assert (answer["page"], answer["wrong"]) == ({"text": "page of x"}, "invalid-arguments")
    done = next(one for one in history.steps if one.step == "think" and not one.task and one.result)
    assert done.usage is not None
    assert (done.usage.tokens_in, done.usage.tokens_out, done.usage.model_calls) == (1000, 10, 1)
    assert (done.usage.cost_usd, done.usage.tool_calls, done.usage.unknown) == (0.00102, 2, {"odd": 3})
    events = [(one.type, one.data) for one in await desk.events() if one.type.startswith("agent.")]
    assert events[0] == ("agent.message", {"role": "assistant", "text": "my key is ***"})
    assert [kind for kind, _ in events[1:]].count("agent.tool-called") == 1


async def test_spans_are_nested_also_when_it_fails(desk: HarnessBench):
    tracing = desk.tracing = Kept()
    desk.source = """
trace = task["traceparent"]
assert trace == os.environ["TRACEPARENT"]
child = {"type": "span", "name": "chat gpt", "started_at": 1.5, "finished_at": 2.5}
say(**child, id="00f067aa0ba902b7", parent="53995c3f42cd8ad8", attributes={"n": 1, "list": []})
say(**child | {"name": "turn"}, id="53995c3f42cd8ad8", error="boom")
say(**child, id="no id")
say(type="error", message="out of luck"); sys.exit(3)
"""
    assert await desk.run(agent(), name="Ada") is RunStatus.FAILED
    assert [(one.name, one.error_name, dict(one.attributes)) for one in tracing.past[:3]] == [
        ("chat gpt", None, {"n": 1}),
        ("turn", "boom", {}),
        ("chat gpt", None, {}),
    ]
    assert tracing.past[0].itself == f"00-{TRACE}-00f067aa0ba902b7-01"
    assert tracing.past[0].parent == f"00-{TRACE}-53995c3f42cd8ad8-01"
    assert tracing.past[1].parent == tracing.traceparent
    assert "agent-failed" in tracing.failed_as


async def test_a_failure_keeps_what_was_used(desk: HarnessBench):
    desk.source = """
say(type="usage", usage={"input_tokens": 7, "output_tokens": 3})
sys.stderr.write("oh dear, sk-123456\\n")
say(type="result", result="ok"); sys.exit(1)
"""
    assert await desk.run(agent(), name="Ada") is RunStatus.FAILED
    history = await desk.history()
    failed = next(one for one in history.steps if one.error is not None)
    assert failed.usage is not None
    assert failed.usage.tokens == 10
    assert failed.error is not None
    assert failed.error.name == "agent-failed"
    assert "ended with exit code 1" in failed.error.message
    assert failed.error.log_uri is not None
    assert desk.artifacts is not None
    assert await desk.artifacts.read(failed.error.log_uri) == b"oh dear, ***\n"


async def test_a_result_must_fit_its_schema(desk: HarnessBench):
    desk.source = "say(type='result', result={'n': 'two'})"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert await desk.run(agent(result=schema), name="Ada") is RunStatus.FAILED
    error = (await desk.history()).run.error
    assert error is not None
    assert error.name == "invalid-result"


async def test_a_harness_that_waits_for_approval_is_ended_and_begins_anew(desk: HarnessBench):
    """What it has called already is given back; what a person lets it call is called once, as that person says."""
    fetched: list[Json] = []
    sent: list[Json] = []

    async def fetch(call: ToolCall) -> Json:
        fetched.append(dict(call.arguments))
        return {"text": "page"}

    async def send(call: ToolCall) -> Json:
        sent.append(dict(call.arguments))
        return {"sent": call.arguments["url"]}

    desk.tools |= {"web.fetch": fetch, "web.send": send}
    starts = desk.folder / "starts"
    desk.source = f"""
with open({str(starts)!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
say(type="usage", usage={{"input_tokens": 7, "output_tokens": 3}})
say(type="tool_call", id="a", name="web_fetch", arguments={{"url": "x"}})
page = json.loads(sys.stdin.readline())
say(type="tool_call", id="b", name="web_send", arguments={{"url": "all"}})
sent = json.loads(sys.stdin.readline())
say(type="result", result={{"page": page["result"], "sent": sent["result"]}})
"""
    (step,) = agent().steps
    assert step.agent is not None
    sends = AgentTool(name="web_send", call=WEB.model_copy(update={"name": "web.send"}), requires_approval=True)
    binding = step.agent.model_copy(update={"tools": (*step.agent.tools, sends)})
    plan = agent().model_copy(update={"steps": (step.model_copy(update={"agent": binding}),)})
    assert await desk.run(plan, name="Ada") is RunStatus.WAITING
    (first,) = map(int, starts.read_text().split())
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    (question,) = (await desk.history()).questions
    assert question.show == {"tool": "web.send", "arguments": {"url": "all"}}
    assert sent == []
    await desk.answer({"decision": "edit", "arguments": {"url": "one"}})
    assert await desk.resume(plan) is RunStatus.SUCCEEDED
    assert len(starts.read_text().split()) == 2
    assert (fetched, sent) == ([{"url": "x"}], [{"url": "one"}])
    history = await desk.history()
    assert history.run.outputs["answer"] == {"page": {"text": "page"}, "sent": {"sent": "one"}}
    (done,) = [one for one in history.steps if one.step == "think" and not one.task]
    assert done.usage is not None
    assert (done.try_number, done.usage.tokens, done.usage.tool_calls) == (1, 20, 2)
