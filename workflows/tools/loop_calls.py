"""Calls of async tools on the server's own loop, kept apart from what the engine and LangChain watch there."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

from workflows.errors import StepError
from workflows.tools.registry import ToolRecord
from workflows.tools.tool_host import ToolError, as_json, error_kind, error_text

Json = Any


class NotImported(Exception):
    """The module with the tool could not be imported into this process."""


def import_tool(record: ToolRecord, path: tuple[Path, ...]) -> Any:
    """Import the module of a tool into this process and return the LangChain tool; raises `NotImported`.

    `path` is appended to sys.path: nothing of a catalog may shadow what the server itself imports. For the same reason
    the module must come from the very file in which the host found it.
    """
    sys.path += [text for text in map(str, path) if text not in sys.path]
    try:
        module = importlib.import_module(record.module)
    except (Exception, SystemExit) as error:
        raise NotImported(f"{type(error).__name__}: {error}") from error
    file = getattr(module, "__file__", None) or ""
    if not _is_same_file(file, record.file):
        raise NotImported(f"{record.module} means {file or 'another module'} in the server: rename the module")
    held = getattr(module, record.attribute, None)
    several = held if isinstance(held, (list, tuple)) else [held]  # pyright: ignore[reportUnknownVariableType]
    for tool in several:  # pyright: ignore[reportUnknownVariableType]
        if getattr(tool, "name", None) == record.tool:  # pyright: ignore[reportUnknownArgumentType]
            return _guarded(tool)
    raise NotImported(f"{record.module} holds no tool {record.tool} when the server imports it")


def _is_same_file(one: str, other: str) -> bool:
    return one == other or (bool(one and other) and Path(one).resolve() == Path(other).resolve())


def _guarded(tool: Any) -> Any:
    """Return a copy that cannot end the server: asyncio lets a `SystemExit` in any task stop the whole loop."""
    copy = tool.model_copy()
    plain = _plain_coroutine(copy)
    run: Callable[..., Awaitable[Any]] = plain or copy._arun  # noqa: SLF001 - what `ainvoke` runs in a task of its own

    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return await run(*args, **kwargs)
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError(f"the tool raised {type(error).__name__}") from error

    if plain is None:
        functools.update_wrapper(guarded, run)  # its signature tells LangChain what to give it
    else:
        guarded.__annotations__ = {}  # LangChain looks through them at every call
    object.__setattr__(copy, "_arun", guarded)  # pydantic takes no attribute that is not a field
    return copy


def _plain_coroutine(tool: Any) -> Callable[..., Awaitable[Any]] | None:
    """Return the function of a tool that wants nothing but its arguments; None of any other tool.

    LangChain finds that out anew at each call, which takes longer than all else that it does there.
    """
    from langchain_core.runnables import RunnableConfig  # noqa: PLC0415 - whoever only plans needs neither
    from langchain_core.tools import StructuredTool  # noqa: PLC0415

    function = getattr(tool, "coroutine", None)
    if function is None or type(tool)._arun is not StructuredTool._arun:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return None
    try:
        hints = get_type_hints(function)
        wants_more = "callbacks" in inspect.signature(function).parameters or RunnableConfig in hints.values()
    except Exception:  # noqa: BLE001 - annotations that cannot be read are LangChain's to judge
        return None
    return None if wants_more else function


async def call_on_loop(
    tool: Any,
    arguments: Mapping[str, Json],
    idempotency_key: str,
    timeout: float | None,  # noqa: ASYNC109 - it becomes an error of the step, not a TimeoutError
) -> Json:
    """Await a tool at most `timeout` seconds and return its JSON result; raises `StepError`."""
    config = {"metadata": {"idempotency_key": idempotency_key}}
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            with _unobserved():
                return as_json(await tool.ainvoke(dict(arguments), config=config))
    except ToolError as error:
        raise StepError(str(error), error_name=error.kind) from error
    except Exception as error:
        if limit.expired():
            raise StepError(f"took longer than {timeout:g} s", error_name="timeout") from error
        raise StepError(error_text(error), error_name=error_kind(error)) from error


@contextmanager
def _unobserved() -> Generator[None]:
    """Hide the graph's callbacks and tracers from the call: they would be told its arguments, secrets and all."""
    # imported here: whoever only plans needs neither, and they take half a second
    from langchain_core.runnables.config import var_child_runnable_config  # noqa: PLC0415
    from langsmith import run_helpers  # noqa: PLC0415

    token = var_child_runnable_config.set(None)
    try:
        with run_helpers.tracing_context(enabled=False):
            yield
    finally:
        var_child_runnable_config.reset(token)
