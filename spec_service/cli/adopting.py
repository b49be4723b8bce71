"""Adopts a Luigi pipeline: writes the spec that runs it, or shows what of it is complete."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spec_service.cli.catalog_table import add_table, table_of
from spec_service.cli.complaints import FINE, Complaint
from spec_service.cli.configuring import quiet_logs, settings_with
from spec_service.cli.printable import one_line
from spec_service.cli.problem_text import SpecRefused, counted
from spec_service.cli.reaching import run_async
from spec_service.cli.spec_files import SpecText
from spec_service.cli.spec_text import spec_text
from spec_service.cli.surveying import Pipeline, Wish, empty_place, found_pipeline
from spec_service.cli.task_tree import STATUSES, TaskLine, count_line, tree_lines
from spec_service.errors import Refused
from spec_service.planner import Planner
from spec_service.settings import Settings
from workflows.luigi.adopting import Adoption, NotAdoptable, dag_spec, single_spec
from workflows.luigi.survey import Survey

Json = Any
_SOME = 5  # tasks that a note names


@dataclass(frozen=True, slots=True)
class Form:
    """Which spec is written, and where to."""

    out: Path | None = None
    is_single: bool = False
    adds_to_catalog: bool = False


@dataclass(frozen=True, slots=True)
class _Written:
    text: str
    nodes: int
    pipeline: Pipeline
    adoption: Adoption


def adopt(wish: Wish, catalog: Path | None, form: Form) -> int:
    """Write the spec of a pipeline to a file, or to standard output; what one should know goes to standard error."""
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    written = run_async(lambda: _adopted(wish, settings, form))
    if form.out is None:
        sys.stdout.write(written.text)
    else:
        _write(form.out, written.text)
    if written.pipeline.is_new and form.adds_to_catalog:
        add_table(written.pipeline.group, settings)
    sys.stderr.write("".join(f"{line}\n" for line in _notes(written, settings, form)))
    return FINE


def observe(wish: Wish, catalog: Path | None, *, as_json: bool) -> int:
    """Print a pipeline's DAG and what of it is complete where it works today; runs nothing."""
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    seen, place = run_async(lambda: _observed(wish, settings))
    lines = task_lines(seen)
    statuses = [one.status for one in lines]
    if as_json:
        tasks = [{"task": one.key, "name": one.name, "status": one.status, "needs": one.needs} for one in lines]
        counts = {status: statuses.count(status) for status in STATUSES}
        told = {"root": seen.root, "digest": seen.digest, "counts": counts, "tasks": tasks}
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False, indent=2)}\n")
        return FINE
    text = [*tree_lines(lines, seen.root), "", f"{count_line(statuses)}; seen from {place}"]
    sys.stdout.write("".join(f"{line}\n" for line in text))
    return FINE


def task_lines(seen: Survey) -> list[TaskLine]:
    """Return the tasks of a survey for a tree."""
    return [TaskLine(one.task.key, one.task.name, one.status, one.task.needs) for one in seen.tasks]


async def _observed(wish: Wish, settings: Settings) -> tuple[Survey, Path]:
    async with found_pipeline(wish, settings) as pipeline:
        return await pipeline.seen(pipeline.place), pipeline.place


async def _adopted(wish: Wish, settings: Settings, form: Form) -> _Written:
    async with found_pipeline(wish, settings) as found:
        with empty_place() as empty:
            seen = await found.seen(empty)
            names = [one for one in found.arguments if form.is_single or await found.is_input(seen, empty, one)]
        works_here = found.is_new and _finds_its_inputs_here(seen, await found.seen(Path.cwd()))
        pipeline = replace(found, group=replace(found.group, workdir=Path.cwd())) if works_here else found
        adoption = pipeline.adoption(seen, {name: pipeline.arguments[name] for name in names})
        try:
            spec = single_spec(adoption) if form.is_single else dag_spec(adoption)
        except NotAdoptable as error:
            raise Complaint(str(error), *_way_out(pipeline, adoption)) from None
        text = spec_text(spec, f"{_command(wish, pipeline, form)}\nwrote this; it is yours to change.")
        await _require_plan(text, found.planning.planner)
    return _Written(text, len(spec["nodes"]), pipeline, adoption)


def _finds_its_inputs_here(empty: Survey, here: Survey) -> bool:
    """Tell whether something that nobody builds lies in the current directory, at a path that is relative to it."""
    missing = {one.task.key for one in empty.tasks if one.task.is_external and not one.task.is_complete}
    return any(one.task.key in missing and one.task.is_complete for one in here.tasks)


async def _require_plan(text: str, planner: Planner) -> None:
    """Plan what was written, as a run would; raises `SpecRefused`."""
    try:
        await planner.plan(await planner.check(text.encode(), "yaml"))
    except Refused as refused:
        raise SpecRefused(SpecText("what was written", text.encode(), "yaml"), refused.problems) from None


def _command(wish: Wish, pipeline: Pipeline, form: Form) -> str:
    """Return the command that writes the spec, without values that must not be written down."""
    texts: list[str] = []
    for name, value in wish.pairs:
        is_private = pipeline.schemas[name].get("x-luigi-visibility") == "private"
        texts.append(f" --param {name}=…" if is_private else f" --param {shlex.quote(f'{name}={value}')}")
    return f"specloom adopt {wish.task}{''.join(texts)}{' --single' if form.is_single else ''}"


def _way_out(pipeline: Pipeline, adoption: Adoption) -> list[str]:
    modules = sorted({one.task.module for one in adoption.unlisted})
    lines = [f'add "{module}" to `modules` of [luigi.{pipeline.group.name}] in the catalog file' for module in modules]
    hidden = [one.python_class for one in adoption.unlisted if one.task.module in pipeline.group.modules]
    if hidden:
        lines = [f"{', '.join(hidden[:_SOME])}: only public classes at the top of a module are stages"]
    return [*lines, "--single writes the form of one step, which builds whatever the task requires"]


def _notes(written: _Written, settings: Settings, form: Form) -> Iterator[str]:
    """Tell what was written and what to do next."""
    tasks, name = counted(len(written.adoption.survey.tasks), "task"), written.adoption.root_stage
    where = f"{form.out}: " if form.out else ""
    yield f"{where}{tasks} of {name} as {counted(written.nodes, 'node')}"
    fixed = [one for one in written.pipeline.arguments if one not in written.adoption.given]
    if fixed:
        yield f"  fixed, since more depends on it than parameters of this name: {', '.join(fixed)}"
    if retyped := [one for one in written.adoption.survey.tasks if one.retyped] if not form.is_single else []:
        shown = ", ".join(f"{', '.join(one.retyped)} of {one.task.name}" for one in retyped[:_SOME])
        yield f"  given as text, though the pipeline passes another type: {one_line(shown)}"
    if written.pipeline.is_new:
        yield from _catalog_notes(written.pipeline, settings, is_added=form.adds_to_catalog)
    file = form.out or "FILE"
    yield f"Review it with: specloom plan {file}    Run it with: specloom run {file}"


def _catalog_notes(pipeline: Pipeline, settings: Settings, *, is_added: bool) -> Iterator[str]:
    table = table_of(pipeline.group, settings).splitlines()
    if is_added:
        yield f"Added to {settings.catalog_file}:"
    else:
        yield f"The catalog does not have it yet: --add-to-catalog adds this to {settings.catalog_file}"
    yield from ("", *(f"  {line}" for line in table), "")
    if pipeline.group.workdir is not None:
        yield "  It reads files that lie here, so runs work here, too, and share what they write."


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Complaint(f"{out} cannot be written: {error.strerror}") from error
