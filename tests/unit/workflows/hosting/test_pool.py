"""Hosts: real processes that are called, killed, exhausted and left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from workflows.hosting.errors import HostCrashed, HostError, HostPoolClosed, HostStartFailed, HostTimeout
from workflows.hosting.fork_server import host_environment
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostProcess, HostSpec

pytestmark = pytest.mark.anyio
SHARED = ("decimal", "nobody_has_such_a_module")

PROGRAM = '''
import os, signal, subprocess, sys, threading, time


class Refused(Exception):
    kind = "refused"


def load(options):
    if options.get("exit"):
        print("no such luck")
        os._exit(options["exit"])
    if options.get("threads"):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return {name: method for name, method in globals().items() if callable(method)}


def echo(params, call):
    return params


def look(params, call):
    return {"pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ), "group": os.getpgid(0),
            "threads": threading.active_count()}


def tell(params, call):
    for number in range(params["times"]):
        call.send({"number": number})
    return "told"


def shout(params, call):
    for number in range(params["lines"]):
        print("x" * 100, number)
    os.write(2, b"the end\\n")
    return "shouted"


def flood(params, call):
    """Print for longer than anybody waits, until somebody shortens it."""
    while os.fstat(1).st_size <= 16 * 2**20:
        os.write(1, b"y" * 2**20)
    while os.fstat(1).st_size > 2**20:
        time.sleep(0.01)
    return os.fstat(1).st_size


def refuse(params, call):
    raise Refused("not today")


def leave(params, call):
    print("leaving", flush=True)
    os._exit(7)


def quit_politely(params, call):
    sys.exit(3)


def die(params, call):
    os.kill(os.getpid(), signal.SIGSEGV)


def no_json(params, call):
    return {"a": object()}


def not_finite(params, call):
    return float("nan")


def stay(params, call):
    """Ignore SIGTERM, with a child process that ignores it, too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
    call.send({"pids": [os.getpid(), child.pid]})
    while True:
        time.sleep(1)


def scatter(params, call):
    """Start processes in sessions of their own: one that stays, one whose parent ends at once."""
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    script = "import subprocess, sys; print(subprocess.Popen(%r, start_new_session=True, stdout=2).pid)" % sleeper
    middle = [sys.executable, "-c", script]
    child = subprocess.Popen(sleeper, start_new_session=True)
    orphan = int(subprocess.run(middle, check=True, stdout=subprocess.PIPE).stdout)
    call.send({"pids": [os.getpid(), child.pid, orphan]})
    time.sleep(params.get("seconds", 600))


def lock_up(params, call):
    """Hold the interpreter in one long operation of C code."""
    call.send({"pids": [os.getpid()]})
    return "a" * 10**9 in "a" * 10**9 + "b" if sum(range(10**12)) else None


def mess_with_the_wire(params, call):
    for number in range(3, 64):
        try:
            os.write(number, b"garbage\\n")
        except OSError:
            pass
    return None


def import_decimal(params, call):
    was_there = "decimal" in sys.modules
    import decimal
    return [was_there, decimal.__file__]


def change_everything(params, call):
    os.environ["LEFT"] = "behind"
    os.chdir("/")
    os.close(1)
    sys.stdout = None
