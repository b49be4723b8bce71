"""Harnesses as real processes: what they are given, and what becomes of those that misbehave."""
# ruff: noqa: ASYNC240 - small files

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.unit.workflows.agents.harnesses.conftest import Desk
from tests.unit.workflows.bench import until
from workflows.agents.harnesses import reference_harness, working
from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.messages import GrantedTool
from workflows.hosting.limits import HostLimits

pytestmark = pytest.mark.anyio
REFERENCE = Harness("reference", command=(sys.executable, str(Path(reference_harness.__file__))))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def is_gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


async def test_the_reference_harness_works_calls_a_tool_and_reports(desk: Desk):
    desk.heard.tools["double"] = lambda n: 2 * n
    tools = (GrantedTool("double", "Doubles.", {"type": "object"}),)
    told = await desk.work(REFERENCE, input={"n": 4}, instructions="Double it.", agents_md="Be brief.", tools=tools)
    assert told == {"input": {"n": 4}, "tool": 8}
    assert [one["text"] for one in desk.heard.messages] == ["I was told: Double it."]
    assert [one["usage"]["input_tokens"] for one in desk.heard.usage] == [4]
    assert [one["name"] for one in desk.heard.spans] == ["chat echo"]


async def test_what_a_harness_is_given(desk: Desk):
    source = """
    say(type="result", result={"task": task, "env": dict(os.environ), "cwd": os.getcwd(), "files": os.listdir(".")})
    """
    harness = desk.harness(source, env=("HARNESS_KEY",))
    told = await desk.work(harness, traceparent=TRACE, agents_md="# Rules", model={"name": "m"}, max_turns=3)
    assert told["task"]["agents_md"] == "# Rules"
    assert (told["task"]["model"], told["task"]["max_turns"]) == ({"name": "m"}, 3)
    assert told["task"]["traceparent"] == told["env"]["TRACEPARENT"] == TRACE
    assert told["env"]["HARNESS_KEY"] == "k-123456"
    assert told["env"]["SPECLOOM_IDEMPOTENCY_KEY"] == "r1/think/1"
    assert "OTHER_KEY" not in told["env"]
    assert told["env"].keys() <= {
        *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR"),
        *("HARNESS_KEY", "SPECLOOM_IDEMPOTENCY_KEY", "TRACEPARENT"),
    }
    assert told["cwd"] == told["env"]["HOME"] != os.environ.get("HOME")
    assert told["files"] == ["tmp"]
    assert not Path(told["cwd"]).exists()


async def test_a_tool_that_was_not_granted_stays_unreachable(desk: Desk):
    source = """
    say(type="tool_call", id="1", name="shell.run", arguments={"command": "id"})
    say(type="result", result=json.loads(sys.stdin.readline()))
    """
    told = await desk.work(source)
    assert told == {
        "type": "tool_result",
        "id": "1",
        "error": {"name": "unknown-tool", "message": "shell.run was not granted"},
    }


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("print('Traceback: oh no')", "h: it wrote something that is no JSON: 'Traceback: oh no'"),
        ("print('[1, 2]')", "h: it wrote JSON that is no object: '[1, 2]'"),
        ("say(type='thought', text='hm')", "`type` is none of message, tool_call"),
        ("say(type='usage')", "h: its `usage` has no `usage`"),
        ("say(type='result')", "h: its `result` has no `result`"),
        ('print(\'{"type": "result", "result": NaN}\')', "no JSON"),
        ("print('[' * 100000)", "no JSON"),
        ("sys.stdout.buffer.write(bytes(range(128, 256)) + b'\\n')", "no JSON"),
        ("pass", "h: it ended without a `result`"),
        ("say(type='result', result=1); say(type='result', result=2)", "h: it sent a `result` after its last word"),
        ("say(type='error', message='the model refused')", "h: the model refused"),
        (
            "say(type='result', result='ok'); sys.exit(1)",
            "h: it ended with exit code 1, so what it said does not count",
        ),
        ("say(type='result', result='ok'); os.kill(os.getpid(), 9)", "h: it was killed by signal 9"),
        ("say(type='message', role='assistant'); say(type='message', role='assistant')", "within 1 turns"),
    ],
)
async def test_what_a_harness_may_not_do(desk: Desk, source: str, says: str):
    error = await desk.failure(source, max_turns=1)
    assert says in error.message
    assert error.error_name == "agent-failed"


