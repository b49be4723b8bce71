"""What tasks print, in events: as it comes, up to a measure, and without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from workflows.hosting.pool import HostPool
from workflows.luigi.errors import StageFailed
from workflows.luigi.stages import LuigiStages, StageCall
from workflows.luigi.telling import TASK_BYTES, Measure, PrintedText, scrub_log
from workflows.tools.scrubbing import ScrubbedStream, Scrubber

pytestmark = pytest.mark.anyio

Call = Callable[..., StageCall]
NOTHING = Scrubber(())


async def test_it_is_told_while_the_task_runs(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    step = asyncio.create_task(stages.run(call("Talker", {"seconds": 600}, log_dir=tmp_path / "logs"), recorder))
    while not recorder.printed:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert recorder.printed["Talker"] == [("from python\nfrom below\n", False)]
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step


async def test_all_of_it_is_told_in_order_by_the_end_of_the_task(stages: LuigiStages, call: Call, recorder, tmp_path):
    await stages.run(call("Talker", log_dir=tmp_path / "logs"), recorder)
    texts = [text for text, _ in recorder.printed["Talker"]]
    assert "".join(texts) == "from python\nfrom below\nhalf a line"
    assert not any(is_cut for _, is_cut in recorder.printed["Talker"])


async def test_a_failure_tells_its_traceback_too(stages: LuigiStages, call: Call, recorder, tmp_path: Path):
    with pytest.raises(StageFailed):
        await stages.run(call("Bad", log_dir=tmp_path / "logs"), recorder)
    text = "".join(text for text, _ in recorder.printed["Bad"])
    assert text.startswith("about to fail\nTraceback")
    assert text.endswith("RuntimeError: bad luck\n")


async def test_no_value_of_a_secret_is_in_what_a_stage_says(pool: HostPool, call: Call, recorder, tmp_path: Path):
    stages = LuigiStages(pool, secrets_in=lambda names: ["s3cr3t-word"] if "SHOP_DB" in names else [])
    with pytest.raises(StageFailed) as caught:
        await stages.run(call("Blabber", {"word": "s3cr3t-word"}, log_dir=tmp_path / "logs"), recorder)
    log = recorder.outcomes["Blabber"].log
    said = [caught.value.message, caught.value.tail, log.read_text(), str(recorder.printed), str(recorder.progress)]
    assert all("***" in one for one in said)
    assert not any("s3cr3t" in one for one in said)


def follow(log: Path, measure: Measure | None = None) -> tuple[PrintedText, list[tuple[str, bool]]]:
    told: list[tuple[str, bool]] = []
    return PrintedText(log, lambda text, is_cut: told.append((text, is_cut)), measure or Measure(), NOTHING), told


def test_beyond_the_measure_of_a_task_the_log_has_the_rest(tmp_path: Path):
    log = tmp_path / "log"
    printed, told = follow(log)
    log.write_text("x" * 99 + "\n")
    printed._look()
    with log.open("a") as file:
        file.write("y" * (2 * TASK_BYTES))
    printed._look()
    printed._look(is_last=True)
    assert [(len(text), is_cut) for text, is_cut in told] == [(100, False), (TASK_BYTES - 100, True)]


def test_tasks_of_a_step_share_a_measure(tmp_path: Path):
    measure = Measure(150)
    for name, told_of in (("a", [("x" * 100, False)]), ("b", [("x" * 50, True)]), ("c", [("", True)])):
        printed, told = follow(tmp_path / name, measure)
        (tmp_path / name).write_text("x" * 100)
        printed._look(is_last=True)
        assert told == told_of


def test_a_log_that_was_shortened_is_told_no_further(tmp_path: Path):
    log = tmp_path / "log"
    printed, told = follow(log)
    log.write_text("first\n")
    printed._look()
    log.write_text("x\n")
    printed._look()
    printed._look(is_last=True)
    assert told == [("first\n", False), ("", True)]


def test_earlier_tries_are_not_told_again_and_odd_bytes_do_no_harm(tmp_path: Path):
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    printed, told = follow(log)
    with log.open("ab") as file:
        file.write("ü".encode()[:1])
        file.flush()
        printed._look()
        file.write("ü".encode()[1:] + b"\xff\x00\n")
    printed._look(is_last=True)
    assert told == [("ü\ufffd\ufffd\n", False)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 5000, 100_000])
def test_a_value_that_lies_across_pieces_is_not_missed(size: int):
    text = "one s3cr3t two\n" + "long line " * 700 + "s3cr3t" + "s3cr3t\nlast\nkey s3 s3cr3" + "KEY\nOF\nLINES" + "\n--"
    scrubber = Scrubber(["s3cr3t", "KEY\nOF\nLINES"])
    stream = ScrubbedStream(scrubber)
    pieces = [stream.take(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*pieces, stream.rest()]) == scrubber.text(text)


def test_without_secrets_a_log_is_left_as_it_is(tmp_path: Path):
    log = tmp_path / "log"
    scrub_log(log, Scrubber(["s3cr3t"]))
    log.write_bytes(b"a s3cr3t \xff")
    scrub_log(log, NOTHING)
    assert log.read_bytes() == b"a s3cr3t \xff"
    scrub_log(log, Scrubber(["s3cr3t"]))
    assert log.read_bytes() == b"a *** \xff"