'''


@pytest.fixture(params=[(), SHARED], ids=["by itself", "of a seed"])
def spec(tmp_path: Path, request: pytest.FixtureRequest) -> HostSpec:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return HostSpec(program=program, cwd=str(tmp_path), shared_imports=request.param)


@pytest.fixture
async def pool():
    pool = HostPool(environ=os.environ, limit=3)
    yield pool
    await pool.aclose()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def gone(pids: list[int], seconds: float = 30.0) -> bool:
    for _ in range(int(seconds * 50)):
        if not any(is_running(pid) for pid in pids):
            return True
        await asyncio.sleep(0.02)
    return False


async def started(host: HostProcess, method: str) -> tuple[asyncio.Task[object], list[int]]:
    """Start a call that never returns; give its task and the processes that it told of."""
    told: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(host.call(method, {}, on_message=lambda message: told.set_result(message["pids"])))
    return task, await told


async def test_a_call_gives_back_what_the_function_returned(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        assert await host.call("echo", {"a": [1, None, "ü\u2028"]}) == {"a": [1, None, "ü\u2028"]}


async def test_a_host_is_used_again(pool: HostPool, spec: HostSpec):
    pids = set()
    for _ in range(3):
        async with pool.lease(spec) as host:
            pids.add((await host.call("look", {}))["pid"])
    assert len(pids) == 1


async def test_a_host_leads_its_own_group_and_works_where_it_is_told(pool: HostPool, spec: HostSpec, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with pool.lease(spec) as host:
        seen = await host.call("look", {}, cwd=elsewhere)
        assert (seen["group"], seen["cwd"]) == (host.pid, str(elsewhere))
        assert (await host.call("look", {}))["cwd"] == str(tmp_path)


async def test_messages_arrive_in_order_before_the_result(pool: HostPool, spec: HostSpec):
    told: list[object] = []
    async with pool.lease(spec) as host:
        assert await host.call("tell", {"times": 5}, on_message=told.append) == "told"
    assert told == [{"number": number} for number in range(5)]


async def test_a_print_storm_does_not_break_the_protocol(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        assert await host.call("shout", {"lines": 50_000}) == "shouted"
        assert host.tail().endswith("49999\nthe end\n")
        assert len(host.tail()) == 64 * 1024
        assert await host.call("echo", {}) == {}
        assert host.tail() == ""


async def test_what_is_printed_without_end_is_shortened(pool: HostPool, spec: HostSpec, tmp_path: Path):
    async with pool.lease(spec) as host:
        assert await host.call("flood", {}, timeout=30.0) <= 2**20
        assert await host.call("flood", {}, timeout=30.0, log=tmp_path / "call.log") <= 2**20


async def test_what_is_printed_goes_to_the_log_of_the_call(pool: HostPool, spec: HostSpec, tmp_path: Path):
    log = tmp_path / "call.log"
    log.write_text("earlier\n")
    async with pool.lease(spec) as host:
        await host.call("shout", {"lines": 1}, log=log)
        assert host.tail() == "x" * 100 + " 0\nthe end\n"
        await host.call("shout", {"lines": 1})
    assert log.read_text() == "earlier\n" + "x" * 100 + " 0\nthe end\n"


async def test_an_exception_is_told_and_the_host_lives_on(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        with pytest.raises(HostError, match="not today") as caught:
            await host.call("refuse", {})
        assert caught.value.kind == "refused"
        assert "in refuse" in caught.value.traceback_tail
        with pytest.raises(HostError) as caught:
            await host.call("quit_politely", {})
        assert caught.value.kind == "SystemExit"
        assert await host.call("echo", {"fine": True}) == {"fine": True}


@pytest.mark.parametrize("method", ["no_json", "not_finite"])
async def test_a_result_that_is_no_json_is_refused(pool: HostPool, spec: HostSpec, method: str):
    async with pool.lease(spec) as host:
        with pytest.raises(HostError) as caught:
            await host.call(method, {})
    assert caught.value.kind == "invalid-result"


async def test_a_host_that_leaves_is_a_crash_with_its_exit_code_and_last_words(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        with pytest.raises(HostCrashed) as caught:
            await host.call("leave", {})
        assert not host.is_alive
    assert (caught.value.exit_code, caught.value.signal, caught.value.tail) == (7, None, "leaving\n")
    async with pool.lease(spec) as host:
        assert await host.call("echo", {}) == {}


async def test_a_host_that_a_signal_ends_is_a_crash_that_names_it(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        with pytest.raises(HostCrashed, match="SIGSEGV") as caught:
            await host.call("die", {})
    assert (caught.value.exit_code, caught.value.signal) == (None, signal.SIGSEGV)


async def test_garbage_on_the_wire_is_a_crash(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        with pytest.raises(HostCrashed):
            await host.call("mess_with_the_wire", {})
        assert await gone([host.pid])


async def test_nothing_of_a_call_is_left_for_the_next(pool: HostPool, spec: HostSpec, tmp_path: Path):
    async with pool.lease(spec) as host:
        await host.call("change_everything", {}, env={"SPECLOOM_IDEMPOTENCY_KEY": "k"})
        seen = await host.call("look", {})
        assert seen["cwd"] == str(tmp_path)
        assert not {"LEFT", "SPECLOOM_IDEMPOTENCY_KEY"} & seen["env"].keys()
        await host.call("shout", {"lines": 1})
        assert host.tail().endswith("the end\n")


async def test_a_timeout_ends_the_host_and_its_children_though_they_ignore_sigterm(pool: HostPool, spec: HostSpec):
    pids: list[int] = []
    async with pool.lease(spec) as host:
        with pytest.raises(HostTimeout):
            await host.call("stay", {}, timeout=1.0, on_message=lambda message: pids.extend(message["pids"]))
        assert len(pids) == 2
        assert not any(is_running(pid) for pid in pids)
        with pytest.raises(HostCrashed):
            await host.call("echo", {})


async def test_cancelling_the_caller_ends_the_host_and_its_children(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        task, pids = await started(host, "stay")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(is_running(pid) for pid in pids)


async def test_processes_in_sessions_of_their_own_are_ended_too(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as bystander, pool.lease(spec) as host:
        other, others = await started(bystander, "scatter")
        task, pids = await started(host, "scatter")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not any(is_running(pid) for pid in pids)
        assert all(is_running(pid) for pid in others)
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other


async def test_cancelling_twice_still_ends_it(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        task, pids = await started(host, "stay")
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone(pids)


async def test_a_host_whose_interpreter_is_busy_is_ended_all_the_same(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        task, pids = await started(host, "lock_up")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert not any(is_running(pid) for pid in pids)


async def test_closing_the_pool_ends_everything(spec: HostSpec):
    pool = HostPool(environ=os.environ, limit=2)
    await pool.warm(spec, 2)
    async with pool.lease(spec) as host:
        task, pids = await started(host, "stay")
        await pool.aclose()
        with pytest.raises(HostCrashed):
            await task
    assert await gone(pids)
    with pytest.raises(HostPoolClosed):
        async with pool.lease(spec):
            pass


async def test_no_more_hosts_than_the_limit(pool: HostPool, spec: HostSpec):
    other = replace(spec, options='{"other": true}')
    busy = most = 0

    async def use(kind: HostSpec) -> int:
        nonlocal busy, most
        async with pool.lease(kind) as host:
            busy += 1
            most = max(most, busy)
            await host.call("echo", {})
            await asyncio.sleep(0.01)
            busy -= 1
            return host.pid

    pids = await asyncio.gather(*(use(kind) for kind in [spec, other] * 6))
    assert most == pool.limit == 3
    for _ in range(50):
        if sum(is_running(pid) for pid in set(pids)) <= 3:
            break
        await asyncio.sleep(0.02)
    assert sum(is_running(pid) for pid in set(pids)) <= 3


async def test_a_program_that_starts_threads_is_loaded_in_each_host(pool: HostPool, spec: HostSpec):
    threaded = replace(spec, options='{"threads": true}')
    async with pool.lease(threaded) as host:
        assert (await host.call("look", {}))["threads"] == 3  # the first, its own and the watchdog


async def test_a_program_that_cannot_be_loaded_says_why(pool: HostPool, spec: HostSpec):
    with pytest.raises(HostStartFailed) as caught:
        async with pool.lease(replace(spec, options='{"exit": 5}')):
            pass
    assert (caught.value.exit_code, caught.value.tail) == (5, "no such luck\n")


async def test_an_interpreter_that_does_not_exist_says_so(pool: HostPool, spec: HostSpec):
    with pytest.raises(HostStartFailed, match="No such file"):
        async with pool.lease(replace(spec, python="/nowhere/python")):
            pass


async def test_a_fork_server_that_was_killed_is_replaced(pool: HostPool, spec: HostSpec):
    async with pool.lease(spec) as host:
        parent = parent_of(host.pid)
        task, pids = await started(host, "stay")
        os.kill(parent, signal.SIGKILL)
        with pytest.raises(HostCrashed):
            await task
        assert await gone([parent, *pids])
    async with pool.lease(spec) as host:
        assert await host.call("echo", {}) == {}


def test_hosts_see_an_allow_list_of_the_environment():
    environ = {"PATH": "/bin", "LANG": "C", "AWS_SECRET": "x", "MARKET_DB": "y", "SPECLOOM_TOKEN": "z"}
    seen = host_environment(environ, ("MARKET_DB", "SPECLOOM_TOKEN"))
    assert seen == {"PATH": "/bin", "LANG": "C", "MARKET_DB": "y"}


SERVER = """
import asyncio, json, os, sys
from pathlib import Path
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec

async def main():
    pool = HostPool(environ=os.environ)
    spec = HostSpec(program=Path(sys.argv[1]), cwd="/", shared_imports=tuple(sys.argv[3:]))
    async with pool.lease(spec) as host:
        await host.call(sys.argv[2], {}, on_message=lambda message: print(json.dumps(message["pids"]), flush=True))

asyncio.run(main())
"""


@pytest.mark.parametrize("method", ["stay", "scatter", "lock_up"])
async def test_nobody_outlives_a_server_that_is_killed(spec: HostSpec, method: str):
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, str(spec.program), method, *spec.shared_imports),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )
    assert server.stdout
    pids = json.loads(await server.stdout.readline())
    server.kill()
    await server.wait()
    assert await gone(pids)


@pytest.fixture
def seeded(tmp_path: Path) -> HostSpec:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return HostSpec(program=program, cwd=str(tmp_path), shared_imports=SHARED)


def seed_of(host: HostProcess) -> int:
    return parent_of(parent_of(host.pid))


async def test_groups_share_what_they_all_import(pool: HostPool, seeded: HostSpec):
    other = replace(seeded, options='{"other": true}')
    async with pool.lease(seeded) as one, pool.lease(other) as two:
        assert (await one.call("import_decimal", {}))[0]
        assert seed_of(one) == seed_of(two) != os.getpid()
        assert parent_of(one.pid) != parent_of(two.pid)
    async with pool.lease(replace(seeded, env=("MARKET_DB",))) as host:  # imports may read variables
        assert seed_of(host) != seed_of(one)


async def test_a_groups_own_module_goes_before_a_shared_one(pool: HostPool, seeded: HostSpec, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "decimal.py").write_text("")
    async with pool.lease(replace(seeded, path=(str(own),))) as host:
        assert await host.call("import_decimal", {}) == [False, str(own / "decimal.py")]
        assert seed_of(host) == os.getpid()


async def test_a_folder_that_can_be_run_keeps_no_seed_away(pool: HostPool, seeded: HostSpec, tmp_path: Path):
    (tmp_path / "__main__.py").write_text("")
    async with pool.lease(replace(seeded, path=(str(tmp_path),))) as host:
        assert seed_of(host) != os.getpid()


async def test_a_seed_that_was_killed_is_replaced(pool: HostPool, seeded: HostSpec):
    async with pool.lease(seeded) as host:
        seed = seed_of(host)
        parent = parent_of(host.pid)
    os.kill(seed, signal.SIGKILL)
    assert await gone([seed, parent])
    async with pool.lease(replace(seeded, options='{"other": true}')) as host:
        assert seed_of(host) != seed
