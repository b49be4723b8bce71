"""Checks, plans and draws specs without a server and without a data directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spec_service.bootstrap import open_planning
from spec_service.cli.complaints import FINE, PROBLEMS, wrong_usage
from spec_service.cli.configuring import quiet_logs, settings_with
from spec_service.cli.plan_text import plan_lines
from spec_service.cli.problem_text import SpecRefused, counted, learn_more, problem_lines
from spec_service.cli.reaching import run_async
from spec_service.cli.spec_files import STDIN, SpecText, read_spec
from spec_service.errors import Refused
from spec_service.planner import Planner
from spec_service.settings import Settings
from spec_service.views import PlanView
from translator.planning.plan import Plan

Json = Any


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


def show_plan(file: str, catalog: Path | None, *, as_json: bool) -> int:
    """Print the plan of a spec; returns the exit code."""
    spec, plan = _plan_of(file, catalog, as_json=as_json)
    if as_json:
        sys.stdout.write(f"{PlanView.of(plan).model_dump_json(by_alias=True, indent=2)}\n")
        return FINE
    sys.stdout.write("".join(f"{line}\n" for line in plan_lines(plan)))
    if plan.warnings:
        lines = ["", counted(len(plan.warnings), "warning"), *problem_lines(spec, plan.warnings)]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"\nRun it with: specloom run {file}\n")
    return FINE


def draw(file: str, catalog: Path | None, drawing: str) -> int:
    """Print the drawing of a spec; returns the exit code."""
    if drawing != "mermaid":
        raise wrong_usage(f"{drawing} is no way of drawing", "there is: mermaid")
    _, plan = _plan_of(file, catalog, as_json=False)
    sys.stdout.write(plan.mermaid if plan.mermaid.endswith("\n") else f"{plan.mermaid}\n")
    return FINE


def _plan_of(file: str, catalog: Path | None, *, as_json: bool) -> tuple[SpecText, Plan]:
    """Return a spec's text and plan; raises `SpecRefused`."""
    settings = _settings(catalog)
    spec = read_spec(file, settings.max_spec_bytes)
    outcome = run_async(lambda: _planned([spec], settings))[0][1]
    if isinstance(outcome, Plan):
        return spec, outcome
    refused = SpecRefused(spec, outcome.problems)
    if as_json:
        sys.stdout.write(f"{json.dumps(refused.as_json(), ensure_ascii=False)}\n")
    raise refused


def _settings(catalog: Path | None) -> Settings:
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    return settings


async def _planned(specs: Sequence[SpecText], settings: Settings) -> list[tuple[SpecText, Plan | Refused]]:
    async with open_planning(settings) as planning:
        return [(spec, await _outcome(planning.planner, spec)) for spec in specs]


async def _outcome(planner: Planner, spec: SpecText) -> Plan | Refused:
    try:
        return await planner.plan(await planner.check(spec.data, spec.media))
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
