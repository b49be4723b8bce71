"""A real server of this process on loopback, for the tests of the doors."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from spec_service.app import serve
from spec_service.settings import Settings

PATIENCE = 30.0  # seconds


class RunningServer:
    """A server in a thread; `stop` ends it as SIGTERM would."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = None
        self._failure = None
        self._thread = threading.Thread(target=self._run)
        self.url = ""

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._stop = asyncio.Event()
        try:
            self._loop.run_until_complete(serve(self.settings, self._on_started, self._stop))
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the start
            self._failure = error
        finally:
            self._started.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _on_started(self, url: str) -> None:
        self.url = url
        self._started.set()

    def start(self) -> "RunningServer":
        self._thread.start()
        assert self._started.wait(PATIENCE)
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def client(self, **options) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=PATIENCE, **options)


@contextmanager
def running(settings: Settings) -> Iterator[RunningServer]:
    server = RunningServer(settings).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def run_server():
    """Give the context manager that runs a server with some settings."""
    return running


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """A catalog with one async and one sync tool."""
    folder = tmp_path_factory.mktemp("catalog")
    (folder / "shelf.py").write_text(TOOLS)
    file = folder / "specloom.toml"
    file.write_text('[tools.shelf]\nmodules = ["shelf"]\npath = ["."]\nversion = "1.0.0"\n')
    return file


TOOLS = '''
import asyncio, time
from pathlib import Path
from langchain_core.tools import tool

@tool
async def nap(seconds: float) -> dict:
    """Sleep on the loop."""
    await asyncio.sleep(seconds)
    return {"slept": seconds}

@tool
def measure(file: Path) -> dict:
    """Tell how long a file is, and where it lies."""
    return {"bytes": file.stat().st_size, "path": str(file)}

@tool
def echo(text: str) -> dict:
    """Give the text back."""
    return {"text": text}
'''


@pytest.fixture(scope="session")
def server(tmp_path_factory, catalog):
    """One server for all tests that do not need their own."""
    data = tmp_path_factory.mktemp("data")
    with running(Settings(data=data, catalog=catalog, port=0)) as started:
        yield started


@pytest.fixture
def client(server):
    with server.client() as opened:
        yield opened
