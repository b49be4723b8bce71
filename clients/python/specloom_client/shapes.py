"""What a server tells, as frozen values; `raw` of each is the JSON that it came from, with all of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

from typing_extensions import Self

Json = Any
RunStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
TaskStatus = Literal["running", "success", "failed", "timeout"]
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
T = TypeVar("T", bound="Shape")


@dataclass(frozen=True)
class Shape:
    """A value that a server told; equal when the JSON is."""

    raw: Mapping[str, Json] = field(repr=False)

    @classmethod
    def of(cls, raw: Mapping[str, Json]) -> Self:
        """Make it from JSON; fields that the server does not tell are None."""
        known = {one.name: raw.get(one.name) for one in fields(cls) if one.name != "raw"}
        return cls(raw=raw, **known)


@dataclass(frozen=True)
class Spec(Shape):
    """A stored revision of a spec; `id` names this very revision."""

    id: str
    name: str
    version: str | None
    revision: int
    digest: str
    warnings: list[Mapping[str, Json]]


@dataclass(frozen=True)
class Plan(Shape):
    """What a spec will do, with the digest that `execute` takes."""

    digest: str
    spec: str
    steps: list[Mapping[str, Json]]
    transitions: list[Mapping[str, Json]]
    bounds: list[Mapping[str, Json]]
    warnings: list[Mapping[str, Json]]
    mermaid: str
    changes: Mapping[str, Json] | None


@dataclass(frozen=True)
class Question(Shape):
    """What a waiting run waits for; `kind` is `person`, `time`, `signal` or `external`."""

    kind: str
    interrupt_id: str
    node: str
    title: str
    show: Json
    schema: Mapping[str, Json]


@dataclass(frozen=True)
class RunState(Shape):
    """A run as it stood when it was looked at."""

    id: str
    spec: str
    plan: str
    status: RunStatus
    inputs: Mapping[str, Json]
    outputs: Json
    error: Mapping[str, Json] | None
    attempts: int
    labels: Mapping[str, str]

    @property
    def waiting_for(self) -> tuple[Question, ...]:
        """Return what it waits for."""
        return tuple(Question.of(one) for one in self.raw.get("waiting_for") or ())

    @property
    def is_final(self) -> bool:
        """Tell whether it is over."""
        return self.status in FINAL


@dataclass(frozen=True)
class Event(Shape):
    """An entry of a run's transcript; `seq` counts from 1 without gaps."""

    seq: int
    type: str
    at: str
    node: str | None
    attempt: int
    data: Mapping[str, Json]

    @property
    def time(self) -> datetime:
        """Return when it happened."""
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True)
class Artifact(Shape):
    """Bytes that a run keeps."""

    path: str
    uri: str
    bytes: int
    sha256: str
    media_type: str
    step: str


@dataclass(frozen=True)
class Task(Shape):
    """A stage as agents call it."""

    name: str
    display_name: str
    description: str
    tools: list[str]
    outputs: list[str]
    stage: str
    tags: list[str]
    timeout_seconds: float | None
    max_retries: int | None
    task: str
    version: str
    input_schema: Mapping[str, Json]
    output_schema: Mapping[str, Json]


@dataclass(frozen=True)
class TaskResult(Shape):
    """What became of a stage that ran alone; `id` is that of its run."""

    id: str
    task_name: str
    status: TaskStatus
    result: Json
    error: str | None
    execution_time_ms: int | None
    tokens_used: int
