"""What tasks ask for beside their requirements: urgency, resources, time, more tries, and to be told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.workflows.luigi.conftest import PIPELINES, Recorder
from workflows.luigi.errors import StageCrashed, StageError, StageFailed, StageTimeout
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.shares import Shares
from workflows.luigi.stages import LuigiStages, StageCall

pytestmark = pytest.mark.anyio

Call = Callable[..., StageCall]
Ran = Callable[[], list[str]]


@pytest.fixture
def group() -> LuigiGroup:
    return LuigiGroup("p", ("policies",), (PIPELINES,))


async def test_of_those_that_may_start_the_most_urgent_goes_first(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Urgent", workers=1), recorder)
    assert [one for one in ran() if " " in one] == ["Numbered 9", "Numbered 4", "Numbered 2"]


async def test_what_something_urgent_needs_is_urgent(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Hurry", workers=1), recorder)
    assert ran()[:2] == ["Lowly", "Pressing"]


@pytest.mark.parametrize("there", [1, 2])
async def test_no_more_of_a_resource_is_held_than_there_is(  # noqa: PLR0913, PLR0917
    stages: LuigiStages, call: Call, group: LuigiGroup, recorder, ran: Ran, there: int
):
    known = replace(group, resources={"db": there} if there > 1 else {})
    await stages.run(call("Holders", {"most": there}, group=known), recorder)
    assert len([one for one in ran() if one.startswith("held")]) == 6


async def test_resources_are_shared_by_all_runs_of_the_server(stages: LuigiStages, call: Call, tmp_path: Path):
    directories = [tmp_path / name for name in ("one", "two")]
    for directory in directories:
        directory.mkdir()
    arguments = {"place": str(tmp_path), "names": "abc"}
    calls = [call("Holders", arguments, run_dir=directory) for directory in directories]
    await asyncio.gather(*(stages.run(one, Recorder()) for one in calls))
    assert all((directory / "runs.log").read_text().count("held 1") == 3 for directory in directories)


async def test_a_running_task_may_give_back_what_it_holds(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Passing"), recorder)
    assert ran() == ["HadIt", "LetsGo"]


async def test_who_wants_more_than_there_is_fails_and_is_told_what_to_do(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed, match=r"wants 2 of the resource db, of which there is 1: name it in `resources`"):
        await stages.run(call("Holder", {"name": "a", "amount": 2}), recorder)


def test_who_wants_much_is_not_passed_by_for_ever(group: LuigiGroup):
    shares, got = Shares(), list[str]()
    known = replace(group, resources={"db": 2})
    first = shares.ask(known, {"db": 1}, 0, lambda: got.append("first"))
    big = shares.ask(known, {"db": 2}, 0, lambda: got.append("big"))
    shares.ask(known, {"db": 1}, 0, lambda: got.append("small"))
    assert got == ["first"]
    shares.release(first)
    assert got == ["first", "big"]
    shares.release(big)
    assert got == ["first", "big", "small"]


async def test_a_task_is_tried_as_often_as_its_own_policy_says(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Flaky", {"failures": 2}), recorder)
    assert ran() == ["try"] * 3 + ["Flaky"]
    assert recorder.story == [
        "expanded", *["started Flaky", "failed Flaky"] * 2, "started Flaky", "succeeded Flaky",
    ]  # fmt: skip


@pytest.mark.parametrize(("task", "tries"), [("Flaky", 3), ("Hasty", 1)])
async def test_and_then_left_alone(  # noqa: PLR0913, PLR0917
    stages: LuigiStages, call: Call, recorder, ran: Ran, task: str, tries: int
):
    with pytest.raises(StageFailed, match="not yet"):
        await stages.run(call(task, {"failures": 9}), recorder)
    assert ran() == ["try"] * tries


@pytest.mark.parametrize(
    ("task", "error", "event"),
    [
        ("Slow", StageTimeout, "timeout event of Slow: p.Slow(): not done after 1 seconds"),
        ("Gone", StageCrashed, "process failure event of Gone: p.Gone(): the process ended with exit code 3"),
    ],
)
async def test_a_process_that_is_gone_is_told_by_luigis_event(  # noqa: PLR0913, PLR0917
    stages: LuigiStages, call: Call, recorder, ran: Ran, task: str, error: type[StageError], event: str
):
    with pytest.raises(error):
        await stages.run(call(task), recorder)
    assert ran() == [task.lower(), event]


async def test_expanding_fires_the_events_of_luigis_worker(stages: LuigiStages, call: Call, ran: Ran):
    expansion = await stages.preview(call("Family"))
    assert ran() == [
        *(f"DEPENDENCY_DISCOVERED Family {name}" for name in ("There", "Nobodys", "Odd", "Mute", "Watched")),
        "DEPENDENCY_PRESENT There",
        "DEPENDENCY_MISSING Nobodys",
        "BROKEN_TASK Odd KeyError",
        "DEPENDENCY_MISSING Mute",
    ]
    problems = {task.qualname: task.problem for task in expansion.tasks if task.problem}
    assert problems == {
        "Odd": "requires() raised KeyError: 'no such thing'",
        "Mute": "complete() raised OSError: cannot say",
    }


async def test_what_cannot_be_scheduled_fails_alone(stages: LuigiStages, call: Call, recorder, ran: Ran):
    with pytest.raises(StageFailed, match=r"p.Odd\(\): requires\(\) raised KeyError") as caught:
        await stages.run(call("AfterOdd"), recorder)
    assert "Watched" in ran()
    assert caught.value.message.splitlines()[1:] == [
        "Scheduled 3 tasks of which:",
        "* 1 ran successfully:",
        "    - 1 p.Watched(word=x)",
        "* 1 failed scheduling:",
        "    - 1 p.Odd()",
        "* 1 were left pending, among these:",
        "    * 1 had dependencies whose scheduling failed:",
        "        - 1 p.AfterOdd()",
        "This progress looks :( because there were tasks whose scheduling failed",
    ]
    assert recorder.summaries == ["\n".join(caught.value.message.splitlines()[1:])]
    assert caught.value.tail.endswith(recorder.summaries[0] + "\n")


async def test_a_disabled_task_is_not_run(stages: LuigiStages, call: Call, recorder, ran: Ran):
    with pytest.raises(StageFailed, match=r"disabled: p.Off\(\)\n(.*\n)*.*not granted run permission"):
        await stages.run(call("AfterOff"), recorder)
    assert ran() == []


async def test_a_tracking_url_is_passed_on(stages: LuigiStages, call: Call, recorder):
    await stages.run(call("Tracked"), recorder)
    assert recorder.urls == ["http://example.org/job/7"]


async def test_what_luigis_decorators_make_is_built(
    stages: LuigiStages, call: Call, recorder, ran: Ran, tmp_path: Path
):
    await stages.run(call("Decorated"), recorder)
    assert sorted(ran()) == [
        "Delegating", "Inherited", "Required", "Source", "Source", "Watched", "delegates to ['sub']",
    ]  # fmt: skip
    assert (tmp_path / "copied.txt").read_text() == "done"
