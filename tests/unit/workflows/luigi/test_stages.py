"""Luigi steps: real Luigi in real hosts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from workflows.luigi.errors import (
    InvalidParameter,
    InvalidResult,
    MissingExternal,
    StageCrashed,
    StageFailed,
    StageTimeout,
    StageUnavailable,
)
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.stages import LuigiStages, StageCall
from workflows.luigi.task_running import mailbox

pytestmark = pytest.mark.anyio

Call = Callable[..., StageCall]
Ran = Callable[[], list[str]]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids_of(directory: Path) -> list[int]:
    return [int(pid) for pid in (directory / "pids").read_text().split()]


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.is_file()}


async def appeared(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)


async def test_a_diamond_is_built_once_from_the_bottom_up(stages: LuigiStages, call: Call, recorder, ran: Ran):
    result = await stages.run(call("Top"), recorder)
    assert (ran()[0], sorted(ran()[1:3]), ran()[3:]) == ("Bottom", ["Left", "Right"], ["Top"])
    assert result.outputs["uri"] == "specloom://runs/r1/artifacts/out/Top.txt"
    assert result.outputs["bytes"] == 3
    assert recorder.story[:3] == ["expanded", "started Bottom", "succeeded Bottom"]
    assert recorder.story[-2:] == ["started Top", "succeeded Top"]


async def test_what_is_complete_is_skipped_and_nothing_below_it_is_looked_at(
    stages: LuigiStages, call: Call, recorder, ran: Ran, tmp_path: Path
):
    (tmp_path / "out").mkdir()
    for name in ("Left", "Right"):
        (tmp_path / "out" / f"{name}.txt").write_text("")
    await stages.run(call("Top"), recorder)
    assert ran() == ["Top"]
    assert recorder.story == ["expanded", "skipped Left", "skipped Right", "started Top", "succeeded Top"]


async def test_a_recorded_expansion_is_used_again_and_what_is_recorded_is_not_run(
    stages: LuigiStages, call: Call, recorder, ran: Ran, tmp_path: Path
):
    await stages.run(call("Top"), recorder)
    first = recorder.kept
    (tmp_path / "runs.log").unlink()
    (tmp_path / "out" / "Top.txt").unlink()
    recorder.done = {task.key for task in first.tasks if task.qualname != "Top"}
    recorder.story.clear()
    await stages.run(call("Top"), recorder)
    assert recorder.kept is first
    assert (ran(), recorder.story) == (["Top"], ["started Top", "succeeded Top"])


async def test_a_preview_runs_nothing(stages: LuigiStages, call: Call, ran: Ran):
    expansion = await stages.preview(call("Top"))
    assert [task.name for task in expansion.tasks] == ["shop.Bottom()", "shop.Left()", "shop.Right()", "shop.Top()"]
    assert expansion.task(expansion.root).needs == tuple(task.key for task in expansion.tasks[1:3])
    assert expansion == await stages.preview(call("Top"))
    assert Expansion.from_json(json.loads(json.dumps(expansion.as_json()))) == expansion
    assert ran() == []


async def test_two_runs_do_not_touch_each_others_files(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    directories = [tmp_path / "one", tmp_path / "two"]
    for directory in directories:
        directory.mkdir()
    results = await asyncio.gather(
        *(
            stages.run(call("Copy", {"text": each.name}, run_dir=each, read="json"), type(recorder)())
            for each in directories
        )
    )
    assert [result.data["text"] for result in results] == ["one", "two"]
    assert [json.loads((each / "copy.txt").read_text())["text"] for each in directories] == ["one", "two"]


async def test_a_fixed_work_directory_is_shared(stages: LuigiStages, call: Call, group: LuigiGroup, recorder, tmp_path):
    fixed = replace(group, workdir=tmp_path / "fixed")
    fixed.workdir.mkdir()
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    result = await stages.run(call("Bottom", group=fixed, run_dir=run_dir), recorder)
    assert result.outputs["uri"] == str(tmp_path / "fixed" / "out" / "Bottom.txt")
    again = await stages.run(call("Bottom", group=fixed, run_dir=run_dir), type(recorder)())
    assert again.expansion.task(again.expansion.root).is_complete


async def test_one_task_in_one_directory_is_built_by_one_step_at_a_time(stages: LuigiStages, call: Call, recorder, ran):
    await asyncio.gather(*(stages.run(call(name), type(recorder)()) for name in ("Left", "Right", "Top")))
    assert sorted(ran()) == ["Bottom", "Left", "Right", "Top"]


async def test_each_task_has_its_own_idempotency_key_and_an_allow_list_of_variables(
    stages: LuigiStages, call: Call, recorder
):
    result = await stages.run(call("Key", read="json"), recorder)
    assert result.data["SPECLOOM_IDEMPOTENCY_KEY"] == f"key/{result.expansion.root}"
    assert result.data["SHOP_DB"] == "db"
    assert {"OTHER", "SPECLOOM_TOKEN"}.isdisjoint(result.data)


async def test_dynamic_requirements_are_built_while_the_task_runs_once(
    stages: LuigiStages, call: Call, recorder, ran: Ran
):
    result = await stages.run(call("Gather", read="text"), recorder)
    assert result.data == "part-1.txt part-2.txt part-3.txt"
    assert ran() == ["Gather", "Bottom", "Part 1 2", "Part 2 2", "Part 3 2"]


async def test_tasks_that_ask_for_each_other_while_they_run_fail(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed) as failed:
        await stages.run(call("Match"), recorder)
    assert "it asks for a task that asks for it, so both would wait" in failed.value.message
    assert "shop.Ping()" in failed.value.message
    assert "shop.Pong()" in failed.value.message


async def test_a_task_that_asks_for_itself_fails(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed, match="asks for itself"):
        await stages.run(call("AskForItself"), recorder)


@pytest.mark.parametrize(("how", "error"), [("fail", StageFailed), ("leave", StageCrashed), ("stay", StageTimeout)])
async def test_a_half_written_target_is_moved_aside(
    stages: LuigiStages, call: Call, recorder, how: str, error: type[Exception]
):
    made = call("Truncate", {"how": how}, timeout=1.5 if how == "stay" else None)
    with pytest.raises(error):
        await stages.run(made, recorder)
    assert not (made.run_dir / "whole.txt").exists()
    assert (made.run_dir / "whole.txt.quarantined-1").read_text() == "ha"
    assert recorder.outcomes["Truncate"].status == "failed"


async def test_the_next_try_builds_what_was_moved_aside(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageCrashed) as caught:
        await stages.run(call("Truncate", {"how": "leave"}), recorder)
    assert (caught.value.error_name, caught.value.tail) == ("crashed", "leaving\n")
    result = await stages.run(call("Truncate", {"how": "leave"}, read="text"), recorder)
    assert result.data == "whole"


async def test_what_a_killed_server_left_behind_is_moved_aside_by_the_next(
    stages: LuigiStages, call: Call, recorder, tmp_path: Path
):
    target = tmp_path / "out" / "Bottom.txt"
    target.parent.mkdir()
    target.write_text("Bo")
    notes = tmp_path / ".specloom" / "unfinished"
    notes.mkdir(parents=True)
    (notes / "Bottom-0.json").write_text(json.dumps([str(target)]))
    result = await stages.run(call("Bottom", read="text"), recorder)
    assert result.data == "Bottom"
    assert target.with_name("Bottom.txt.quarantined-1").read_text() == "Bo"


async def test_a_target_that_was_there_before_is_never_moved(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    (tmp_path / "one.json").write_text("old")
    with pytest.raises(StageFailed, match="jammed"):
        await stages.run(call("Jammed"), recorder)
    assert names_in(tmp_path) == {"one.json", "two.json.quarantined-1"}


async def test_a_timeout_ends_a_stubborn_stage_and_its_children(
    stages: LuigiStages, call: Call, recorder, tmp_path: Path
):
    with pytest.raises(StageTimeout) as caught:
        await stages.run(call("Stubborn", timeout=1.5), recorder)
    assert not any(is_running(pid) for pid in pids_of(tmp_path))
    assert caught.value.error_name == "timeout"
    assert recorder.outcomes["Stubborn"].error.error_name == "timeout"


async def test_what_never_started_is_not_told_of_when_the_time_is_up(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageTimeout):
        await stages.run(call("Crowd", timeout=1.5, workers=2), recorder)
    assert sorted(recorder.story) == ["expanded", *["failed Sleeper"] * 2, *["started Sleeper"] * 2]


async def test_cancelling_ends_the_work(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    running = asyncio.create_task(stages.run(call("Stubborn"), recorder))
    await appeared(tmp_path / "pids")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not any(is_running(pid) for pid in pids_of(tmp_path))
    assert recorder.outcomes["Stubborn"].status == "cancelled"


async def test_a_task_that_leaves_no_target_fails(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed, match=r"shop.Silent\(\): it ended, but is not complete.*out/Silent.txt"):
        await stages.run(call("Silent"), recorder)


async def test_a_task_without_targets_is_done_when_it_ran(stages: LuigiStages, call: Call, recorder, ran: Ran):
    result = await stages.run(call("Effect"), recorder)
    assert result.outputs == []
    await stages.run(call("AfterEffect"), type(recorder)())
    assert ran() == ["Effect", "Effect", "AfterEffect"]


async def test_an_external_task_that_is_missing_is_told_once_the_rest_is_built(
    stages: LuigiStages, call: Call, recorder, ran: Ran
):
    with pytest.raises(MissingExternal, match=r"Delivery\(\).*delivery.csv"):
        await stages.run(call("Unpack"), recorder)
    assert ran() == ["Bottom"]


async def test_independent_branches_go_on_after_a_failure(stages: LuigiStages, call: Call, recorder, ran: Ran):
    with pytest.raises(StageFailed, match=r"shop.Bad\(\): RuntimeError: bad luck") as caught:
        await stages.run(call("Mixed"), recorder)
    assert sorted(ran()) == ["Bottom", "Left", "Right"]
    assert caught.value.tail.startswith("about to fail\n")
    assert "in run" in caught.value.tail
    assert "AfterBad" not in recorder.outcomes


async def test_a_circle_is_named(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed, match=r"shop.Egg\(\) → shop.Chicken\(\) → shop.Egg\(\)"):
        await stages.run(call("Egg"), recorder)


async def test_requirements_without_end_are_refused(stages: LuigiStages, call: Call):
    with pytest.raises(StageFailed, match="over 10000 tasks"):
        await stages.preview(call("Endless"))


async def test_requires_check_wants_the_requirements_to_be_there(stages: LuigiStages, call: Call, recorder, ran: Ran):
    with pytest.raises(StageFailed, match="Bottom"):
        await stages.run(call("Left", requires="check"), recorder)
    await stages.run(call("Bottom"), type(recorder)())
    await stages.run(call("Left", requires="check"), recorder)
    assert ran() == ["Bottom", "Left"]
    assert recorder.story == ["expanded", "started Left", "succeeded Left"]


async def test_requires_satisfied_does_not_look(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Left", requires="satisfied"), recorder)
    assert ran() == ["Left"]


async def test_progress_is_passed_on(stages: LuigiStages, call: Call, recorder):
    await stages.run(call("Chatty"), recorder)
    assert ("half way", None) in recorder.progress
    assert recorder.progress[-1] == ("{'rows': 7}", 50.0)


async def test_luigi_events_and_hooks_are_fired(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Watched"), recorder)
    with pytest.raises(StageFailed, match="KeyError"):
        await stages.run(call("WatchedBad"), type(recorder)())
    assert ran()[:4] == ["start Watched", "Watched", "on_success", "success event"]
    assert ran()[4:] == ["start WatchedBad", "failure event 'gone'", "on_failure KeyError"]


async def test_outputs_keep_their_shape(stages: LuigiStages, call: Call, recorder):
    outputs = (await stages.run(call("Shapes"), recorder)).outputs
    assert outputs["nothing"] is None
    assert [leaf["uri"] for leaf in outputs["list"]] == [f"specloom://runs/r1/artifacts/{name}.json" for name in "ab"]
    assert (outputs["folder"]["bytes"], len(outputs["folder"]["sha256"])) == (5, 64)


async def test_contents_have_the_shape_of_the_outputs(stages: LuigiStages, call: Call, recorder):
    assert (await stages.run(call("TwoFiles", read="json"), recorder)).data == [[1], {}]
    assert (await stages.run(call("TwoFiles", read="text"), recorder)).data == ["[1]", "{}"]


async def test_contents_that_cannot_be_read_are_an_invalid_result(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(InvalidResult, match="folder"):
        await stages.run(call("Shapes", read="text"), recorder)
    with pytest.raises(InvalidResult, match="16 MiB"):
        await stages.run(call("Huge", read="text"), type(recorder)())


async def test_tasks_that_text_cannot_describe_are_built_as_they_are(stages: LuigiStages, call: Call, recorder):
    result = await stages.run(call("Odder", {"token": "hush"}, read="text"), recorder)
    assert result.data == "int none | int hush | int none | int none"
    assert "hush" not in json.dumps(result.expansion.as_json())


async def test_insignificant_parameters_make_different_tasks(stages: LuigiStages, call: Call):
    keys = {(await stages.preview(call("Copy", {"text": "a", "mood": mood}))).root for mood in ("fine", "bad", "fine")}
    assert len(keys) == 2


async def test_a_deep_lattice_of_wrappers_is_asked_once(stages: LuigiStages, call: Call, recorder, ran: Ran):
    result = await stages.run(call("Level", {"depth": 40}), recorder)
    assert (len(result.expansion.tasks), ran()) == (82, ["Bottom"])
    again = await stages.preview(call("Level", {"depth": 40}))
    assert [(task.is_complete, task.needs) for task in again.tasks] == [(True, ())]


async def test_classes_that_luigi_decorates_are_found_again(stages: LuigiStages, call: Call, recorder, ran: Ran):
    await stages.run(call("Decorated"), recorder)
    assert ran() == ["Bottom", "Decorated"]


@pytest.mark.parametrize("arguments", [{"text": None}, {"tex": "a"}, {}])
async def test_arguments_that_do_not_fit_are_refused(stages: LuigiStages, call: Call, arguments: dict[str, object]):
    with pytest.raises((InvalidParameter, StageFailed), match="tex"):
        await stages.preview(call("Copy", arguments))


async def test_a_stage_that_is_gone_says_so(stages: LuigiStages, call: Call):
    with pytest.raises(StageFailed, match=r"no stage shop\.Nothing"):
        await stages.preview(call("Nothing"))


async def test_an_interpreter_that_is_gone_is_unavailable(stages: LuigiStages, call: Call, group: LuigiGroup):
    with pytest.raises(StageUnavailable):
        await stages.preview(call("Bottom", group=replace(group, python=Path("/nowhere/python"))))


async def test_what_tasks_print_is_kept_in_a_log_each(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    with pytest.raises(StageFailed):
        await stages.run(call("Mixed", log_dir=tmp_path / "logs"), recorder)
    log = recorder.outcomes["Bad"].log
    assert log.parent == tmp_path / "logs"
    assert log.read_text().startswith("about to fail\nTraceback")


async def test_an_error_of_the_recorder_stops_the_step_as_it_is(stages: LuigiStages, call: Call, recorder, ran: Ran):
    def refuse(_: object) -> None:
        raise OSError("disk full")

    recorder.on_start = refuse
    with pytest.raises(OSError, match="disk full"):
        await stages.run(call("Top"), recorder)
    assert ran() == []


@pytest.mark.parametrize("text", ["hunter2", "hunter2 " * 40])
async def test_values_that_a_step_masks_are_in_no_name(stages: LuigiStages, call: Call, recorder, text: str):
    await stages.run(call("Copy", {"text": text}, hidden=("text",)), recorder)
    (task,) = recorder.kept.tasks
    assert task.name.startswith("shop.Copy(text=***")
    assert "hunter2" not in task.name
    assert task.params["text"] == text


async def test_a_task_hears_what_it_is_told_and_answers(stages: LuigiStages, call: Call, recorder):
    asked = call("Listener", read="text")
    assert (await stages.preview(asked)).tasks[0].accepts_messages

    def send(task: ExpandedTask) -> None:
        folder = mailbox(asked.run_dir) / task.key
        folder.mkdir(parents=True)
        (folder / "1.json").write_text(json.dumps({"content": "red", "payload": {"shade": 3}}))

    recorder.on_start = send
    assert (await stages.run(asked, recorder)).data == "red {'shade': 3}"
    assert "Listener answered 1: red it is" in recorder.story
