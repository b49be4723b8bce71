"""Calls of real tools: async ones on the loop, sync ones in hosts that die with their children."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableLambda

from translator.planning.plan import Binding
from workflows.errors import StepError
from workflows.hosting.pool import HostPool
from workflows.ports import ToolCall
from workflows.run import RunId
from workflows.tools.loop_calls import import_tool
from workflows.tools.registry import ToolGroup, describe_tools
from workflows.tools.secrets import CatalogSecrets, SecretSource
from workflows.tools.tools import BoundTool, CatalogTools

pytestmark = pytest.mark.anyio

SOURCE = '''
import asyncio, os, signal, subprocess, sys, time
from dataclasses import dataclass
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool


@dataclass
class Answer:
    text: str
    where: str
    key: str


@tool
def echo(text: str, config: RunnableConfig) -> Answer:
    """Give it back, with where and under which key it was called."""
    assert os.environ["SPECLOOM_IDEMPOTENCY_KEY"] == config["metadata"]["idempotency_key"]
    return Answer(text, os.getcwd(), config["metadata"]["idempotency_key"])


@tool
async def echo_async(text: str, config: RunnableConfig) -> Answer:
    """Give it back from the loop."""
    await asyncio.sleep(0)
    return Answer(text, str(os.getpid()), config["metadata"]["idempotency_key"])


@tool
def login(user: str, token: str) -> str:
    """Fail with the secret everywhere."""
    print("logging in with", token)
    raise ValueError(f"user {user}: token {token!r} is refused")


@tool
async def login_async(user: str, token: str) -> str:
    """Fail with the secret everywhere."""
    raise ValueError(f"user {user}: token {token!r} is refused")


@tool
def whoami(token: str) -> dict[str, str]:
    """Give the secret back."""
    return {"error": f"{token} is not known"}


@tool
def stubborn(file: str, both: bool) -> str:
    """Start a child that ignores SIGTERM, and perhaps ignore it too."""
    if both:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    with open(file, "w") as target:
        target.write(f"{os.getpid()} {child.pid}")
    time.sleep(60)
    return "never"


@tool
async def sleepy() -> str:
    """Sleep."""
    await asyncio.sleep(60)
    return "never"


@tool
async def leaving() -> str:
    """Leave."""
    raise SystemExit(4)


class Walking(BaseTool):
    """A tool of the old kind."""

    name: str = "walking"
    description: str = "Walk off."

    def _run(self) -> str:
        raise AssertionError("the loop has a coroutine")

    async def _arun(self, where: str) -> str:
        if where == "off":
            raise SystemExit(5)
        return where


walking = Walking()


@tool
def count(number: int, token: str = "") -> int:
    """Count."""
    return number


@tool
def dying() -> str:
    """Die."""
    os._exit(7)


@tool
def odd() -> float:
    """Not a number."""
    return float("nan")


@tool
async def odd_async() -> object:
    """Not JSON."""
    return object()


@tool
def refused() -> str:
    """Nobody listens."""
    raise ConnectionRefusedError("nobody listens there")


@tool
async def busy() -> str:
    """Too many requests."""
    error = RuntimeError("slow down")
    error.status_code = 429
    raise error
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="module")
async def tools(folder: Path, pool: HostPool) -> AsyncIterator[CatalogTools]:
    """Bind the tools of SOURCE, async ones to the loop, as the catalog does."""
    module = f"tools_{uuid4().hex}"  # this process imports a module once, and others may have one of its name
    (folder / f"{module}.py").write_text(SOURCE)
    group = ToolGroup("t", (module,), path=(folder,), version="1.0.0", secrets=("KEY", "NO_VALUE"))
    description = await describe_tools(group, pool)
    assert description.failures == ()
    secrets = CatalogSecrets(
        {name: SecretSource(env=name) for name in ("KEY", "NO_VALUE", "OTHER")}, {"KEY": "hunter2-and-more"}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        bound = {
            one.name: BoundTool(group, one, import_tool(one, group.path) if one.is_async else None)
            for one in description.tools
        }
        yield CatalogTools(bound, pool, secrets, work_directory=lambda _: folder)


def tool_call(
    name: str, arguments: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None, timeout: float = 20
) -> ToolCall:
    binding = Binding(kind="tool", name=f"t.{name}", version="1.0.0", source_digest="", parameters={}, result={})
    return ToolCall(binding, arguments or {}, secrets or {}, "key-1", timeout, RunId("run-1"), "a")


async def test_a_sync_tool_works_in_the_runs_directory_and_knows_its_key(tools: CatalogTools, folder: Path) -> None:
    result = await tools.call(tool_call("echo", {"text": "hé"}))
    assert result == {"text": "hé", "where": str(folder), "key": "key-1"}


async def test_an_async_tool_runs_in_this_process(tools: CatalogTools) -> None:
    result = await tools.call(tool_call("echo_async", {"text": "hé"}))
    assert result == {"text": "hé", "where": str(os.getpid()), "key": "key-1"}


@pytest.mark.parametrize("name", ["login", "login_async"])
async def test_no_error_text_holds_a_secret(tools: CatalogTools, name: str) -> None:
    with pytest.raises(StepError, match=r"user ann: token '\*\*\*' is refused") as caught:
        await tools.call(tool_call(name, {"user": "ann"}, {"token": "KEY"}))
    assert caught.value.error_name == "tool-failed"
    assert "hunter2" not in str(caught.value) + caught.value.tail
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert name == "login_async" or "logging in with ***" in caught.value.tail


async def test_no_result_holds_a_secret(tools: CatalogTools) -> None:
    assert await tools.call(tool_call("whoami", secrets={"token": "KEY"})) == {"error": "*** is not known"}


async def test_a_secret_that_the_group_may_not_have_is_refused(tools: CatalogTools) -> None:
    with pytest.raises(StepError, match="the secret OTHER may not be given"):
        await tools.call(tool_call("whoami", secrets={"token": "OTHER"}))


async def test_a_secret_without_a_value_says_how_to_give_one(tools: CatalogTools) -> None:
    with pytest.raises(StepError, match="set the environment variable NO_VALUE"):
        await tools.call(tool_call("whoami", secrets={"token": "NO_VALUE"}))


@pytest.mark.parametrize("both", [True, False])
async def test_a_child_that_ignores_sigterm_is_gone_a_second_after_the_timeout(
    tools: CatalogTools, tmp_path: Path, *, both: bool
) -> None:
    file = tmp_path / "pids"
    with pytest.raises(StepError) as caught:
        await tools.call(tool_call("stubborn", {"file": str(file), "both": both}, timeout=3))
    assert caught.value.error_name == "timeout"
    await gone(*(int(pid) for pid in file.read_text().split()))
    result = await tools.call(tool_call("echo", {"text": "next"}))
    assert result["text"] == "next"


async def gone(*pids: int) -> None:
    """Wait at most a second until no process of these is left."""
    deadline = time.monotonic() + 1
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "a process outlived its timeout"
        await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_tool_of_the_old_kind_runs_on_the_loop_and_cannot_end_it(tools: CatalogTools) -> None:
    assert await tools.call(tool_call("walking", {"where": "on"})) == "on"
    with pytest.raises(StepError, match="raised SystemExit"):
        await tools.call(tool_call("walking", {"where": "off"}))


async def test_arguments_that_do_not_fit_are_told_without_their_values(tools: CatalogTools) -> None:
    with pytest.raises(StepError) as caught:
        await tools.call(tool_call("count", {"number": "private text"}))
    assert caught.value.message.startswith("t.count: number: Input should be a valid integer")
    assert "private text" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "error_name", "said"),
    [
        ("sleepy", "timeout", "took longer than 0.2 s"),
        ("leaving", "tool-failed", "raised SystemExit"),
        ("odd_async", "tool-failed", "builtins.object, which is not JSON"),
        ("busy", "rate-limit", "slow down"),
    ],
)
async def test_failures_on_the_loop_have_names(tools: CatalogTools, name: str, error_name: str, said: str) -> None:
    with pytest.raises(StepError, match=said) as caught:
        await tools.call(tool_call(name, timeout=0.2))
    assert caught.value.error_name == error_name


@pytest.mark.parametrize(
    ("name", "error_name", "said"),
    [
        ("dying", "crashed", "exit code 7"),
        ("odd", "tool-failed", "NaN"),
        ("refused", "unavailable", "nobody listens there"),
        ("nothing", "tool-failed", "not in the catalog any more"),
    ],
)
async def test_failures_in_a_host_have_names(tools: CatalogTools, name: str, error_name: str, said: str) -> None:
    with pytest.raises(StepError, match=said) as caught:
        await tools.call(tool_call(name))
    assert caught.value.error_name == error_name


async def test_whoever_watches_the_graph_is_not_told_of_the_call(tools: CatalogTools) -> None:
    async def body(_: object) -> object:
        return await tools.call(tool_call("echo_async", {"text": "quiet"}))

    graph = RunnableLambda(body)
    names = [event["name"] async for event in graph.astream_events({}, version="v2")]
    assert "body" in names
    assert "echo_async" not in names
