"""What a preview of a plan shows: tasks, counts, and what nobody knows before the run."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict


class TaskPreview(BaseModel):
    """A task that a luigi step would build or find."""

    model_config = ConfigDict(frozen=True)

    task: str  # key
    name: str
    status: str  # complete, missing, external (missing, and nobody builds it), broken (it cannot be asked)
    needs: tuple[str, ...] = ()  # keys


class StepPreview(BaseModel):
    """What a luigi step would build with the inputs of a preview; nothing of it is part of the plan's digest."""

    model_config = ConfigDict(frozen=True)

    step: str
    stage: str
    tasks: tuple[TaskPreview, ...] = ()  # those nearest to the stage; what is left out is counted in `total`
    roots: tuple[str, ...] = ()  # keys of the tasks that the stage itself is: one for each item of a `map`
    total: int = 0
    complete: int = 0
    missing: int = 0
    external: int = 0
    broken: int = 0
    digest: str | None = None  # of the expansion
    items: int | None = None  # of a mapped step
    undecided: str | None = None  # why the inputs alone do not decide its arguments
    error: str | None = None  # what the stage said instead
    warnings: tuple[str, ...] = ()


PlanPreview: TypeAlias = tuple[StepPreview, ...]
