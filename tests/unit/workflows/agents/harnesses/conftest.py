"""A pool of real hosts, harnesses written on the spot, and a listener that keeps what it is told."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from workflows.agents.harnesses.harness import Harness
from workflows.agents.harnesses.local_processes import LocalProcesses
from workflows.agents.harnesses.messages import HarnessTask
from workflows.agents.harnesses.working import work
from workflows.errors import StepError
from workflows.hosting.pool import HostPool

Json = Any
SPEAKING = """
import json, os, subprocess, sys, time
def say(**message):
    print(json.dumps(message), flush=True)
task = json.loads(sys.stdin.readline())
"""


@dataclass
class Heard:
    """A listener that keeps everything; `tools` are functions by name."""

    tools: dict[str, Callable[..., Json]] = field(default_factory=dict)
    messages: list[Mapping[str, Json]] = field(default_factory=list)
    usage: list[Mapping[str, Json]] = field(default_factory=list)
    spans: list[Mapping[str, Json]] = field(default_factory=list)
    refuse: str = ""  # the limit that any usage exceeds

    def heard(self, message: Mapping[str, Json]) -> None:
        self.messages.append(message)

    def used(self, report: Mapping[str, Json]) -> None:
        self.usage.append(report)
        if self.refuse:
            raise StepError("no more", error_name=self.refuse)

    def traced(self, span: Mapping[str, Json]) -> None:
        self.spans.append(span)

    async def called(self, name: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        if name not in self.tools:
            return {"error": {"name": "unknown-tool", "message": f"{name} was not granted"}}
        return {"result": self.tools[name](**arguments)}


@dataclass
class Desk:
    """Has harnesses work, each a program in a folder."""

    pool: HostPool
    folder: Path
    heard: Heard = field(default_factory=Heard)

    def harness(self, source: str, **fields: Any) -> Harness:
        file = self.folder / "harness.py"
        file.write_text(SPEAKING + textwrap.dedent(source))
        return Harness("h", command=(sys.executable, str(file)), **fields)

    async def work(self, harness: str | Harness, traceparent: str | None = None, **fields: Any) -> Json:
        harness = self.harness(harness) if isinstance(harness, str) else harness
        task = HarnessTask(run="r1", step="think", idempotency_key="r1/think/1", **{"input": {}, **fields})
        return await work(LocalProcesses(self.pool), harness, task, self.heard, traceparent)

    async def failure(self, harness: str | Harness, **fields: Any) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.work(harness, **fields)
        return caught.value


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[HostPool]:
    pool = HostPool(environ={**os.environ, "HARNESS_KEY": "k-123456", "OTHER_KEY": "secret"}, limit=3)
    yield pool
    await pool.aclose()


@pytest.fixture
def desk(pool: HostPool, tmp_path: Path) -> Desk:
    return Desk(pool, tmp_path)
