"""Checks, plans and draws specs without a server and without a data directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec_service.bootstrap import open_planning, open_plans
from spec_service.cli.complaints import FINE, PROBLEMS, wrong_usage
from spec_service.cli.configuring import Place, quiet_logs, settings_with
from spec_service.cli.diff_text import diff_lines, write_marked
from spec_service.cli.inputs import given_inputs, input_lines
from spec_service.cli.neighbours import Neighbours
from spec_service.cli.plan_text import as_plan, plan_lines
from spec_service.cli.preview_text import preview_lines
from spec_service.cli.problem_text import SpecRefused, counted, learn_more, problem_lines
from spec_service.cli.reaching import reach, run_async
from spec_service.cli.spec_files import STDIN, SpecText, read_spec
from spec_service.errors import Refused
from spec_service.operations.draw_plan import Drawing, drawn
from spec_service.planner import Planner
from spec_service.preview_views import PlanPreview
from spec_service.previewing import Previewer
from spec_service.settings import Settings
from spec_service.views import PlanChanges, PlanView
from translator.planning.comparing import PlanDiff, compare
from translator.planning.plan import Plan

Json = Any
CHANGES = 2  # of `--detailed-exitcode`
SUFFIXES = (".yaml", ".yml", ".json")  # of files; what has none of them may be the name of a stored spec


def validate_files(files: Sequence[str], catalog: Path | None, *, as_json: bool) -> int:
    """Check each spec and print what is wrong with it; returns the exit code."""
    settings = _settings(catalog)
    if list(files).count(STDIN) > 1:
        raise wrong_usage("- was given twice, but there is one standard input")
    found = run_async(lambda: _planned([read_spec(name, settings.max_spec_bytes) for name in files], settings))
    if as_json:
        told = [_as_json(spec, outcome) for spec, outcome in found]
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False, indent=2)}\n")
    else:
        for spec, outcome in found:
            sys.stdout.write("".join(f"{line}\n" for line in _verdict(spec, outcome)))
        refused = [one for _, outcome in found if isinstance(outcome, Refused) for one in outcome.problems]
        if refused:
            bad = sum(isinstance(outcome, Refused) for _, outcome in found)
            files_text = f" in {counted(bad, 'file')}" if len(found) > 1 else ""
            more = learn_more(refused)
            summary = [f"{counted(len(refused), 'problem')}{files_text}", *more]
            sys.stdout.write("".join(f"{line}\n" for line in ["", *summary]))
    return PROBLEMS if any(isinstance(outcome, Refused) for _, outcome in found) else FINE


@dataclass(frozen=True, slots=True)
class Given:
    """Inputs for a preview."""

    pairs: tuple[str, ...] = ()
    file: Path | None = None


def show_plan(file: str, place: Place, given: Given | None = None, *, detailed: bool, as_json: bool) -> int:
    """Print the plan of a spec and what it changes; returns the exit code, with `detailed` 2 for changes.

    With inputs, print also what its stages would build.
    """
    settings = place.settings()
    quiet_logs(settings)
    spec = read_spec(file, settings.max_spec_bytes)
    if settings.server is not None:
        if given is not None:
            raise wrong_usage("--input and --inputs-file ask the stages of this project, and --server asks a server's")
        return _show_preview(spec, place, detailed=detailed, as_json=as_json)
    plan, preview = _previewed_here(spec, settings, given, as_json=as_json)
    last = run_async(lambda: _last_plan(settings, plan.spec_name))
    diff = compare(last, plan) if last else None
    code = CHANGES if detailed and (diff is None or not diff.is_empty) else FINE
    if as_json:
        view = PlanView.of(plan, PlanChanges(**dict(diff)) if diff else None, preview)
        sys.stdout.write(f"{view.model_dump_json(by_alias=True, indent=2)}\n")
        return code
    sys.stdout.write("".join(f"{line}\n" for line in plan_lines(plan)))
    _write_changes(diff)
    if preview is not None:
        sys.stdout.write("".join(f"{line}\n" for line in preview_lines(preview)))
    if plan.warnings:
        lines = ["", counted(len(plan.warnings), "warning"), *problem_lines(spec, plan.warnings)]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"\nRun it with: specloom run {file}\n")
    return code


def draw(wanted: str, place: Place, drawing: Drawing) -> int:
    """Print the drawing of a file, or of a spec that is stored; returns the exit code."""
    settings = place.settings()
    if wanted != STDIN and not Path(wanted).exists() and not wanted.lower().endswith(SUFFIXES):
        text = run_async(lambda: _drawn_there(wanted, place, drawing))
    else:
        quiet_logs(settings)
        spec = read_spec(wanted, settings.max_spec_bytes)
        text = drawn(_planned_here(spec, settings, as_json=False), drawing)
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    return FINE


async def _drawn_there(spec_id: str, place: Place, drawing: Drawing) -> str:
    async with reach(place) as client:
        return await client.draw_plan((await client.plan_spec(spec_id)).digest, drawing)


def _previewed_here(
    spec: SpecText, settings: Settings, given: Given | None, *, as_json: bool
) -> tuple[Plan, PlanPreview | None]:
    """Return a spec's plan and, with inputs, its preview; raises `SpecRefused`, `Complaint`."""
    if given is None:
        return _planned_here(spec, settings, as_json=as_json), None
    try:
        return run_async(lambda: _previewed(spec, settings, given))
    except Refused as refused:
        if all(one.path.startswith("/inputs") and one.name == "invalid-inputs" for one in refused.problems):
            raise wrong_usage("the inputs do not fit", *input_lines(refused.problems)) from None
        raise _told(SpecRefused(spec, refused.problems), as_json=as_json) from None


