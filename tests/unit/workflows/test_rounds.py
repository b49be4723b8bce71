import asyncio
from collections.abc import Mapping

import pytest

from tests.unit.workflows.bench import tool
from translator.planning.plan import Step
from workflows.activity import Activity, Quiet
from workflows.rounds import Outcome, Round

pytestmark = pytest.mark.anyio


def a_round(*members: Step, known: Mapping[str, Outcome] | None = None, join: int | None = None) -> Round:
    return Round(members, known or {}, Activity(), join)


async def test_a_member_waits_until_its_needs_are_done() -> None:
    round_ = a_round(tool("a"), tool("b", needs=("a",)))
    waiting = asyncio.ensure_future(round_.ready("b"))
    await asyncio.sleep(0)
    assert not waiting.done()
    round_.finish("a", Outcome.DONE)
    await waiting


async def test_what_is_known_is_not_waited_for() -> None:
    members = tool("a"), tool("b", needs=("a",)), tool("c", needs=("b",))
    round_ = a_round(*members, known={"b": Outcome.DONE, "a": Outcome.DONE})
    await round_.ready("c")
    assert round_.outcome("b") is Outcome.DONE


async def test_the_first_outcome_counts() -> None:
    round_ = a_round(tool("a"))
    round_.finish("a", Outcome.FAILED)
    round_.finish("a", Outcome.DONE)
    assert round_.is_blocked(["a"])


async def test_a_round_is_quiet_when_all_that_could_move_waits() -> None:
    activity = Activity()
    round_ = Round((tool("ann"), tool("side"), tool("after", needs=("ann",))), {}, activity)
    asking = asyncio.ensure_future(activity.wait(asyncio.get_running_loop().create_future()))
    after = asyncio.ensure_future(round_.ready("after"))
    await asyncio.sleep(0)
    assert not asking.done()  # the side could still move
    round_.finish("side", Outcome.DONE)
    with pytest.raises(Quiet):
        await asking
    with pytest.raises(Quiet):
        await after


async def test_who_is_woken_counts_as_moving_from_that_moment() -> None:
    activity = Activity()
    round_ = Round((tool("ann"), tool("bob"), tool("side")), {}, activity)
    loop = asyncio.get_running_loop()
    for_ann, for_bob = loop.create_future(), loop.create_future()
    ann, bob = asyncio.ensure_future(activity.wait(for_ann)), asyncio.ensure_future(activity.wait(for_bob))
    await asyncio.sleep(0)
    assert activity.wake(for_ann)
    round_.finish("side", Outcome.DONE)
    await ann
    assert not bob.done()
    round_.finish("ann", Outcome.DONE)
    with pytest.raises(Quiet):
        await bob
    assert not activity.wake(for_bob)


async def test_enough_successes_stop_the_others_for_real() -> None:
    round_ = a_round(tool("a"), tool("b"), tool("c"), join=1)
    working = asyncio.ensure_future(asyncio.sleep(3600))
    round_.track("b", working)
    round_.finish("a", Outcome.DONE)
    assert round_.is_stopped
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_the_last_member_leaves_its_turn_to_whoever_made_the_round() -> None:
    activity = Activity()
    round_ = Round((tool("a"), tool("b")), {}, activity)
    round_.finish("a", Outcome.DONE)
    round_.finish("b", Outcome.DONE)
    assert not activity.is_quiet
    activity.end()
    assert activity.is_quiet


async def test_who_is_cancelled_while_waiting_moves_again() -> None:
    activity = Activity()
    waiting = asyncio.ensure_future(activity.wait(asyncio.get_running_loop().create_future()))
    activity.begin(1)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    activity.end()
    assert not activity.is_quiet
