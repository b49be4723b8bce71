"""The client, for programs with an event loop."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import httpx2

from specloom_client.asking import CONNECT_SECONDS, Door, new_key, segment
from specloom_client.async_runs import AsyncRun
from specloom_client.shapes import Plan, RunState, Spec, Task, TaskResult

Json = Any
DEFAULT_URL = "http://127.0.0.1:8321"
ANSWER_SECONDS = 60.0
LONG_ANSWER_SECONDS = 660.0  # of a door that waits
_TO_THE_END = "true"


class AsyncClient:
    """Asks one server; use it as `async with AsyncClient(url) as client`."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._local: tuple[Path | None, Path | None] | None = None
        self._stack = AsyncExitStack()
        self._opened: Door | None = None

    @classmethod
    def local(cls, *, catalog: Path | str | None = None, data: Path | str | None = None) -> Self:
        """Return a client that needs no server: the service lives in this process, as long as the client is open.

        `catalog` is a `specloom.toml`, `data` the data directory, which belongs to one process at a time. Needs the
        package `specloom`.
        """
        made = cls()
        made._local = (Path(data) if data else None, Path(catalog) if catalog else None)
        return made

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        try:
            self._opened = Door(await self._stack.enter_async_context(await self._http()))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *about: object) -> None:
        self._opened = None
        await self._stack.aclose()

    async def _http(self) -> httpx2.AsyncClient:
        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self._local is None:
            return httpx2.AsyncClient(base_url=self._url, headers=headers, timeout=timeout)
        from specloom_client.in_process import opened  # noqa: PLC0415 - needs the whole service

        transport = await self._stack.enter_async_context(opened(*self._local))
        return httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=timeout)

    @property
    def _door(self) -> Door:
        if self._opened is None:
            raise RuntimeError("the client is not open: write `async with AsyncClient(…) as client`")
        return self._opened

    async def create_spec(self, text: str | bytes | Mapping[str, Json]) -> Spec:
        """Store a spec, YAML text or a mapping, or find it; raises `Refused` with every mistake."""
        is_mapping = isinstance(text, Mapping)
        content = json.dumps(text) if is_mapping else text
        headers = {"Content-Type": "application/json" if is_mapping else "application/yaml"}
        response = await self._door.sent("POST", "/specs", content=content, headers=headers, is_safe=True)
        return Spec.of(response.json())

    async def spec(self, spec_id: str) -> Spec:
        """Return a spec by name, name@version, name@rN or digest."""
        return Spec.of(await self._door.get(f"/specs/{segment(spec_id)}"))

    async def specs(self) -> AsyncGenerator[Spec]:
        """Yield the current revisions of all specs."""
        async for item in self._items("/specs", {}):
            yield Spec.of(item)

    async def plan(self, spec_id: str) -> Plan:
        """Plan a stored spec against the catalog."""
        return Plan.of(await self._door.post(f"/specs/{segment(spec_id)}/plan"))

    async def execute(  # noqa: PLR0913 - each is something that a run may have
        self,
        spec_id: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        plan: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
    ) -> AsyncRun:
        """Start a run. Sent again when the connection is lost, it is one run: a key is made where none is given."""
        body: dict[str, Json] = {"inputs": inputs or {}, "labels": labels or {}, "priority": priority}
        if plan is not None:
            body["plan"] = plan
        path = f"/specs/{segment(spec_id)}/execute"
        return self._run(await self._door.post(path, body, key=idempotency_key or new_key()))

    async def run(self, run_id: str) -> AsyncRun:
        """Look at a run."""
        return self._run(await self._door.get(f"/runs/{segment(run_id)}"))

    async def runs(self, *, status: str | None = None, spec: str | None = None) -> AsyncGenerator[RunState]:
        """Yield runs, the newest first, without their inputs and outputs."""
        async for item in self._items("/runs", {"status": status, "spec": spec}):
            yield RunState.of(item)

    async def run_stage(
        self,
        stage: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        timeout_seconds: float | None = None,
        read: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncRun:
        """Start a run of one stage, by its name or its agent's."""
        body = _task_body(inputs, timeout_seconds, read)
        key = idempotency_key or new_key()
        return self._run(await self._door.post(f"/stages/{segment(stage)}/run", body, key=key))

    async def tasks(self) -> list[Task]:
        """Return the stages as agents call them."""
        return [Task.of(one) for one in (await self._door.get("/tasks"))["items"]]

    async def task(self, name: str) -> Task:
        """Return a stage by its agent's name or its own."""
        return Task.of(await self._door.get(f"/tasks/{segment(name)}"))

    async def invoke(
        self,
        task: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        timeout_seconds: float | None = None,
        read: str | None = None,
        idempotency_key: str | None = None,
    ) -> TaskResult:
        """Run one stage, and return its result when it is over, or when the server does not wait any longer."""
        response = await self._door.sent(
            "POST",
            f"/run/{segment(task)}",
            query={"wait": _TO_THE_END},
            json=_task_body(inputs, timeout_seconds, read),
            headers={"Idempotency-Key": idempotency_key or new_key()},
            timeout=httpx2.Timeout(LONG_ANSWER_SECONDS, connect=CONNECT_SECONDS),
            is_safe=True,
        )
        return TaskResult.of(response.json())

    def _run(self, raw: Mapping[str, Json]) -> AsyncRun:
        return AsyncRun(self._door, RunState.of(raw))

    async def _items(self, path: str, query: Mapping[str, str | None]) -> AsyncGenerator[Mapping[str, Json]]:
        cursor: str | None = None
        while True:
            page = await self._door.get(path, {**query, "cursor": cursor})
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return


def _task_body(inputs: Mapping[str, Json] | None, timeout_seconds: float | None, read: str | None) -> dict[str, Json]:
    given = {"timeout_seconds": timeout_seconds, "read": read}
    return {"inputs": inputs or {}, **{key: value for key, value in given.items() if value is not None}}