async def _previewed(spec: SpecText, settings: Settings, given: Given) -> tuple[Plan, PlanPreview]:
    async with open_planning(settings) as planning:
        planner = planning.planner
        checked = await planner.check(spec.data, spec.media)
        plan = await planner.plan(checked, Neighbours.of(spec.path, settings.max_spec_bytes))
        inputs = given_inputs(plan.inputs, given.pairs, given.file, settings.max_body_bytes)
        groups = (await planning.catalog.get()).stages
        return plan, await Previewer(planner, planning.surveyor, groups).preview(plan, inputs)


def _planned_here(spec: SpecText, settings: Settings, *, as_json: bool) -> Plan:
    """Return a spec's plan against the catalog of this project; raises `SpecRefused`."""
    outcome = run_async(lambda: _planned([spec], settings))[0][1]
    if isinstance(outcome, Plan):
        return outcome
    raise _told(SpecRefused(spec, outcome.problems), as_json=as_json)


def _told(refused: SpecRefused, *, as_json: bool) -> SpecRefused:
    """Print a refusal for machines, and give it back for people."""
    if as_json:
        sys.stdout.write(f"{json.dumps(refused.as_json(), ensure_ascii=False)}\n")
    return refused


def _show_preview(spec: SpecText, place: Place, *, detailed: bool, as_json: bool) -> int:
    """Print what a server would plan, and what that changes there."""

    async def asked() -> PlanView:
        async with reach(place) as client:
            return await client.preview_plan(spec.data, spec.media)

    try:
        plan = run_async(asked)
    except Refused as refused:
        raise _told(SpecRefused(spec, refused.problems), as_json=as_json) from None
    if as_json:
        sys.stdout.write(f"{plan.model_dump_json(by_alias=True, indent=2)}\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in plan_lines(as_plan(plan))))
        _write_changes(plan.changes)
    return CHANGES if detailed and (plan.changes is None or not plan.changes.is_empty) else FINE


def _write_changes(diff: PlanDiff | None) -> None:
    write_marked(["", *(diff_lines(diff) if diff else ["There is no plan of this spec yet to compare with."])])


async def _last_plan(settings: Settings, name: str) -> Plan | None:
    """Return the last plan of a name in the data directory, whoever works there; None where there is none."""
    async with open_plans(settings) as plans:
        return await plans.last(name) if plans else None


def _settings(catalog: Path | None) -> Settings:
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    return settings


async def _planned(specs: Sequence[SpecText], settings: Settings) -> list[tuple[SpecText, Plan | Refused]]:
    async with open_planning(settings) as planning:
        most = settings.max_spec_bytes
        return [(one, await _outcome(planning.planner, one, Neighbours.of(one.path, most))) for one in specs]


async def _outcome(planner: Planner, spec: SpecText, beside: Neighbours) -> Plan | Refused:
    try:
        return await planner.plan(await planner.check(spec.data, spec.media), beside)
    except Refused as refused:
        return refused


def _verdict(spec: SpecText, outcome: Plan | Refused) -> list[str]:
    if isinstance(outcome, Refused):
        return problem_lines(spec, outcome.problems)
    version = f" {outcome.spec_version}" if outcome.spec_version else ""
    steps = counted(len(outcome.steps), "step")
    return [*problem_lines(spec, outcome.warnings), f"{spec.label}: fine: {outcome.spec_name}{version}, {steps}"]


def _as_json(spec: SpecText, outcome: Plan | Refused) -> Json:
    if isinstance(outcome, Refused):
        problems = [problem.as_dict() for problem in outcome.problems]
        return {"file": spec.label, "valid": False, "problems": problems, "warnings": []}
    warnings = [one.model_dump(mode="json") for one in outcome.warnings]
    return {
        "file": spec.label,
        "valid": True,
        "name": outcome.spec_name,
        "version": outcome.spec_version,
        "digest": outcome.spec_digest,
        "problems": [],
        "warnings": warnings,
    }
