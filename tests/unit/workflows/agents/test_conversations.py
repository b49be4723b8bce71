"""Conversations of agents: approved, interrupted, gone on with, remembered; what was said is not asked again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.agents.conftest import agent, bound, granted, plan, scripted, usage_of
from tests.unit.workflows.agents.model_server import model_server, refuses, says
from tests.unit.workflows.bench import Bench, until
from translator.planning.plan import AgentBinding, AgentTool, Branch, RetryPolicy, Step, Transition
from workflows.agents.cards import ScriptedAnswer, ScriptedCall
from workflows.luigi.registry import LuigiGroup
from workflows.ports import ToolCall
from workflows.records import StepStatus
from workflows.run import RunStatus

pytestmark = pytest.mark.anyio
Json = Any
PIPELINES = Path(__file__).parents[1] / "luigi/pipelines"


class Counted:
    """A tool that works, and keeps its calls."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def __call__(self, call: ToolCall) -> Json:
        self.calls.append(call)
        return {"sent": call.arguments}

    @property
    def arguments(self) -> list[Json]:
        return [dict(one.arguments) for one in self.calls]


def calls(*names: str, **fields: Any) -> ScriptedAnswer:
    return ScriptedAnswer(calls=tuple(ScriptedCall(name, {"to": "all"}) for name in names), **fields)


CHOICE = {"next": ["right"], "reason": "it is"}
SENDING = agent(tools=(granted("mail.send", requires_approval=True),))


@pytest.mark.parametrize(
    ("answer", "sent", "told"),
    [
        ({"decision": "approve"}, [{"to": "all"}], '{"sent": {"to": "all"}}'),
        ({"decision": "edit", "arguments": {"to": "one"}}, [{"to": "one"}], '{"sent": {"to": "one"}}'),
        ({"decision": "reject", "message": "too many"}, [], "error: a person rejected this call: too many"),
        ({"decision": "respond", "message": "It is sent."}, [], "It is sent."),
    ],
)
async def test_a_person_decides_about_a_call(bench: Bench, answer: Json, sent: list[Json], told: str) -> None:
    bench.tools["mail.send"] = mail = Counted()
    bench.agents = scripted(calls("mail.send"), ScriptedAnswer(text="The end."))
    assert await bench.run(plan(SENDING)) is RunStatus.WAITING
    question = (await bench.history()).questions[0]
    assert (question.kind, question.show) == ("person", {"tool": "mail.send", "arguments": {"to": "all"}})
    assert mail.calls == []
    await bench.answer(answer)
    assert await bench.resume(plan(SENDING)) is RunStatus.SUCCEEDED
    assert mail.arguments == sent
    row = next(one for one in (await bench.history()).steps if one.task == "0.1.1")
    result = row.result["value"] if row.result else None
    assert (result if isinstance(result, str) else json.dumps(result)) == told


async def test_answers_of_models_are_not_asked_for_again_after_a_wait(bench: Bench, over_http: Any) -> None:
    bench.tools["mail.send"] = mail = Counted()
    async with model_server(says(calls=[("mail_send", {"to": "all"})]), says("Sent.")) as server:
        bench.agents = over_http(server.url)
        assert await bench.run(plan(SENDING)) is RunStatus.WAITING
        assert len(server.asked) == 1
        await bench.answer({"decision": "approve"})
        assert await bench.resume(plan(SENDING)) is RunStatus.SUCCEEDED
        assert len(server.asked) == 2
    assert len(mail.calls) == 1
    usage = await usage_of(bench)
    assert (usage.model_calls, usage.tool_calls, usage.tokens) == (2, 1, 28)
    said = [one.data["role"] for one in await bench.events() if one.type == "agent.message"]
    assert said == ["user", "assistant", "assistant"]


async def test_a_call_that_a_crash_cut_off_is_made_again_with_the_same_key(bench: Bench) -> None:
    reached = asyncio.Event()

    class Hanging(Counted):
        async def __call__(self, call: ToolCall) -> Json:
            result = await super().__call__(call)
            if len(self.calls) == 1:
                reached.set()
                await asyncio.sleep(3600)
            return result

    bench.tools["mail.send"] = mail = Hanging()
    bench.agents = scripted(calls("mail.send"), ScriptedAnswer(text="Done."))
    step = agent(tools=(granted("mail.send"),))
    await bench.create(plan(step))
    attempt = asyncio.ensure_future(bench.start(plan(step)).run_attempt(bench.run_id))
    await reached.wait()
    bench.forget(attempt)
    await asyncio.gather(attempt, return_exceptions=True)
    assert await bench.resume(plan(step)) is RunStatus.SUCCEEDED
    assert len(mail.calls) == 2
    assert len({one.idempotency_key for one in mail.calls}) == 1
    said = [one for one in (await bench.history()).steps if one.name == "m"]
    assert [one.status for one in said] == [StepStatus.SUCCEEDED, StepStatus.SUCCEEDED]


