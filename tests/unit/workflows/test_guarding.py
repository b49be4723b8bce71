"""Limits of usage and policies: before a step, on its usage as it comes, before its result is recorded."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.workflows.bench import Bench
from tests.unit.workflows.written import written
from translator.language.cel import CelEngine
from translator.language.policies import PolicyText, compiled_rules, read_policy
from translator.planning.plan import Plan
from workflows.nodes.call import NodeCall
from workflows.policies import PolicyBook, PolicyInForce
from workflows.records import RunCreated
from workflows.run import RunId, RunStatus
from workflows.stepping import RunStepper
from workflows.usage import NOTHING, Usage
from workflows.working import NODES

pytestmark = pytest.mark.anyio
Json = Any
CHUNK = Usage(tokens_in=2, tokens_out=8, cost_usd=0.5, model_calls=1, models=("m",))


async def spending(call: NodeCall) -> Json:
    """Use as much as the step says, chunk by chunk, and return what it says."""
    given = call.arguments
    for _ in range(given.get("chunks", 1)):
        call.meter.allow()
        await asyncio.sleep(0)
        call.meter.add(CHUNK)
    for _ in range(given.get("calls", 0)):
        call.meter.allow(is_tool_call=True)
        call.meter.add(Usage(tool_calls=1))
    return given.get("result", "x" * given.get("size", 1))


class Spenders:
    """A bench whose tools spend; policies may be put in force at any time."""

    def __init__(self, bench: Bench, *policies: str) -> None:
        self.bench, self.book = bench, PolicyBook([in_force(one) for one in policies])

    def start(self, plan: Plan) -> None:
        engine = self.bench.start(plan)
        object.__setattr__(engine._ports, "policies", self.book)
        object.__setattr__(engine._ports, "totals", self.bench.journal)
        engine._stepper = RunStepper({**NODES, "tool": spending})
        self.engine = engine

    async def run(self, plan: Plan) -> RunStatus:
        await self.bench.create(plan)
        return await self.go_on(plan)

    async def go_on(self, plan: Plan) -> RunStatus:
        self.start(plan)
        return await self.engine.run_attempt(self.bench.run_id)

    async def answer(self, plan: Plan, **answer: Json) -> RunStatus:
        await self.bench.answer(answer)
        return await self.go_on(plan)

    async def error(self) -> tuple[str, str]:
        error = (await self.bench.history()).run.error
        assert error is not None
        return error.name, error.message

    async def used(self) -> Usage:
        """Return the sum of the rows."""
        return sum((one.usage for one in (await self.bench.history()).steps if one.usage), NOTHING)

    async def verdicts(self) -> list[Json]:
        return [one.data for one in await self.bench.events() if one.type == "policy.verdict"]


def in_force(text: str, revision: int = 1) -> PolicyInForce:
    engine = CelEngine()
    read = read_policy(
        f"apiVersion: specloom/v1\nkind: Policy\nmetadata: {{name: budget}}\n{text}".encode(), "yaml", engine
    )
    assert isinstance(read, PolicyText), [one.message for one in read]
    return PolicyInForce("budget", revision, read.digest, read.policy, compiled_rules(read.policy, engine))


def steps(limits: str, *with_: str, more: str = "") -> Plan:
    """Return a flow of steps that spend."""
    names = [f"s{number}" for number in range(len(with_))]
    nodes = "\n".join(
        f"      {name}: {{tool: t.spend, with: {given}{more}, next: {following}}}"
        for name, given, following in zip(names, with_, [*names[1:], "end"], strict=True)
    )
    return written(f"\n    limits: {limits}\n    start: s0\n    nodes:\n{nodes}\n")


async def test_a_stream_is_cut_within_a_chunk_of_the_limit(bench: Bench) -> None:
    spenders, plan = Spenders(bench), steps("{tokens: 35}", "{chunks: 100}")
    assert await spenders.run(plan) is RunStatus.FAILED
    assert await spenders.error() == ("token-limit", "the run has used 40 tokens, the limit is 35")
    assert (await spenders.used()).tokens == 40
    assert await spenders.verdicts() == [
        {
            "policy": None,
            "rule": "limits.tokens",
            "action": "abort",
            "figure": 40,
            "limit": 35,
            "message": "the run has used 40 tokens, the limit is 35",
        }
    ]


@pytest.mark.parametrize(
    ("limits", "given", "name"),
    [
        ("{cost_usd: 1.2}", "{chunks: 9}", "cost-limit"),
        ("{tool_calls: 2}", "{calls: 9}", "tool-call-limit"),
        ("{artifacts_bytes: 40000}", "{size: 50000}", "artifact-limit"),
    ],
)
async def test_each_limit_has_an_error_of_its_own(bench: Bench, limits: str, given: str, name: str) -> None:
    spenders, plan = Spenders(bench), steps(limits, given)
    assert await spenders.run(plan) is RunStatus.FAILED
    assert (await spenders.error())[0] == name


async def test_a_limit_may_be_reached_and_the_next_step_that_would_go_beyond_is_cut(bench: Bench) -> None:
    spenders, plan = Spenders(bench), steps("{tokens: 20}", "{chunks: 2}", "{chunks: 1}")
    assert await spenders.run(plan) is RunStatus.FAILED
    history = await bench.history()
    assert [(one.step, one.status.value, one.usage) for one in history.steps] == [
        ("s0", "succeeded", CHUNK + CHUNK),
        ("s1", "failed", None),
    ]


async def test_a_limit_of_a_node_is_its_own_over_all_its_visits(bench: Bench) -> None:
    plan = steps("{tokens: 1000}", "{chunks: 3}", "{chunks: 3}", more=", limits: {tokens: 25}")
    spenders = Spenders(bench)
    assert await spenders.run(plan) is RunStatus.FAILED
    assert await spenders.error() == ("token-limit", "s0 has used 30 tokens, the limit is 25")


async def test_a_limit_that_pauses_asks_and_tries_again(bench: Bench) -> None:
    spenders, plan = Spenders(bench), steps("{tokens: 25, on_exceed: pause}", "{chunks: 4}")
    assert await spenders.run(plan) is RunStatus.WAITING
    assert await spenders.answer(plan, go_on=True, more=100) is RunStatus.SUCCEEDED
    tries = [(one.try_number, one.status.value, one.usage.tokens) for one in (await bench.history()).steps]
    assert tries == [(1, "cancelled", 30), (2, "succeeded", 40)]
    assert (await spenders.used()).tokens == 70


async def test_who_does_not_allow_more_lets_the_run_fail(bench: Bench) -> None:
    spenders, plan = Spenders(bench), steps("{cost_usd: 0.7, on_exceed: pause}", "{chunks: 4}")
    assert await spenders.run(plan) is RunStatus.WAITING
    assert await spenders.answer(plan, go_on=False) is RunStatus.FAILED
    assert (await spenders.error())[0] == "cost-limit"


async def test_items_of_a_map_share_the_limit_and_what_they_used_is_kept(bench: Bench) -> None:
    plan = written("""
    limits: {tokens: 55}
    start: a
    nodes:
      a:
        map: {each: n, in: [1, 2, 3, 4, 5, 6, 7, 8], concurrency: 4, tolerate: 8}
        tool: t.spend
        with: {chunks: 2}
        next: end
    """)
    spenders = Spenders(bench)
    assert await spenders.run(plan) is RunStatus.FAILED
    assert (await spenders.error())[0] == "token-limit"
    assert 55 <= (await spenders.used()).tokens <= 55 + 4 * 10


async def test_a_ceiling_stands_above_what_a_spec_asks_for(bench: Bench) -> None:
    spenders, plan = Spenders(bench, "ceilings: {tokens: 15}"), steps("{tokens: 1000, on_exceed: pause}", "{chunks: 9}")
    assert await spenders.run(plan) is RunStatus.FAILED
    assert await spenders.error() == (
        "token-limit",
        "the run has used 20 tokens, the ceiling of the policy budget is 15",
    )
    run = (await bench.history()).run
    assert [(one["name"], one["revision"]) for one in run.policies] == [("budget", 1)]
    assert [one.type for one in await bench.events() if one.type == "policy.applied"] == ["policy.applied"]


async def test_a_ceiling_of_steps_and_of_repetition(bench: Bench) -> None:
    spenders = Spenders(bench, "ceilings: {steps: 1}")
    assert await spenders.run(steps("{tokens: 1000}", "{}", "{}")) is RunStatus.FAILED
    assert (await spenders.error())[0] == "step-limit"


RULE = "rules: [{{name: dear, scope: {scope}, when: '{when}', action: {action}, message: too dear}}]"


@pytest.mark.parametrize(
    ("action", "name"), [("reject", "policy-rejected"), ("abort", "policy-aborted")], ids=["reject", "abort"]
)
async def test_a_rule_over_usage_cuts_a_step(bench: Bench, action: str, name: str) -> None:
    rule = RULE.format(scope="run", when="usage.cost_usd > 0.9", action=action)
    spenders = Spenders(bench, rule)
    plan = steps("{tokens: 1000}", "{chunks: 9}", more=", catch: [{errors: [any], to: end}]")
    status = await spenders.run(plan)
    caught = (await bench.history()).steps[0].error
    assert caught is not None
    assert (caught.name, caught.message) == (name, "budget/dear: too dear")
    assert status is (RunStatus.SUCCEEDED if action == "reject" else RunStatus.FAILED)  # nothing catches an abort
    assert (await spenders.used()).cost_usd == 1.0
    (verdict,) = await spenders.verdicts()
    assert (verdict["policy"], verdict["figure"], verdict["limit"]) == ("budget@r1", 1.0, 0.9)


async def test_a_rule_that_pauses_lets_be_what_a_person_approves(bench: Bench) -> None:
    rule = RULE.format(scope="run", when="usage.tokens > 15", action="pause")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{chunks: 3}", "{chunks: 3}")
    assert await spenders.run(plan) is RunStatus.WAITING
    assert await spenders.answer(plan, go_on=True) is RunStatus.SUCCEEDED
    assert len(await spenders.verdicts()) == 1


async def test_a_rule_that_pauses_and_is_denied_rejects_the_step(bench: Bench) -> None:
    rule = RULE.format(scope="step", when="usage.tokens > 15", action="pause")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{chunks: 3}")
    assert await spenders.run(plan) is RunStatus.WAITING
    assert await spenders.answer(plan, go_on=False) is RunStatus.FAILED
    assert await spenders.error() == ("policy-rejected", "budget/dear: too dear")


async def test_a_result_waits_for_approval_and_its_step_is_not_done_again(bench: Bench) -> None:
    rule = RULE.format(scope="step", when="has(result.amount) && result.amount > 100.0", action="pause")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{result: {amount: 200}}", "{result: {amount: 5}}")
    assert await spenders.run(plan) is RunStatus.WAITING
    assert await spenders.answer(plan, go_on=True) is RunStatus.SUCCEEDED
    assert [(one.step, one.try_number) for one in (await bench.history()).steps] == [("s0", 1), ("s1", 1)]
    assert (await spenders.used()).tokens == 20


async def test_a_result_that_is_rejected_is_not_used(bench: Bench) -> None:
    rule = RULE.format(scope="step", when="has(result.amount) && result.amount > 100.0", action="reject")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{result: {amount: 200}}")
    assert await spenders.run(plan) is RunStatus.FAILED
    (step,) = (await bench.history()).steps
    assert (step.result, step.usage) == (None, CHUNK)


async def test_a_rule_that_cannot_be_evaluated_rejects(bench: Bench) -> None:
    rule = RULE.format(scope="step", when="result.amount > 100.0", action="abort")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{}")
    assert await spenders.run(plan) is RunStatus.FAILED
    name, message = await spenders.error()
    assert name == "policy-rejected"
    assert "dear of the policy budget could not be evaluated" in message


async def test_a_policy_holds_from_the_next_step_of_a_run_on_that_is_under_way(bench: Bench) -> None:
    spenders = Spenders(bench)
    plan = written("""
    start: a
    nodes:
      a: {tool: t.spend, with: {}, next: ask}
      ask: {human: {title: Go on?}, next: b}
      b: {tool: t.spend, with: {}, next: end}
    """)
    assert await spenders.run(plan) is RunStatus.WAITING
    spenders.book.open_at([in_force(RULE.format(scope="step", when='step.id == "b"', action="reject"))])
    await bench.answer({"verdict": "yes"})
    assert await spenders.go_on(plan) is RunStatus.FAILED
    assert (await spenders.error())[0] == "policy-rejected"


async def test_a_policy_for_other_labels_is_none(bench: Bench) -> None:
    spenders = Spenders(bench, "selector: {matchLabels: {tier: gold}}\nceilings: {tokens: 1}")
    assert await spenders.run(steps("{tokens: 1000}", "{chunks: 3}")) is RunStatus.SUCCEEDED
    assert (await bench.history()).run.policies == ()


async def test_the_tenant_counts_what_other_runs_have_used(bench: Bench) -> None:
    rule = RULE.format(scope="tenant", when="usage.tokens > 25", action="abort")
    spenders, plan = Spenders(bench, rule), steps("{tokens: 1000}", "{chunks: 2}")
    assert await spenders.run(plan) is RunStatus.SUCCEEDED
    object.__setattr__(bench, "run_id", "r2")
    assert await spenders.run(plan) is RunStatus.FAILED
    assert (await spenders.used()).tokens == 10


LOOP = """
    limits: {{steps: 500}}
    state: {{n: {{type: integer, default: 0{reduce}}}}}
    start: a
    nodes:
      a:
        {{tool: t.spend, with: {{}}, save: {{n: 1}}{more},
         next: [{{when: "${{ state.n < 300 }}", to: a}}, {{else: end}}]}}
