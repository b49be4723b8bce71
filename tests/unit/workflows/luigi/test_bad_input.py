"""Everything that a pipeline can do wrong: named, with its last words, and nobody else is the worse for it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workflows.hosting.limits import HostLimits
from workflows.hosting.pool import HostPool
from workflows.luigi.errors import (
    InvalidParameter,
    StageCrashed,
    StageError,
    StageFailed,
    StageTimeout,
    StageUnavailable,
)
from workflows.luigi.registry import LuigiGroup, describe_group
from workflows.luigi.stages import LuigiStages, StageCall

pytestmark = pytest.mark.anyio

Call = Callable[..., StageCall]
PIPELINES = Path(__file__).with_name("pipelines")
BAD = LuigiGroup("bad", ("bad",), (PIPELINES,))
CONFINED = replace(BAD, limits=HostLimits(file_size=2**20, memory=200 * 2**20))


def can_make_sandboxes() -> bool:
    probe = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0


needs_bwrap = pytest.mark.skipif(not can_make_sandboxes(), reason="bwrap is not installed, or may make no namespaces")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> None:
    while is_running(pid):  # noqa: ASYNC110 - nobody tells of strangers' ends
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("task", "changes", "error", "said"),
    [
        ("Raises", {}, StageFailed, "ValueError: out of ink"),
        ("Exits", {}, StageFailed, "SystemExit: enough"),
        ("Vanishes", {}, StageCrashed, "the process ended with exit code 5"),
        ("Segfaults", {}, StageCrashed, "the process was killed by SIGSEGV"),
        ("IgnoresSigterm", {"timeout": 2.0}, StageTimeout, ""),
        ("ForksAndLeaves", {}, StageCrashed, "the process ended with exit code 0"),
        ("FillsItsLimit", {"group": CONFINED}, StageFailed, "it wrote more than 1 MiB into one file: raise `file_siz"),
        ("Hoards", {"group": CONFINED}, StageFailed, "it wanted more than 200 MiB of memory: raise `memory` under"),
        ("YieldsAStranger", {}, StageFailed, "it yields Stranger(), which is not in the catalog: add its module str"),
        ("YieldsAClass", {}, StageFailed, "it yields the class Raises, which is no task: yield Raises(…)"),
        ("NeverComplete", {}, StageFailed, "it ended, but is not complete: these targets do not exist: NeverComplete"),
        ("SaysNo", {}, StageFailed, "it ended, but is not complete: complete() says no"),
    ],
)  # fmt: skip
async def test_a_bad_task_is_named_with_its_last_words_and_others_go_on(  # noqa: PLR0913, PLR0917
    stages: LuigiStages,
    call: Call,
    recorder,
    tmp_path: Path,
    task: str,
    changes: dict[str, Any],
    error: type[StageError],
    said: str,
):
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.mkdir()
    good.mkdir()
    wanted = call(task, **{"group": BAD, "run_dir": bad, "log_dir": bad / "logs", **changes})
    neighbour = call("Good", group=wanted.group, run_dir=good)
    ended, fine = await asyncio.gather(
        stages.run(wanted, recorder), stages.run(neighbour, type(recorder)()), return_exceptions=True
    )
    assert type(ended) is error
    assert ended.message.startswith(f"bad.{task}")
    failure = recorder.outcomes[task].error
    assert failure.message.startswith(f"bad.{task}(): {said}")
    assert f"last words of {task}\n" in failure.tail
    assert f"last words of {task}\n" in recorder.outcomes[task].log.read_text()
    assert fine.outputs["bytes"] == 4
    again = await stages.run(call("Good", group=wanted.group, run_dir=bad), type(recorder)())
    assert again.outputs["bytes"] == 4


async def test_a_crash_in_c_code_leaves_its_python_lines_in_the_log(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageCrashed) as caught:
        await stages.run(call("Segfaults", group=BAD), recorder)
    assert "Fatal Python error: Segmentation fault" in caught.value.tail
    assert "in misbehave" in caught.value.tail


@pytest.mark.parametrize("task", ["ForksAndLeaves", "LeavesAChild"])
async def test_what_a_task_has_left_running_is_ended(
    stages: LuigiStages, call: Call, recorder, tmp_path: Path, task: str
):
    ended = await asyncio.gather(stages.run(call(task, group=BAD), recorder), return_exceptions=True)
    assert isinstance(ended[0], StageCrashed) == (task == "ForksAndLeaves")
    await gone(int((tmp_path / "left.pid").read_text()))


async def test_a_gigabyte_of_output_leaves_a_short_log_and_few_events(
    stages: LuigiStages, call: Call, recorder, tmp_path: Path
):
    await stages.run(call("PrintsAGigabyte", group=BAD, log_dir=tmp_path / "logs"), recorder)
    log = recorder.outcomes["PrintsAGigabyte"].log
    assert log.stat().st_size < 17 * 2**20
    assert log.read_bytes().endswith(b"\nthe end of it\n")
    printed = recorder.printed["PrintsAGigabyte"]
    assert sum(len(text) for text, _ in printed) <= 64 * 1024
    assert printed[-1][1]


@needs_bwrap
async def test_in_a_sandbox_it_writes_only_where_it_works(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    jailed, run_dir = replace(BAD, sandbox="bwrap"), tmp_path / "run"
    run_dir.mkdir()
    with pytest.raises(StageFailed, match="Read-only file system") as caught:
        await stages.run(call("WritesOutside", {"place": str(tmp_path)}, group=jailed, run_dir=run_dir), recorder)
    assert caught.value.message.startswith("bad.WritesOutside(")
    assert "(its group has a sandbox: it writes only in the run's directory and in TMPDIR)" in caught.value.message
    assert "last words of WritesOutside\n" in caught.value.tail
    assert not (tmp_path / "outside").exists()
    fine = call("WritesOutside", {"place": "."}, group=jailed, run_dir=run_dir, log_dir=run_dir / "logs")
    assert (await stages.run(fine, type(recorder)())).outputs["bytes"] == 4
    assert (run_dir / "outside").read_text() == "here"


async def test_a_sandbox_that_cannot_be_made_is_told_when_the_catalog_is_read(tmp_path: Path):
    pool = HostPool(environ={"PATH": str(tmp_path)})
    description = await describe_group(replace(BAD, sandbox="bwrap"), pool)
    await pool.aclose()
    assert description.stages == ()
    assert [one.module for one in description.failures] == ["bad"]
    assert "there is no bwrap on the PATH: install bubblewrap" in description.failures[0].message


async def test_a_bootstrap_that_fails_is_told_when_the_catalog_is_read_and_when_it_runs(
    pool: HostPool, stages: LuigiStages, call: Call, recorder
):
    group = replace(BAD, bootstrap="strangers:prepare")
    said = "the bootstrap strangers:prepare failed: AttributeError: module 'strangers' has no attribute 'prepare'"
    assert [one.message for one in (await describe_group(group, pool)).failures] == [said]
    with pytest.raises(StageUnavailable) as caught:
        await stages.run(call("Good", group=group), recorder)
    assert caught.value.message == f"bad.Good: {said}"


async def test_tasks_of_the_groups_own_modules_may_be_asked_for(stages: LuigiStages, call: Call, recorder):
    result = await stages.run(call("YieldsANeighbour", group=BAD), recorder)
    assert result.outputs["bytes"] == 4


async def test_a_circle_is_named_task_by_task(stages: LuigiStages, call: Call, recorder):
    with pytest.raises(StageFailed, match=r"bad\.Egg: these tasks need each other: bad\.Egg\(\) → bad\.Chicken\(\)"):
        await stages.run(call("Egg", group=BAD), recorder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"number": "seven", "word": "a"}, "number"),
        ({"number": 11, "word": "a"}, "number"),
        ({"number": 1, "word": "a", "colour": "red"}, "there is no parameter colour"),
        ({"number": 1}, "word"),
    ],
)
async def test_parameters_that_do_not_fit_are_named(
    stages: LuigiStages, call: Call, recorder, arguments: dict[str, Any], said: str
):
    with pytest.raises((InvalidParameter, StageFailed)) as caught:
        await stages.run(call("Picky", arguments, group=BAD), recorder)
    assert caught.value.message.startswith("bad.Picky: ")
    assert said in caught.value.message
    assert recorder.story == []
