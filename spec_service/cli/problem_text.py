"""Problems as an author reads them: `file:line:column: CODE name message`, the line, and a caret below the place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len

from spec_service.cli.complaints import Complaint
from spec_service.cli.printable import one_line, printable
from spec_service.cli.spec_files import SpecText
from spec_service.views import Advice
from translator.language.problems import Problem

_WINDOW = 100  # code points of a line that are shown
_BEFORE = 60  # of them before the place
_OF_THE_CATALOG = frozenset({"unknown-stage", "unknown-tool", "unknown-version"})
_TAB = "    "


class SpecRefused(Complaint):
    """A spec has problems."""

    def __init__(self, spec: SpecText, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        self.spec = spec
        super().__init__(f"{spec.label} has {counted(len(self.problems), 'problem')}")

    def report(self) -> str:
        """Return all problems with their places, and where to learn more."""
        return "\n".join([*problem_lines(self.spec, self.problems), "", self.message, *learn_more(self.problems)])

    def as_json(self) -> dict[str, Any]:
        """Return the form for machines."""
        return {"file": self.spec.label, "problems": [problem.as_dict() for problem in self.problems]}


def problem_lines(spec: SpecText, problems: Sequence[Problem | Advice]) -> list[str]:
    """Return the lines that show problems in the text of a spec."""
    source = spec.lines
    found: list[str] = []
    for problem in problems:
        found.append(_headline(spec.label, problem))
        if problem.line is not None and problem.line <= len(source):
            found += _pointed(source[problem.line - 1], problem.column or 1)
    return found


def learn_more(problems: Sequence[Problem | Advice]) -> list[str]:
    """Return the lines that lead to an explanation of the problems."""
    codes = list(dict.fromkeys(problem.code for problem in problems if problem.code))
    others = f" (and {', '.join(codes[1:6])})" if codes[1:] else ""
    lines = [f"specloom explain {codes[0]}{others} says what it means and what to do"] if codes else []
    if any(problem.name in _OF_THE_CATALOG for problem in problems):
        lines.append("specloom stages lists what the catalog has, and what of it could not be loaded")
    return lines


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: 1 problem, 2 problems."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _headline(label: str, problem: Problem | Advice) -> str:
    place = f"{label}:{problem.line}:{problem.column}" if problem.line is not None else label
    code = f"{problem.code} " if problem.code else ""
    hint = f" ({one_line(problem.suggestion)})" if problem.suggestion else ""
    return f"{place}: {code}{problem.name} {one_line(problem.message, 500)}{hint}"


def _pointed(line: str, column: int) -> list[str]:
    """Return a line, cut where it is long, and a caret below the code point number `column` (from 1)."""
    begin = max(0, column - 1 - _BEFORE) if len(line) > _WINDOW else 0
    cut = line[begin : begin + _WINDOW]
    before = printable(cut[: column - 1 - begin]).replace("\t", _TAB)
    after = printable(cut[column - 1 - begin :]).replace("\t", _TAB)
    lead, tail = "…" if begin else "", "…" if begin + _WINDOW < len(line) else ""
    return [f"    {lead}{before}{after}{tail}".rstrip(), f"    {' ' * cell_len(lead + before)}^"]