"""


async def test_a_loop_without_progress_is_stopped_and_one_that_counts_is_not(bench: Bench) -> None:
    spenders, stuck = Spenders(bench), written(LOOP.format(reduce="", more=""))
    assert await spenders.run(stuck) is RunStatus.FAILED
    name, message = await spenders.error()
    assert name == "no-progress"
    assert "100 times" in message
    object.__setattr__(bench, "run_id", "r2")
    assert await spenders.run(written(LOOP.format(reduce=", reduce: sum", more=""))) is RunStatus.SUCCEEDED


async def test_an_author_says_how_often_is_too_often(bench: Bench) -> None:
    spenders = Spenders(bench)
    stuck = written(LOOP.format(reduce="", more=", limits: {no_progress: 3}"))
    assert await spenders.run(stuck) is RunStatus.FAILED
    assert "3 times" in (await spenders.error())[1]
    object.__setattr__(bench, "run_id", "r2")
    allowed = written(LOOP.format(reduce="", more=", limits: {visits: 200}"))
    assert await spenders.run(allowed) is RunStatus.FAILED
    assert (await spenders.error())[0] == "step-limit"


async def test_totals_are_the_sums_of_the_rows_also_after_a_crash(bench: Bench) -> None:
    spenders, plan = Spenders(bench), steps("{tokens: 55}", "{chunks: 2}", "{chunks: 1000}")
    await bench.create(plan)
    spenders.start(plan)
    task = asyncio.ensure_future(spenders.engine.run_attempt(bench.run_id))
    while (await spenders.used()).tokens < 30:  # noqa: ASYNC110 - the rows are what is asked
        await asyncio.sleep(0)
    bench.forget(task)
    before = await spenders.used()
    assert await spenders.go_on(plan) is RunStatus.FAILED
    after = await spenders.used()
    assert before.tokens >= 30
    assert after.tokens == 60, "what was used before the crash counts"
    assert after == await bench.journal.used_by_family(bench.run_id)


async def test_a_run_that_another_one_started_spends_what_that_one_may(bench: Bench) -> None:
    plan = steps("{tokens: 45}", "{chunks: 3}")
    spenders = Spenders(bench)
    assert await spenders.run(plan) is RunStatus.SUCCEEDED  # 30 tokens
    child = RunId("child")
    run = replace((await bench.history()).run, id=child, parent=bench.run_id, status=RunStatus.QUEUED, attempt=0)
    await bench.journal.commit(RunCreated(run))
    assert await spenders.engine.run_attempt(child) is RunStatus.FAILED
    error = (await bench.journal.history(child)).run.error
    assert error is not None
    text = "the run that started this one has used 50 tokens, the limit is 45"
    assert (error.name, error.message) == ("token-limit", text)
    assert (await bench.journal.used_by_family(bench.run_id)).tokens == 50
