"""Finds the stage that somebody wants to adopt, in the catalog or beside it, and surveys its DAG; runs nothing."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from spec_service.bootstrap import Planning, open_planning
from spec_service.cli.catalog_table import group_for, wanted_of
from spec_service.cli.cataloguing import failure_lines
from spec_service.cli.complaints import Complaint, wrong_usage
from spec_service.cli.inputs import example, input_lines, parsed, split_pairs
from spec_service.cli.printable import one_line
from spec_service.errors import Refused
from spec_service.fitting import require_fit
from spec_service.settings import Settings
from translator.language.problems import did_you_mean
from translator.language.schema_walk import as_schema
from workflows.cataloging import LoadedCatalog
from workflows.luigi.adopting import Adoption
from workflows.luigi.calls import StageCall
from workflows.luigi.errors import StageError
from workflows.luigi.registry import LuigiGroup, StageRecord
from workflows.luigi.survey import Survey, depends_only_by_name
from workflows.run import RunId

Json = Any
SECONDS = 300.0  # that a survey may take
_ROUNDS = 4  # of adding modules in which required tasks are defined
_TAIL = 5  # lines of what a stage printed
_FAR = timedelta(days=400, hours=5, minutes=7, seconds=11)  # changes every part of a moment
_MOMENTS = ("%Y-%m-%d", "%Y-%m", "%Y", "%Y-%m-%dT%H", "%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: a task by module and class, and its parameters as `name=value`."""

    task: str  # "pipelines.market:Publish"
    params: tuple[str, ...] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the parameters as names and texts; raises `Complaint`."""
        return split_pairs(self.params, "--param")


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that was found, with a host to ask."""

    planning: Planning
    catalog: LoadedCatalog
    group: LuigiGroup
    is_new: bool  # the catalog file has no such group yet
    stage: StageRecord
    arguments: Mapping[str, Json]

    @property
    def schemas(self) -> Mapping[str, Json]:
        """Return the schemas of the stage's parameters."""
        return self.stage.parameters.get("properties", {})

    @property
    def place(self) -> Path:
        """Return where the pipeline works today: the fixed directory of its group, else where we are."""
        return self.group.workdir or Path.cwd()

    def adoption(self, seen: Survey, given: Mapping[str, Json] | None = None) -> Adoption:
        """Return what a spec is made of."""
        stages = {record.python_class: name for name, record in self.catalog.records.items()}
        return Adoption(seen, stages, given or {}, self.schemas)

    async def seen(self, place: Path, **other: Json) -> Survey:
        """Survey the stage as if it worked in a directory, with some arguments changed; raises `Complaint`."""
        group = replace(self.group, workdir=place)
        call = StageCall(
            self.stage.name, group, {**self.arguments, **other}, RunId("survey"), place, "", timeout=SECONDS
        )
        try:
            return await self.planning.surveyor.survey(call, goes_below=True)
        except StageError as error:
            raise Complaint(error.message, *error.tail.splitlines()[-_TAIL:]) from None

    async def is_input(self, before: Survey, place: Path, name: str) -> bool:
        """Try another value, and tell whether nothing of the DAG depends on this parameter but by its name."""
        for other in other_values(self.arguments[name], as_schema(self.schemas.get(name, {}))):
            try:
                after = await self.seen(place, **{name: other})
            except Complaint:
                continue  # the task does not take it
            return depends_only_by_name(before, after, name)
        return False


@asynccontextmanager
async def found_pipeline(wish: Wish, settings: Settings) -> AsyncGenerator[Pipeline]:
    """Find a pipeline and keep a host for it; what a new group requires from other modules becomes part of it.

    Raises `Complaint`, `CatalogFileError`.
    """
    group, is_new = group_for(wish.task, settings)
    for _ in range(_ROUNDS):
        async with open_planning(settings, (group,) if is_new else ()) as planning:
            pipeline = await _pipeline(wish, planning, group, is_new=is_new)
            missing = await _modules_missing(pipeline) if is_new else []
            if not missing:
                yield pipeline
                return
        group = replace(group, modules=(*group.modules, *missing))
    raise Complaint(f"{wish.task} requires tasks of ever more modules")


@contextmanager
def empty_place() -> Generator[Path]:
    """Give an empty directory: what a run of its own finds."""
    with tempfile.TemporaryDirectory(prefix="specloom-adopt-") as folder:
        yield Path(folder)


async def _modules_missing(pipeline: Pipeline) -> list[str]:
    unlisted = pipeline.adoption(await pipeline.seen(pipeline.place)).unlisted
    return sorted({one.task.module for one in unlisted} - set(pipeline.group.modules))


async def _pipeline(wish: Wish, planning: Planning, group: LuigiGroup, *, is_new: bool) -> Pipeline:
    loaded = await planning.catalog.get()
    stage = _stage(wish, loaded, group)
    return Pipeline(planning, loaded, group, is_new, stage, await _arguments(wish, stage))


def _stage(wish: Wish, loaded: LoadedCatalog, group: LuigiGroup) -> StageRecord:
    module, name = wanted_of(wish.task)
    stage = loaded.records.get(f"{group.name}.{name}")
    if stage is not None:
        return stage
    names = sorted(one.rpartition(".")[2] for one, owner in loaded.stages.items() if owner.name == group.name)
    broken = tuple(one for one in loaded.failures if one.group == f"luigi.{group.name}")
    hint = did_you_mean(name, names)
    advice = [hint] if hint else [f"its tasks: {', '.join(names)}"] if names else []
    raise Complaint(f"the module {module} has no Luigi task {one_line(name, 60)}", *advice, *failure_lines(broken))


async def _arguments(wish: Wish, stage: StageRecord) -> dict[str, Json]:
    """Return what was given, as the stage's schema wants it; raises `Complaint`."""
    known: dict[str, Json] = stage.parameters.get("properties", {})
    found: dict[str, Json] = {}
    for name, text in wish.pairs:
        if name not in known:
            hint = did_you_mean(name, known)
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise wrong_usage(f"{stage.name} has no parameter {one_line(name, 60)}", hint or takes)
        found[name] = parsed(text, as_schema(known[name]), f"--param {name}")
    missing = [name for name in stage.parameters.get("required", ()) if name not in found]
    if missing:
        lines = [f"--param {name}={example(as_schema(known[name]))}" for name in missing]
        raise wrong_usage(f"{stage.name} needs more parameters; give", *lines)
    try:
        await require_fit(stage.parameters, found, pointer="/inputs", name="invalid-inputs")
    except Refused as refused:
        raise wrong_usage("a parameter is wrong", *input_lines(refused.problems)) from None
    return found


def other_values(value: Json, schema: Mapping[str, Json]) -> list[Json]:
    """Return values that a parameter could have instead, far from this one; none where we know of none."""
    if isinstance(schema.get("enum"), list):
        return [one for one in cast("list[Json]", schema["enum"]) if one != value and one is not None]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value * 2 + 7, value + 1, value - 1, value / 2]
    if not isinstance(value, str):
        return []
    for form in _MOMENTS:
        try:
            moment = datetime.strptime(value, form)  # noqa: DTZ007 - Luigi's moments have no zone
        except ValueError:
            continue
        if moment.strftime(form) == value:
            return [(moment + _FAR).strftime(form)]
    return [f"{value}-x", f"{value}0"]
