"""Reaches runs: through a server that was named or that works in the data directory, else in this process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from spec_service.cli.client import Client
from spec_service.cli.complaints import TERMINATED, Complaint, Interrupted, innermost, wrong_usage
from spec_service.cli.configuring import Place, quiet_logs
from spec_service.cli.server_note import find_server
from spec_service.settings import Settings

T = TypeVar("T")
PATIENCE_SECONDS = 2.0  # of somebody who pressed Ctrl-C, for steps in flight; what is cut off runs again


@asynccontextmanager
async def reach(place: Place, *, is_new: bool = False) -> AsyncGenerator[Client]:
    """Open the way to the runs of a place.

    Without `is_new` the data directory has to be there. Raises `Complaint`, `DataInUse`, `CatalogFileError` …
    """
    settings = place.settings()
    async with AsyncExitStack() as opened:
        yield await _client(settings, opened, is_new=is_new)


async def _client(settings: Settings, opened: AsyncExitStack, *, is_new: bool) -> Client:
    if settings.server is not None:
        return await _through(settings.server, settings, opened, is_near=False)
    note = find_server(settings.data)
    if note is not None:
        return await _through(note.url, settings, opened, is_near=True)
    if not is_new and not settings.data.is_dir():
        raise no_data(settings)
    return await _here(settings, opened)


async def _through(url: str, settings: Settings, opened: AsyncExitStack, *, is_near: bool) -> Client:
    from spec_service.cli.http_client import open_http_client  # noqa: PLC0415 - not needed without a server

    if not url.startswith(("http://", "https://")):
        raise wrong_usage(f"{url} is no URL of a server", "it looks like http://127.0.0.1:8321")
    return await opened.enter_async_context(open_http_client(url, settings, is_near=is_near))


async def _here(settings: Settings, opened: AsyncExitStack) -> Client:
    # They load the engine, and with it langgraph: 1.5 s that a command with a server does not need.
    from spec_service.bootstrap import open_services  # noqa: PLC0415
    from spec_service.cli.local_client import LocalClient  # noqa: PLC0415

    quiet_logs(settings)
    if "drain_seconds" not in settings.model_fields_set:
        settings = settings.model_copy(update={"drain_seconds": PATIENCE_SECONDS})
    return LocalClient(await opened.enter_async_context(open_services(settings, recover=False)))


def no_data(settings: Settings) -> Complaint:
    """Return the complaint that there are no runs to look at."""
    return Complaint(
        f"there are no runs here: there is no data directory {settings.data.absolute()}",
        "specloom run FILE starts a run; --data DIR looks into another directory",
    )


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command's coroutine and raise what it raises, out of the groups in which task groups wrap it.

    SIGTERM stops it as Ctrl-C does, so that everything is closed in order.
    """
    stopped: list[int] = []
    try:
        return asyncio.run(_with_sigterm(work, stopped))
    except BaseException as error:
        inner = innermost(error)
        if stopped and isinstance(inner, (Interrupted, asyncio.CancelledError)):
            advice = inner.advice if isinstance(inner, Interrupted) else ()
            raise Interrupted(*advice, exit_code=TERMINATED) from None
        if inner is error:
            raise
        raise inner from None


async def _with_sigterm(work: Callable[[], Coroutine[Any, Any, T]], stopped: list[int]) -> T:
    """Await the work; SIGTERM cancels it, and is noted in `stopped`."""
    task = asyncio.ensure_future(work())

    def terminate() -> None:
        stopped.append(signal.SIGTERM)
        task.cancel()

    with suppress(NotImplementedError, ValueError, RuntimeError):  # not in the main thread of the process
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    return await task
