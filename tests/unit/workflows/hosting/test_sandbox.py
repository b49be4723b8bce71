"""Hosts in a real sandbox, where one can be made; and what is said where none can."""

# ruff: noqa: ASYNC240 - a few looks at a local disk

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from workflows.hosting.errors import HostError, HostStartFailed
from workflows.hosting.limits import HostLimits
from workflows.hosting.pool import PRIVATE_SERVERS, HostPool
from workflows.hosting.process import HostProcess, HostSpec
from workflows.hosting.sandbox import explained

pytestmark = pytest.mark.anyio

PROGRAM = """
import os, pathlib, subprocess, tempfile, time


def load(options):
    return {name: method for name, method in globals().items() if callable(method)}


def write(params, call):
    for path in params["paths"]:
        pathlib.Path(path).write_text("here")
    return os.getpid()


def list_temporary(params, call):
    with tempfile.NamedTemporaryFile() as file:
        return [file.name, os.path.dirname(file.name)]


def stay(params, call):
    call.send(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    time.sleep(600)
"""


def can_make_sandboxes() -> bool:
    probe = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "--dev", "/dev", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(probe, check=False, capture_output=True).returncode == 0


needs_bwrap = pytest.mark.skipif(not can_make_sandboxes(), reason="bwrap is not installed, or may make no namespaces")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def spec(tmp_path: Path, run_dir: Path) -> HostSpec:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return HostSpec(program=program, sandbox="bwrap", writable=(str(run_dir),))


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


@needs_bwrap
async def test_what_it_may_write_it_writes_and_nothing_else(pool: HostPool, spec: HostSpec, run_dir: Path):
    outside = run_dir.parent / "outside"
    async with pool.lease(spec) as host:
        pid = await host.call("write", {"paths": ["inside"]}, cwd=run_dir, log=run_dir / "log")
        assert (pid, (run_dir / "inside").read_text()) == (host.pid, "here")
        for path in (outside, "/etc/specloom", "/tmp/specloom-was-here", Path.home() / "x"):  # noqa: S108
            with pytest.raises(HostError, match=r"Read-only file system: .* \(its group has a sandbox"):
                await host.call("write", {"paths": [str(path)]}, cwd=run_dir)
            assert not Path(path).exists()


@needs_bwrap
async def test_it_has_a_temporary_directory_of_its_own_that_goes_with_it(spec: HostSpec, run_dir: Path):
    pool = HostPool(environ=os.environ)
    async with pool.lease(spec) as host:
        _, own = await host.call("list_temporary", {}, cwd=run_dir)
        assert Path(own).is_dir()
        async with pool.temporary.given(run_dir) as folder:
            assert (await host.call("list_temporary", {}, env={"TMPDIR": str(folder)}))[1] == str(folder)
        assert (await host.call("list_temporary", {}))[1] == own
    await pool.aclose()
    assert not Path(own).exists()
    assert os.listdir(run_dir) in ([".specloom"], [])  # noqa: PTH208


@needs_bwrap
async def test_a_sandboxed_host_ends_with_all_that_it_started(pool: HostPool, spec: HostSpec):
    told: list[int] = []
    async with pool.lease(spec) as host:
        with pytest.raises(Exception, match="not done after"):
            await host.call("stay", {}, timeout=1, on_message=told.append)
    assert not is_running(host.pid)
    while is_running(told[0]):
        pass


@needs_bwrap
async def test_limits_hold_in_a_sandbox(pool: HostPool, spec: HostSpec, run_dir: Path):
    async with pool.lease(replace(spec, limits=HostLimits(processes=0))) as host:
        with pytest.raises(Exception, match="more than 0 processes"):
            await host.call("stay", {}, cwd=run_dir, timeout=20)


@needs_bwrap
async def test_sandboxes_of_runs_that_nobody_uses_any_more_are_ended(pool: HostPool, spec: HostSpec, tmp_path: Path):
    hosts: list[HostProcess] = []
    for number in range(PRIVATE_SERVERS + 3):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with pool.lease(replace(spec, writable=(str(folder),))) as host:
            await host.call("write", {"paths": [str(folder / "x")]})
            hosts.append(host)
    assert len(pool._servers) == PRIVATE_SERVERS
    assert (tmp_path / "0" / "x").exists()


async def test_without_the_program_the_start_is_refused_and_says_what_to_do(spec: HostSpec, tmp_path: Path):
    pool = HostPool(environ={"PATH": str(tmp_path)})
    with pytest.raises(HostStartFailed, match=r"asks for sandbox = \"bwrap\", and there is no bwrap .* install"):
        async with pool.lease(spec):
            pass
    await pool.aclose()


async def test_a_program_that_may_not_make_namespaces_is_told_apart_from_a_broken_module(
    spec: HostSpec, tmp_path: Path
):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    pool = HostPool(environ={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    with pytest.raises(HostStartFailed, match=r"no sandbox can be made here: bwrap: No permissions .* allow this user"):
        async with pool.lease(spec):
            pass
    await pool.aclose()


def test_what_others_print_is_not_taken_for_the_sandbox():
    assert explained("Traceback\nValueError: bwrap: x") is None
    assert explained("") is None
