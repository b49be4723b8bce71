import asyncio

import pytest

from tests.unit.workflows.bench import human, plan_of, tool
from workflows.rounds import Outcome, Quiet, Round

pytestmark = pytest.mark.anyio


async def test_a_member_waits_until_its_needs_are_done() -> None:
    round_ = Round(plan_of(tool("a"), tool("b", needs=("a",)), is_dag=True), None, {})
    waiting = asyncio.ensure_future(round_.ready("b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    round_.finish("a", Outcome.DONE)
    await waiting


async def test_a_round_is_quiet_when_all_that_could_move_is_parked() -> None:
    round_ = Round(plan_of(human("ann"), tool("side"), tool("after", needs=("ann",)), is_dag=True), None, {})
    asking, after = asyncio.ensure_future(round_.park("ann")), asyncio.ensure_future(round_.ready("after"))
    await asyncio.sleep(0)
    assert not asking.done()  # the side could still move
    round_.finish("side", Outcome.DONE)
    with pytest.raises(Quiet):
        await asking
    with pytest.raises(Quiet):
        await after
    assert not round_.wake("ann")


async def test_a_parked_member_wakes_and_counts_as_moving_again() -> None:
    round_ = Round(plan_of(human("ann"), human("bob"), tool("side"), is_dag=True), None, {})
    ann, bob = asyncio.ensure_future(round_.park("ann")), asyncio.ensure_future(round_.park("bob"))
    await asyncio.sleep(0)
    assert round_.wake("ann")
    round_.finish("side", Outcome.DONE)
    await ann
    assert not bob.done()
    round_.finish("ann", Outcome.DONE)
    with pytest.raises(Quiet):
        await bob


async def test_what_is_known_is_not_waited_for() -> None:
    plan = plan_of(tool("a"), tool("b", needs=("a",)), tool("c", needs=("b",)), is_dag=True)
    round_ = Round(plan, None, {"b": Outcome.DONE, "a": Outcome.DONE})
    await round_.ready("c")
    assert round_.outcome("b") is Outcome.DONE


async def test_the_first_outcome_counts() -> None:
    round_ = Round(plan_of(tool("a"), is_dag=True), None, {})
    round_.finish("a", Outcome.FAILED)
    round_.finish("a", Outcome.DONE)
    assert round_.is_blocked(["a"])
