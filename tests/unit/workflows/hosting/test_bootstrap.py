"""A callable of the user's that runs once in every host, before anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workflows.hosting.errors import HostStartFailed
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec

pytestmark = pytest.mark.anyio

PROGRAM = """
import os, subprocess


def load(options):
    return {name: method for name, method in globals().items() if callable(method)}


def look(params, call):
    import setting_up
    return [os.environ.get("PREPARED"), setting_up.times, os.getpid()]


def leave_one(params, call):
    return subprocess.Popen(["sleep", "600"]).pid


def fail_and_leave_one(params, call):
    call.send(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    raise ValueError("no")
"""
SETTING_UP = """
import os, subprocess, sys

times = 0


def prepare():
    global times
    times += 1
    os.environ["PREPARED"] = str(os.getpid())


class Kit:
    @staticmethod
    def start_helper():
        prepare()
        subprocess.Popen(["sleep", "600"])


def fail():
    print("looking for the database")
    raise ValueError("no database")


def leave():
    sys.exit("not here")


def die():
    os._exit(4)


nothing = 3
"""


@pytest.fixture
def spec(tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "setting_up.py").write_text(SETTING_UP)

    def make(bootstrap: str) -> HostSpec:
        return HostSpec(program=tmp_path / "program.py", path=(str(tmp_path),), bootstrap=bootstrap)

    return make


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


async def test_it_runs_once_in_every_host_and_what_it_sets_stays(pool: HostPool, spec):
    async with pool.lease(spec("setting_up:prepare")) as one, pool.lease(spec("setting_up:prepare")) as other:
        for host in (one, other, one):
            assert await host.call("look", {}) == [str(host.pid), 1, host.pid]


@pytest.mark.parametrize(
    ("bootstrap", "said"),
    [
        ("setting_up:fail", "the bootstrap setting_up:fail failed: ValueError: no database"),
        ("setting_up:leave", "the bootstrap setting_up:leave failed: SystemExit: not here"),
        ("setting_up:nothing", "the bootstrap setting_up:nothing failed: TypeError: 'int' object is not callable"),
        ("setting_up:no_such", "the bootstrap setting_up:no_such failed: AttributeError: "),
        ("nowhere.at_all:x", "the bootstrap nowhere.at_all:x failed: ModuleNotFoundError: No module named 'nowhere'"),
        ("setting_up:die", "the host did not come up"),
    ],
)
async def test_when_it_fails_no_host_starts_and_the_reason_is_told(pool: HostPool, spec, bootstrap: str, said: str):
    with pytest.raises(HostStartFailed) as caught:
        async with pool.lease(spec(bootstrap)):
            pass
    assert caught.value.message.startswith(said)
    if bootstrap.endswith(":fail"):
        assert caught.value.tail.startswith("looking for the database\nTraceback")


async def test_a_call_that_leaves_processes_behind_ends_them_and_the_host(pool: HostPool, spec):
    async with pool.lease(spec("")) as host:
        left = await host.call("leave_one", {})
        assert not host.is_alive
    while is_running(left):
        pass
    told: list[int] = []
    async with pool.lease(spec("")) as other:
        with pytest.raises(Exception, match="no"):
            await other.call("fail_and_leave_one", {}, on_message=told.append)
    while is_running(told[0]):
        pass
    assert host.pid != other.pid


async def test_what_a_bootstrap_has_started_stays_as_long_as_the_host(pool: HostPool, spec):
    async with pool.lease(spec("setting_up:Kit.start_helper")) as host:
        await host.call("look", {})
        assert host.is_alive
    async with pool.lease(spec("setting_up:Kit.start_helper")) as again:
        assert again.pid == host.pid
