"""Starts the command line as forks of one process, and shows each as `subprocess.Popen` would."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Json = Any
ROOT = Path(__file__).parents[2]


class Forker:
    """The process of which others are forked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forked_server.py")],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        assert self._answer() == {"ready": 1}, "a process with threads cannot be forked"

    def start(
        self, arguments: Sequence[str], cwd: Path, log: Path, env: Mapping[str, str], *, errors: Path | None = None
    ) -> Forked:
        """Start the command line with these arguments; what it prints is appended to a file, or to two."""
        order = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "log": str(log),
            "errors": str(errors or log),
            "env": dict(env),
        }
        return Forked(self, self.ask({"start": order})["pid"])

    def ask(self, order: Json) -> Json:
        with self._lock:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> Json:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and all that are left of its forks."""
        self._process.communicate()


@functools.cache
def forker() -> Forker:
    """Return the one of this process, which ends with it."""
    started = Forker()
    atexit.register(started.close)
    return started


class Forked:
    """A started process."""

    def __init__(self, forker: Forker, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forker = forker

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._forker.ask({"poll": self.pid})["code"]
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("specloom", timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
