"""The page of problems: every kind with its code, what it means and what to do."""

from __future__ import annotations

from itertools import groupby

from docs.generating.markdown import NOTHING, anchor, code, joined, table
from translator.language.problem_kinds import KINDS, ProblemKind

_FAMILIES = {
    "E1": "E1xx: reading the text",
    "E2": "E2xx: shape",
    "E3": "E3xx: names and references",
    "E4": "E4xx: expressions",
    "E5": "E5xx: the graph",
    "W6": "W6xx: advice, which refuses nothing",
    "": "Problems of doors and runs, which have no code",
}


def problems() -> str:
    """Return an index, and a section for each kind."""
    kinds = sorted(KINDS.values(), key=lambda kind: (kind.code is None, kind.code or kind.name))
    families = [(family, list(group)) for family, group in groupby(kinds, lambda kind: (kind.code or "")[:2])]
    rows = [[kind.code or NOTHING, f"[{kind.name}](#{anchor(_heading(kind))})", kind.title] for kind in kinds]
    sections = [part for family, group in families for part in (f"## {_FAMILIES[family]}", *map(_section, group))]
    return joined([table(("code", "name", "in a few words"), rows), *sections])


def _heading(kind: ProblemKind) -> str:
    return f"{kind.code} {kind.name}" if kind.code else kind.name


def _section(kind: ProblemKind) -> str:
    title = kind.title[:1].upper() + kind.title[1:]
    named = f"**{title.rstrip('.')}.**" if kind.title != kind.name.replace("-", " ") else ""
    shown = code(f"specloom explain {kind.code or kind.name}")
    return joined([f"### {_heading(kind)}", named, kind.explanation.strip(), f"At the terminal: {shown}"])
