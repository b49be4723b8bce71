"""Limits of the catalog: the kernel's and ours, met by real processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from workflows.hosting.errors import HostLimitExceeded
from workflows.hosting.limits import HostLimits, parsed_size, spelled
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec

pytestmark = pytest.mark.anyio

PROGRAM = """
import os, signal, subprocess, sys, time


def load(options):
    return {name: method for name, method in globals().items() if callable(method)}


def ping(params, call):
    return os.getpid()


def think(params, call):
    print("thinking", flush=True)
    until = time.process_time() + params["seconds"]
    while time.process_time() < until:
        pass
    return "thought"


def let_think(params, call):
    subprocess.run([sys.executable, "-c", "while True: pass"], check=True)


def hoard(params, call):
    print("hoarding", flush=True)
    try:
        heap = [bytearray(2**20) for _ in range(params["mebibytes"])]
    except MemoryError as error:
        raise RuntimeError("no room") from error
    return len(heap)


def write(params, call):
    with open("big", "wb") as file:
        for _ in range(params["mebibytes"]):
            file.write(b"x" * 2**20)


def let_write(params, call):
    subprocess.run(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=9"], check=True)


def chatter(params, call):
    for _ in range(params["mebibytes"]):
        os.write(1, b"y" * 2**18)
        time.sleep(0.03)


def breed(params, call):
    sleepers = [subprocess.Popen(["sleep", "600"]) for _ in range(params["number"])]
    call.send([one.pid for one in sleepers])
    time.sleep(params["seconds"])
    for one in sleepers:
        one.kill()
        one.wait()
    return "bred"


def explode(params, call):
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return program


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


LIMITS = HostLimits(cpu_seconds=1, memory=200 * 2**20, file_size=2**20, processes=3)


@pytest.mark.parametrize(
    ("call", "limit", "said"),
    [
        (
            ("think", {"seconds": 60}),
            "cpu_seconds",
            "it used more than 1 s of processor time: raise `cpu_seconds`",
        ),
        (("let_think", {}), "cpu_seconds", "more than 1 s of processor time"),
        (
            ("hoard", {"mebibytes": 400}),
            "memory",
            "it wanted more than 200 MiB of memory: raise `memory`",
        ),
        (("write", {"mebibytes": 9}), "file_size", "it wrote more than 1 MiB into one file: raise `file_size` under"),
        (("let_write", {}), "file_size", "more than 1 MiB into one file"),
        (("breed", {"number": 5, "seconds": 600}), "processes", "it had more than 3 processes at a time: raise"),
        (("explode", {}), "processes", "more than 3 processes"),
    ],
)
async def test_what_goes_over_a_limit_is_told_which_and_the_pool_goes_on(  # noqa: PLR0913, PLR0917
    pool: HostPool, program: Path, tmp_path: Path, call: tuple[str, dict[str, int]], limit: str, said: str
):
    method, params = call
    spec = HostSpec(program=program, limits=LIMITS)
    async with pool.lease(spec) as host:
        with pytest.raises(HostLimitExceeded) as caught:
            await host.call(method, params, cwd=tmp_path, timeout=30)
    assert caught.value.limit == limit
    assert said in caught.value.message
    assert caught.value.message.endswith("or let it use less")
    assert not is_running(host.pid)
    async with pool.lease(spec) as other:
        assert await other.call("ping", {}) == other.pid != host.pid


async def test_the_end_of_what_it_printed_comes_along(pool: HostPool, program: Path):
    async with pool.lease(HostSpec(program=program, limits=LIMITS)) as host:
        with pytest.raises(HostLimitExceeded) as caught:
            await host.call("think", {"seconds": 60})
    assert caught.value.tail == "thinking\n"


async def test_processor_time_is_counted_anew_for_each_call(pool: HostPool, program: Path):
    async with pool.lease(HostSpec(program=program, limits=HostLimits(cpu_seconds=2))) as host:
        for _ in range(4):
            assert await host.call("think", {"seconds": 0.9}) == "thought"


async def test_below_the_limits_everything_works(pool: HostPool, program: Path, tmp_path: Path):
    async with pool.lease(HostSpec(program=program, limits=LIMITS)) as host:
        assert await host.call("hoard", {"mebibytes": 20}) == 20
        assert await host.call("breed", {"number": 3, "seconds": 0.2}) == "bred"
        await host.call("write", {"mebibytes": 1}, cwd=tmp_path)
        await host.call("chatter", {"mebibytes": 9}, log=tmp_path / "log")
    assert (tmp_path / "log").stat().st_size < 2**20


async def test_all_that_it_started_is_gone_when_there_were_too_many(pool: HostPool, program: Path):
    told: list[list[int]] = []
    async with pool.lease(HostSpec(program=program, limits=LIMITS)) as host:
        with pytest.raises(HostLimitExceeded):
            await host.call("breed", {"number": 9, "seconds": 600}, on_message=told.append)
    while any(is_running(pid) for pids in told for pid in pids):  # noqa: ASYNC110 - nobody tells of strangers' ends
        await asyncio.sleep(0.01)


async def test_others_are_not_touched(pool: HostPool, program: Path):
    limited, free = HostSpec(program=program, limits=LIMITS), HostSpec(program=program)
    async with pool.lease(limited) as one, pool.lease(free) as other:
        working = asyncio.create_task(other.call("hoard", {"mebibytes": 300}))
        with pytest.raises(HostLimitExceeded):
            await one.call("hoard", {"mebibytes": 300})
        assert await working == 300


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GiB", 2**31), ("64 MiB", 2**26), ("500MB", 500_000_000), ("7", 7), ("1 kB", 1000), ("1 KiB", 1024)],
)
def test_sizes_are_read(text: str, size: int):
    assert parsed_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1MiB", "1.5GiB", "2 gigs", "1e9", "٣MiB" + "x"])
def test_what_is_no_size_is_none(text: str):
    assert parsed_size(text) is None


@pytest.mark.parametrize(
    ("size", "text"), [(2**31, "2 GiB"), (1_500_000, "1500 kB"), (2**20 + 1, "1048577 bytes"), (3 * 2**20, "3 MiB")]
)
def test_sizes_are_spelled_exactly(size: int, text: str):
    assert spelled(size) == text
