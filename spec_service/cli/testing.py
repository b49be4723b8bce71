"""Runs the tests of specs and prints what they came to; nothing is stored."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spec_service.cli.complaints import FINE, PROBLEMS, wrong_usage
from spec_service.cli.configuring import quiet_logs, settings_with
from spec_service.cli.neighbours import Neighbours
from spec_service.cli.printable import one_line
from spec_service.cli.problem_text import counted, learn_more, problem_lines
from spec_service.cli.reaching import run_async
from spec_service.cli.spec_files import SpecText, read_spec
from spec_service.errors import Refused
from spec_service.settings import Settings
from spec_service.trying import Trial, open_trial
from translator.language.document import Document
from translator.language.reading import read
from workflows.testing import CaseReport, Failure, SpecReport, SpecTestRunner

Json = Any
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class _Tested:
    """What the tests of one file came to, or why there were none."""

    spec: SpecText
    outcome: SpecReport | Refused


def try_specs(names: Sequence[str], catalog: Path | None, *, wanted: str | None, may_call: bool, as_json: bool) -> int:
    """Run the tests of files, and of all specs in folders; returns the exit code."""
    settings = settings_with(catalog=catalog)
    quiet_logs(settings)
    specs = [read_spec(str(file), settings.max_spec_bytes) for name in names for file in _files(name)]
    tested = run_async(lambda: _tested(specs, settings, wanted, may_call=may_call))
    cases = [case for one in tested if isinstance(one.outcome, SpecReport) for case in one.outcome.cases]
    if wanted is not None and not cases and not any(isinstance(one.outcome, Refused) for one in tested):
        raise wrong_usage(f"no test has {wanted} in its name")
    if as_json:
        sys.stdout.write(f"{json.dumps([_as_json(one) for one in tested], ensure_ascii=False, indent=2)}\n")
    else:
        lines = [line for one in tested for line in _lines(one)]
        sys.stdout.write("".join(f"{line}\n" for line in [*lines, *_summary(tested, cases)]))
    return FINE if all(_is_fine(one) for one in tested) else PROBLEMS


def _files(name: str) -> list[Path]:
    path = Path(name)
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES and one.is_file())
    specs = [one for one in found if _is_spec(one)]
    if not specs:
        raise wrong_usage(f"{name} holds no spec", "a spec is a YAML or JSON file with `apiVersion: specloom/v1`")
    return specs


def _is_spec(path: Path) -> bool:
    """Tell whether a file of a folder is meant as a spec: others may lie beside them."""
    with path.open("rb") as file:
        return b"specloom/v1" in file.read(1 << 20)


async def _tested(
    specs: Sequence[SpecText], settings: Settings, wanted: str | None, *, may_call: bool
) -> list[_Tested]:
    beside = {Path(spec.path).parent: Neighbours.of(spec.path, settings.max_spec_bytes) for spec in specs}
    documents = [read(spec.data, spec.media) for spec in specs]
    values = [one.value for one in documents if isinstance(one, Document)]
    if any(b"workflow" in spec.data for spec in specs):  # what is called may name other tools
        values += [one.value for folder in beside.values() for ones in folder.specs.values() for one in ones]
    async with open_trial(settings, values, may_call=may_call) as trial:
        return [_Tested(spec, await _outcome(trial, spec, wanted, beside[Path(spec.path).parent])) for spec in specs]


async def _outcome(trial: Trial, spec: SpecText, wanted: str | None, beside: Neighbours) -> SpecReport | Refused:
    try:
        checked = await trial.planner.check(spec.data, spec.media)
        plan = await trial.planner.plan(checked, beside)
    except Refused as refused:
        return refused
    return await SpecTestRunner(checked.spec, checked.document, plan, trial.workshop).run(wanted)


def _is_fine(one: _Tested) -> bool:
    return isinstance(one.outcome, SpecReport) and one.outcome.is_passed


# --- for people ----------------------------------------------------------------------------------------------------


def _lines(one: _Tested) -> Iterator[str]:
    if isinstance(one.outcome, Refused):
        yield from problem_lines(one.spec, one.outcome.problems)
        return
    yield f"{one.spec.label}: {counted(len(one.outcome.cases), 'test')}"
    for case in one.outcome.cases:
        yield from _case_lines(one.spec, case)
    missed = one.outcome.unreached
    if missed and missed.nodes:
        yield f"  no test reaches: {', '.join(missed.nodes)}"
    if missed and missed.branches:
        yield f"  no test takes: {'; '.join(missed.branches)}"


def _case_lines(spec: SpecText, case: CaseReport) -> Iterator[str]:
    yield f"  {'ok  ' if case.is_passed else 'FAIL'}  {one_line(case.name)}"
    for failure in case.failures:
        yield f"        {spec.label}:{failure.position.line}:{failure.position.column}: {one_line(failure.what, 500)}"
        if failure.expected is not None:
            yield f"          expected {one_line(failure.expected, 500)}"
            yield f"          actual   {one_line(failure.actual or '', 500)}"
    if not case.is_passed and case.path:
        yield f"        path: {', '.join(case.path)}"
    if not case.is_passed and case.unused:
        yield f"        mocks of nodes that were not visited: {', '.join(case.unused)}"
    if case.called:
        yield f"        without a mock, called for real: {', '.join(case.called)}"


def _summary(tested: Sequence[_Tested], cases: Sequence[CaseReport]) -> list[str]:
    problems = [one for spec in tested if isinstance(spec.outcome, Refused) for one in spec.outcome.problems]
    failed = sum(not case.is_passed for case in cases)
    parts = [counted(len(cases), "test"), f"{failed} failed" if failed else "all passed" if cases else ""]
    parts += [counted(len(problems), "problem")] if problems else []
    return ["", ", ".join(part for part in parts if part), *learn_more(problems)]


# --- for machines --------------------------------------------------------------------------------------------------


def _as_json(one: _Tested) -> Json:
    if isinstance(one.outcome, Refused):
        problems = [problem.as_dict() for problem in one.outcome.problems]
        return {"file": one.spec.label, "passed": False, "problems": problems, "tests": [], "unreached": None}
    missed = one.outcome.unreached
    return {
        "file": one.spec.label,
        "name": one.outcome.name,
        "passed": one.outcome.is_passed,
        "problems": [],
        "tests": [_case_as_json(case) for case in one.outcome.cases],
        "unreached": {"nodes": list(missed.nodes), "branches": list(missed.branches)} if missed else None,
    }


def _case_as_json(case: CaseReport) -> Json:
    return {
        "name": case.name,
        "passed": case.is_passed,
        "line": case.position.line,
        "status": case.outcome.status.value if case.outcome else None,
        "path": list(case.path),
        "failures": [_failure_as_json(one) for one in case.failures],
        "called": list(case.called),
        "unused": list(case.unused),
    }


def _failure_as_json(one: Failure) -> Json:
    place = {"line": one.position.line, "column": one.position.column}
    return {"what": one.what, "expected": one.expected, "actual": one.actual, **place}