async def test_calls_of_one_answer_wait_side_by_side(bench: Bench) -> None:
    """Two calls need a person and one does not: that one is made, then the run waits for both."""
    bench.tools |= {"mail.send": (mail := Counted()), "web.read": (web := Counted())}
    bench.agents = scripted(calls("mail.send", "web.read", "mail.send"), ScriptedAnswer(text="Done."))
    step = agent(tools=(granted("mail.send", requires_approval=True), granted("web.read")))
    assert await bench.run(plan(step)) is RunStatus.WAITING
    assert (len(web.calls), len(mail.calls)) == (1, 0)
    assert len((await bench.history()).questions) == 2
    await bench.answer({"decision": "approve"})
    assert await bench.resume(plan(step)) is RunStatus.WAITING
    assert (len(web.calls), len(mail.calls)) == (1, 1)
    await bench.answer({"decision": "reject"})
    assert await bench.resume(plan(step)) is RunStatus.SUCCEEDED
    assert (len(web.calls), len(mail.calls)) == (1, 1)


async def test_an_answer_is_taken_while_something_else_moves(bench: Bench) -> None:
    going = asyncio.Event()

    async def slow(_: ToolCall) -> Json:
        await going.wait()
        return "read"

    bench.tools |= {"mail.send": (mail := Counted()), "web.read": slow}
    bench.agents = scripted(calls("mail.send", "web.read"), ScriptedAnswer(text="Done."))
    step = agent(tools=(granted("mail.send", requires_approval=True), granted("web.read")))
    await bench.create(plan(step))
    attempt = asyncio.ensure_future(bench.start(plan(step)).run_attempt(bench.run_id))
    for _ in range(400):
        if (await bench.history()).questions:
            break
        await asyncio.sleep(0.01)
    await bench.answer({"decision": "approve"})
    await until(lambda: len(mail.calls) == 1)
    going.set()
    assert await attempt is RunStatus.SUCCEEDED
    starts = [one for one in await bench.events() if one.type == "run.started"]
    assert len(starts) == 1


async def test_a_try_after_a_refusal_goes_on_with_what_was_said(bench: Bench, over_http: Any) -> None:
    bench.tools["mail.send"] = mail = Counted()
    retry = RetryPolicy(max=2, initial_seconds=0.01)
    step = agent(tools=(granted("mail.send"),), retry=retry)
    answers = says(calls=[("mail_send", {})]), refuses(429), refuses(503), says("Sent.")
    async with model_server(*answers) as server:
        bench.agents = over_http(server.url)
        assert await bench.run(plan(step)) is RunStatus.SUCCEEDED
    assert (len(server.asked), len(mail.calls)) == (4, 1)


async def test_a_try_after_a_wrong_answer_begins_anew(bench: Bench, over_http: Any) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    step = agent(result=schema, response="json", retry=RetryPolicy(max=1, initial_seconds=0.01))
    async with model_server(says("?"), says("??"), says('{"n": 3}')) as server:
        bench.agents = over_http(server.url)
        assert await bench.run(plan(step)) is RunStatus.SUCCEEDED
    assert [len(one["messages"]) for one in server.bodies] == [2, 4, 2]


async def test_an_agent_remembers_its_earlier_visits_in_the_run(bench: Bench) -> None:
    again = Transition(branches=(Branch(when="${ state.round < 3 }", to="write"), Branch(to="end")))
    step = agent(memory="run", arguments={"round": "${ state.round }"}, save={"round": 1}).model_copy(
        update={"transition": again}
    )
    bench.agents = scripted(ScriptedAnswer(text="round ${ input.round }", tokens_in=1, tokens_out=1))
    state = {"round": {"schema": {"type": "integer"}, "reduce": "sum", "default": 0}}
    assert await bench.run(plan(step, state=state)) is RunStatus.SUCCEEDED
    rows = [one for one in (await bench.history()).steps if one.task.endswith("whole")]
    sizes = [len(one.result["value"]) for one in rows if one.result]
    assert sizes == [2, 4, 6]


