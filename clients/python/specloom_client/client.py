"""The client, for programs without an event loop: the same questions as `AsyncClient`, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from specloom_client.async_client import DEFAULT_URL, AsyncClient
from specloom_client.async_runs import AsyncRun
from specloom_client.bridge import Bridge
from specloom_client.shapes import (
    Artifact,
    Event,
    Plan,
    Question,
    RunState,
    RunStatus,
    Spec,
    Task,
    TaskResult,
)

Json = Any


class Run:
    """A run; `state` is what it was like when it was last looked at."""

    def __init__(self, bridge: Bridge, run: AsyncRun) -> None:
        self._bridge = bridge
        self._run = run

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def state(self) -> RunState:
        """Return what it was like when it was last looked at."""
        return self._run.state

    @property
    def id(self) -> str:
        """Return its id."""
        return self._run.id

    @property
    def status(self) -> RunStatus:
        """Return its status, as of the last look."""
        return self._run.status

    @property
    def outputs(self) -> Json:
        """Return its outputs; None before it succeeded."""
        return self._run.outputs

    @property
    def error(self) -> Mapping[str, Json] | None:
        """Return why it failed."""
        return self._run.error

    @property
    def waiting_for(self) -> tuple[Question, ...]:
        """Return what it waits for."""
        return self._run.waiting_for

    def refresh(self) -> Run:
        """Look at it again."""
        self._bridge.call(self._run.refresh())
        return self

    def events(self, after: int = 0) -> Iterator[Event]:
        """Iterate over what happened and what happens, until it is over; a broken connection is made again."""
        return self._bridge.iterate(self._run.events(after))

    def wait(self, timeout: float | None = None) -> Run:
        """Return when it is over, or waits for a person; raises `TimeoutError` after so many seconds."""
        self._bridge.call(self._run.wait(timeout))
        return self

    def result(self, timeout: float | None = None) -> Json:
        """Wait, and return the outputs; raises `RunFailed` when it failed, was cancelled or asks a person."""
        return self._bridge.call(self._run.result(timeout))

    def approve(self, question: str | None = None, /, **answer: Json) -> Run:
        """Answer what it asks a person with yes; `answer` holds the fields for which that is not enough."""
        self._bridge.call(self._run.approve(question, **answer))
        return self

    def resume(self, answer: Json, *, interrupt_id: str | None = None) -> Run:
        """Answer its question with exactly this."""
        self._bridge.call(self._run.resume(answer, interrupt_id=interrupt_id))
        return self

    def signal(self, name: str, data: Json = None, *, key: str | None = None) -> Run:
        """Send it a signal; one that comes early is kept."""
        self._bridge.call(self._run.signal(name, data, key=key))
        return self

    def cancel(self) -> Run:
        """Stop it for good."""
        self._bridge.call(self._run.cancel())
        return self

    def retry(self) -> Run:
        """Try again what failed or is missing."""
        self._bridge.call(self._run.retry())
        return self

    def artifacts(self) -> list[Artifact]:
        """Return what its steps kept."""
        return self._bridge.call(self._run.artifacts())

    def read_artifact(self, path: str) -> bytes:
        """Return the bytes of an artifact."""
        return self._bridge.call(self._run.read_artifact(path))

    def task_result(self) -> TaskResult:
        """Return what became of it so far, as agents read it."""
        return self._bridge.call(self._run.task_result())


class Client:
    """Asks one server; use it as `with Client(url) as client`, or call `close` at the end."""

    def __init__(self, url: str = DEFAULT_URL, *, token: str | None = None, _client: AsyncClient | None = None) -> None:
        self._client = _client or AsyncClient(url, token=token)
        self._bridge = Bridge(self._client)
        self._bridge.open()

    @classmethod
    def local(cls, *, catalog: Path | str | None = None, data: Path | str | None = None) -> Self:
        """Return a client that needs no server: the service lives in this process, as long as the client is open.

        `catalog` is a `specloom.toml`, `data` the data directory, which belongs to one process at a time. Needs the
        package `specloom`.
        """
        return cls(_client=AsyncClient.local(catalog=catalog, data=data))

    def close(self) -> None:
        """Close it; a service in this process drains its runs first."""
        self._bridge.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def create_spec(self, text: str | bytes | Mapping[str, Json]) -> Spec:
        """Store a spec, YAML text or a mapping, or find it; raises `Refused` with every mistake."""
        return self._bridge.call(self._client.create_spec(text))

    def spec(self, spec_id: str) -> Spec:
        """Return a spec by name, name@version, name@rN or digest."""
        return self._bridge.call(self._client.spec(spec_id))

    def specs(self) -> Iterator[Spec]:
        """Iterate over the current revisions of all specs."""
        return self._bridge.iterate(self._client.specs())

    def plan(self, spec_id: str) -> Plan:
        """Plan a stored spec against the catalog."""
        return self._bridge.call(self._client.plan(spec_id))

    def execute(  # noqa: PLR0913 - each is something that a run may have
        self,
        spec_id: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        plan: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: int = 0,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run. Sent again when the connection is lost, it is one run: a key is made where none is given."""
        work = self._client.execute(
            spec_id, inputs, plan=plan, labels=labels, priority=priority, idempotency_key=idempotency_key
        )
        return Run(self._bridge, self._bridge.call(work))

    def run(self, run_id: str) -> Run:
        """Look at a run."""
        return Run(self._bridge, self._bridge.call(self._client.run(run_id)))

    def runs(self, *, status: str | None = None, spec: str | None = None) -> Iterator[RunState]:
        """Iterate over runs, the newest first, without their inputs and outputs."""
        return self._bridge.iterate(self._client.runs(status=status, spec=spec))

    def run_stage(
        self,
        stage: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        timeout_seconds: float | None = None,
        read: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run of one stage, by its name or its agent's."""
        work = self._client.run_stage(
            stage, inputs, timeout_seconds=timeout_seconds, read=read, idempotency_key=idempotency_key
        )
        return Run(self._bridge, self._bridge.call(work))

    def tasks(self) -> list[Task]:
        """Return the stages as agents call them."""
        return self._bridge.call(self._client.tasks())

    def task(self, name: str) -> Task:
        """Return a stage by its agent's name or its own."""
        return self._bridge.call(self._client.task(name))

    def invoke(
        self,
        task: str,
        inputs: Mapping[str, Json] | None = None,
        *,
        timeout_seconds: float | None = None,
        read: str | None = None,
        idempotency_key: str | None = None,
    ) -> TaskResult:
        """Run one stage, and return its result when it is over, or when the server does not wait any longer."""
        work = self._client.invoke(
            task, inputs, timeout_seconds=timeout_seconds, read=read, idempotency_key=idempotency_key
        )
        return self._bridge.call(work)
