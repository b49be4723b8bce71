"""Heavy expressions are evaluated in a child: the loop goes on, limits hold, and the next evaluation works."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from translator.language.cel import CelEngine
from translator.language.expressions import ExpressionFailed, ExpressionTooCostly, Scope
from translator.language.templates import CompiledValue, Template, compile_template, compile_value
from workflows.hosting.evaluation import EvaluationHost, Evaluator

pytestmark = pytest.mark.anyio
SCOPE = Scope(
    {
        "inputs": {
            "type": "object",
            "required": ["words", "numbers", "text"],
            "properties": {
                "words": {"type": "array", "items": {"type": "string"}},
                "numbers": {"type": "array", "items": {"type": "integer"}},
                "text": {"type": "string"},
            },
        }
    }
)
WORDS = [f"word {index}" for index in range(9000)]
MEMBERSHIP = "${ inputs.words.map(i, i in inputs.words) }"
DOUBLING = "${ inputs.numbers.map(i, inputs.text + inputs.text) }"


@pytest.fixture
async def host() -> AsyncIterator[EvaluationHost]:
    async with EvaluationHost() as started:
        yield started


@pytest.fixture
def evaluator(host: EvaluationHost) -> Evaluator:
    return Evaluator(host)


def template(text: str) -> Template:
    made = compile_template(text, SCOPE, CelEngine())
    assert isinstance(made, Template), made
    return made


async def evaluated(evaluator: Evaluator, source: str, **inputs: Any) -> Any:
    return await evaluator.evaluate(template(source), {"inputs": inputs})


async def test_light_and_heavy_give_the_same(evaluator: Evaluator) -> None:
    text = "${ inputs.numbers.filter(i, i % 2 == 0).map(i, i + 1) }"
    assert await evaluated(evaluator, text, numbers=[1, 2, 3, 4]) == [3, 5]
    numbers = list(range(3000))
    assert template(text).is_heavy({"inputs": {"numbers": numbers}})
    assert await evaluated(evaluator, text, numbers=numbers) == list(range(1, 3000, 2))


async def test_a_heavy_part_of_a_mixed_text_and_of_a_nested_value(evaluator: Evaluator) -> None:
    inputs = {"numbers": list(range(2000)), "text": "t"}
    heavy = "${ inputs.numbers.exists(i, i == 1999 && i + i + i > 0) }"
    assert template(heavy).is_heavy({"inputs": inputs})
    assert await evaluated(evaluator, f"it is {heavy}", **inputs) == "it is true"
    value = compile_value({"a": [heavy], "b": "${ inputs.text }"}, SCOPE, CelEngine())
    assert isinstance(value, CompiledValue)
    assert await evaluator.evaluate(value, {"inputs": inputs}) == {"a": [True], "b": "t"}


async def test_a_search_of_millions_of_steps_is_ended_and_the_loop_goes_on(
    evaluator: Evaluator, host: EvaluationHost
) -> None:
    before = host.pid
    search = asyncio.ensure_future(evaluated(evaluator, MEMBERSHIP, words=WORDS))
    turns = 0
    while not search.done():
        turns += 1
        await asyncio.sleep(0.005)
    with pytest.raises(ExpressionTooCostly):
        await search
    assert turns > 5, "the loop took no turns meanwhile"
    assert host.pid != before
    assert await evaluated(evaluator, MEMBERSHIP, words=WORDS[:500]) == [True] * 500


async def test_a_gigabyte_is_refused_and_never_reaches_this_process(evaluator: Evaluator) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ExpressionTooCostly):
        await evaluated(evaluator, DOUBLING, numbers=list(range(9000)), text="x" * 80_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "kilobytes on Linux"


@pytest.mark.parametrize("body", ["['aaaa']" + ".map(a, a + a)" * 28, "[1]" + ".map(a, [a, a])" * 28])
async def test_doublings_are_refused(evaluator: Evaluator, body: str) -> None:
    with pytest.raises(ExpressionTooCostly):
        await evaluated(evaluator, "${ " + body + " }")


async def test_an_error_in_the_child_is_the_same_error(evaluator: Evaluator, host: EvaluationHost) -> None:
    before = host.pid
    with pytest.raises(ExpressionFailed) as failure:
        await evaluated(evaluator, "${ inputs.numbers.map(i, i / 0) }", numbers=list(range(3000)))
    assert "division by zero" in failure.value.message
    assert host.pid == before


async def test_a_killed_child_costs_one_evaluation_at_most(evaluator: Evaluator, host: EvaluationHost) -> None:
    assert await evaluated(evaluator, MEMBERSHIP, words=WORDS[:500]) == [True] * 500
    assert host.pid is not None
    os.killpg(host.pid, signal.SIGKILL)
    with suppress(ExpressionTooCostly):  # unless its end was seen before
        await evaluated(evaluator, MEMBERSHIP, words=WORDS[:500])
    assert await evaluated(evaluator, MEMBERSHIP, words=WORDS[:500]) == [True] * 500


async def test_a_cancelled_evaluation_does_not_answer_the_next(evaluator: Evaluator) -> None:
    search = asyncio.ensure_future(evaluated(evaluator, MEMBERSHIP, words=WORDS[:1400]))
    await asyncio.sleep(0.05)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    assert await evaluated(evaluator, MEMBERSHIP, words=WORDS[:500]) == [True] * 500


async def test_many_at_once_wait_for_their_turn(evaluator: Evaluator) -> None:
    questions = [evaluated(evaluator, MEMBERSHIP, words=WORDS[: 400 + index]) for index in range(8)]
    answers = await asyncio.gather(*questions)
    assert [len(answer) for answer in answers] == [400 + index for index in range(8)]


async def test_the_child_leads_its_own_group_and_ends_with_the_block() -> None:
    async with EvaluationHost() as started:
        pid = started.pid
        assert pid is not None
        assert os.getpgid(pid) == pid
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of stdin does it, once the child is idle")
async def test_a_busy_child_dies_with_its_parent() -> None:
    program = (
        "import asyncio, os, sys\n"
        "from workflows.hosting.evaluation import EvaluationHost\n"
        "async def main():\n"
        "    async with EvaluationHost() as host:\n"
        "        await host._ready()\n"
        "        print(host.pid, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    printed, _ = await parent.communicate()
    child = int(printed)
    for _ in range(200):
        if not is_running(child):
            break
        await asyncio.sleep(0.02)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