async def test_an_agent_decides_and_says_why(bench: Bench) -> None:
    binding = AgentBinding(model=bound("model", "m"), instructions="Choose.")
    choose = Step(id="choose", verb="decide", path="/nodes/choose", agent=binding, among=("left", "right"))
    left, right = agent("left"), agent("right")
    bench.agents = scripted(
        ScriptedAnswer(
            when="${ 'final_result' in tools }", value={"next": ["right"], "reason": "it is"}, has_value=True
        ),
        ScriptedAnswer(text="I am the one."),
    )
    assert await bench.run(plan(choose, left, right)) is RunStatus.SUCCEEDED
    done = next(one for one in await bench.events() if one.type == "step.succeeded")
    assert (done.data["chosen"], done.data["reason"]) == (["right"], "it is")
    assert {one.step for one in (await bench.history()).steps} == {"choose", "right"}


async def test_a_choice_of_what_is_not_there_is_refused(bench: Bench) -> None:
    binding = AgentBinding(model=bound("model", "m"), instructions="Choose.")
    choose = Step(id="choose", verb="decide", path="/nodes/choose", agent=binding, among=("left",))
    bench.agents = scripted(ScriptedAnswer(value={"next": ["right"], "reason": ""}, has_value=True))
    assert await bench.run(plan(choose, agent("left"))) is RunStatus.FAILED
    error = (await bench.history()).run.error
    assert error is not None
    assert error.name == "invalid-result"


async def test_what_ends_a_step_leaves_no_question_open(bench: Bench) -> None:
    bench.tools["mail.send"] = Counted()

    async def slow(_: ToolCall) -> Json:
        await asyncio.sleep(3600)

    bench.tools["web.read"] = slow
    bench.agents = scripted(calls("mail.send", "web.read"))
    tools = (granted("mail.send", requires_approval=True), granted("web.read"))
    step = agent(tools=tools, timeout_seconds=0.3)
    status = await bench.run(plan(step))
    history = await bench.history()
    assert status is RunStatus.WAITING or [one.is_open for one in history.questions] == [False]


async def test_a_large_result_of_a_tool_is_kept_beside_the_row(bench: Bench) -> None:
    async def large(_: ToolCall) -> Json:
        return {"text": "x" * 200_000}

    bench.tools["web.read"] = large
    bench.agents = scripted(calls("web.read"), ScriptedAnswer(text="Read."))
    assert await bench.run(plan(agent(tools=(granted("web.read"),)))) is RunStatus.SUCCEEDED
    row = next(one for one in (await bench.history()).steps if one.name == "web.read")
    assert row.result is not None
    assert "artifact" in row.result


async def test_secrets_go_to_the_tool_and_not_to_the_model(bench: Bench, over_http: Any) -> None:
    bench.tools["web.read"] = web = Counted()
    takes = {"type": "object", "properties": {"to": {"type": "string"}, "token": {"type": "string"}}}
    takes["required"] = ["to", "token"]
    step = agent(tools=(granted("web.read", takes, auth={"token": "WEB_KEY"}),))
    wrong = [("web_read", {"to": "a", "token": "mine"}), ("web_read", {"to": "b"})]
    async with model_server(says(calls=wrong), says("Read.")) as server:
        bench.agents = over_http(server.url)
        assert await bench.run(plan(step)) is RunStatus.SUCCEEDED
    assert list(server.bodies[0]["tools"][0]["function"]["parameters"]["properties"]) == ["to"]
    assert web.arguments == [{"to": "b"}]
    assert web.calls[0].secrets == {"token": "WEB_KEY"}


async def test_an_agent_calls_luigi_stages_and_gets_their_results_by_reference(bench: Bench) -> None:
    group = LuigiGroup("shop", ("shop",), (PIPELINES,))
    bench.groups = {"shop.Top": group, "shop.Copy": group}
    copy = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    tools = (
        AgentTool(name="shop_Top", call=bound("stage", "shop.Top")),
        AgentTool(name="shop_Copy", call=bound("stage", "shop.Copy", copy), requires_approval=True),
    )
    bench.agents = scripted(
        ScriptedAnswer(calls=(ScriptedCall("shop.Top", {}),)),
        ScriptedAnswer(calls=(ScriptedCall("shop.Copy", {"text": "${ last.outputs.uri }"}),)),
        ScriptedAnswer(text="${ last.outputs.uri }"),
    )
    step = agent(tools=tools)
    assert await bench.run(plan(step)) is RunStatus.WAITING
    await bench.answer({"decision": "approve"})
    assert await bench.resume(plan(step)) is RunStatus.SUCCEEDED
    history = await bench.history()
    assert history.run.outputs["result"]["text"].endswith("/artifacts/copy.txt")
    tasks = [one.name for one in history.steps if one.name and one.status is StepStatus.SUCCEEDED]
    assert {"m", "shop.Top", "shop.Copy", "shop.Top()", "shop.Left()"} <= {one.partition("(text")[0] for one in tasks}
    started = [one.data["name"] for one in await bench.events() if one.type == "luigi.task-started"]
    assert len(started) == 5
