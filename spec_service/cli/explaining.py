"""Explains problem codes, and prints the JSON Schema of the language."""

from __future__ import annotations

import json
import sys

from spec_service.cli.complaints import FINE, wrong_usage
from spec_service.cli.printable import one_line
from translator.language.problem_kinds import KINDS, ProblemKind
from translator.language.problem_kinds import explain as kind_of
from translator.language.problems import nearest

_FAMILIES = {
    "E1": "Reading the text",
    "E2": "Shape",
    "E3": "Names and references",
    "E4": "Expressions",
    "E5": "The graph",
    "W6": "Advice",
    "": "Requests and runs",
}


def explain(code: str | None, *, as_json: bool) -> int:
    """Print what a code or name means, or the list of all; returns the exit code."""
    if code is None:
        return _list(as_json=as_json)
    kind = kind_of(code)
    if kind is None:
        near = nearest(code, KINDS)
        hint = [f"did you mean {near}?"] if near else []
        raise wrong_usage(f"{one_line(code, 60)} is no problem code", *hint, "specloom explain lists all of them")
    if as_json:
        sys.stdout.write(f"{json.dumps(_as_json(kind), ensure_ascii=False, indent=2)}\n")
    else:
        sys.stdout.write(f"{_heading(kind)}\n\n{kind.explanation.strip() or kind.title}\n")
    return FINE


def print_schema() -> int:
    """Print the JSON Schema of the spec language; returns the exit code."""
    from translator.language.json_schema import spec_json_schema_text  # noqa: PLC0415 - loads the model

    sys.stdout.write(f"{spec_json_schema_text().rstrip()}\n")
    return FINE


def _list(*, as_json: bool) -> int:
    kinds = list(KINDS.values())
    if as_json:
        sys.stdout.write(f"{json.dumps([_as_json(kind) for kind in kinds], ensure_ascii=False, indent=2)}\n")
        return FINE
    width = max(len(kind.name) for kind in kinds)
    for family, heading in _FAMILIES.items():
        members = [kind for kind in kinds if (kind.code or "")[:2] == family]
        if members:
            rows = [f"  {kind.code or '':<5} {kind.name:<{width}}  {kind.title}\n" for kind in members]
            sys.stdout.write(f"{heading}\n{''.join(rows)}\n")
    sys.stdout.write("specloom explain CODE says more about one of them\n")
    return FINE


def _heading(kind: ProblemKind) -> str:
    return f"{kind.code} {kind.name}: {kind.title}" if kind.code else f"{kind.name}: {kind.title}"


def _as_json(kind: ProblemKind) -> dict[str, str | None]:
    return {"code": kind.code, "name": kind.name, "title": kind.title, "explanation": kind.explanation}