async def test_a_failure_keeps_the_end_of_standard_error_and_no_more(desk: Desk):
    error = await desk.failure("sys.stderr.write('x' * 200_000 + 'the end'); sys.exit(3)")
    assert "exit code 3" in error.message
    assert error.tail.endswith("the end")
    assert len(error.tail) <= 64 * 1024


async def test_a_flood_on_standard_error_does_not_stop_a_harness(desk: Desk):
    assert await desk.work("sys.stderr.write('x' * 30_000_000); say(type='result', result='fine')") == "fine"


async def test_a_flood_of_messages_ends_it(desk: Desk):
    error = await desk.failure("while True: say(type='message', role='tool', text='again')")
    assert error.message == f"h: it sent more than {working.MOST_MESSAGES} messages"
    assert len(desk.heard.messages) == working.MOST_MESSAGES


async def test_a_line_without_an_end_ends_it(desk: Desk):
    error = await desk.failure("while True: sys.stdout.write('x' * 100_000)")
    assert error.message == "h: it wrote a line of more than 16 MiB"


async def test_one_that_hangs_is_killed_with_its_children_though_it_ignores_sigterm(desk: Desk, tmp_path: Path):
    source = f"""
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    with open({str(tmp_path / "pids")!r}, "w") as file:
        json.dump([os.getpid(), child.pid], file)
    time.sleep(1000)
    """
    error = await desk.failure(desk.harness(source, timeout_seconds=4.0))
    assert (error.error_name, error.message) == ("timeout", "h: took longer than 4 s; its processes are gone")
    pids = json.loads((tmp_path / "pids").read_text())
    await until(lambda: all(is_gone(pid) for pid in pids))


async def test_what_it_leaves_behind_goes_with_it(desk: Desk, tmp_path: Path):
    source = f"""
    child = subprocess.Popen(["sleep", "1000"])
    other = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $! > {tmp_path}/far"], start_new_session=True)
    other.wait()
    say(type="result", result=child.pid)
    """
    pid = await desk.work(source)
    far = int((tmp_path / "far").read_text())
    await until(lambda: is_gone(pid) and is_gone(far))


async def test_one_that_is_cancelled_is_killed(desk: Desk, tmp_path: Path):
    source = """
    say(type="message", role="assistant", text=str(os.getpid()))
    time.sleep(1000)
    """
    working_on_it = asyncio.create_task(desk.work(source))
    await until(lambda: bool(desk.heard.messages))
    working_on_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working_on_it
    assert is_gone(int(desk.heard.messages[0]["text"]))
    assert tmp_path.exists()


async def test_one_that_does_not_end_after_its_result_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(working, "END_SECONDS", 0.5)
    error = await desk.failure("say(type='result', result='ok'); time.sleep(1000)")
    assert "it did not end within 0.5 s of its last word" in error.message


async def test_one_that_cannot_be_started_says_so(desk: Desk):
    error = await desk.failure(Harness("h", command=("no-such-program",)))
    assert error.error_name == "unavailable"
    assert "no-such-program cannot be started: No such file or directory" in error.message


async def test_a_limit_that_its_usage_exceeds_ends_it(desk: Desk):
    desk.heard.refuse = "token-limit"
    error = await desk.failure("say(type='usage', usage={'input_tokens': 9}); time.sleep(1000)")
    assert error.error_name == "token-limit"
    assert desk.heard.usage == [{"type": "usage", "usage": {"input_tokens": 9}}]


async def test_limits_of_the_catalog_hold(desk: Desk):
    harness = desk.harness("x = bytearray(500_000_000)", limits=HostLimits(memory=200 * 2**20))
    error = await desk.failure(harness)
    assert "MemoryError" in error.tail


async def test_the_next_one_works_after_all_that(desk: Desk):
    assert await desk.work("say(type='result', result=[1])") == [1]
