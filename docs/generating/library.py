"""The pages of the library: for each worked spec what it shows, its drawing, how to run it, its tests, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docs.generating.markdown import fenced, joined, table
from docs.generating.parts import ROOT, Part
from translator.language.cel import CelEngine
from translator.language.document import Document
from translator.language.model import Spec
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.plan import Plan
from translator.planning.planning import plan
from workflows.assuming import assumed_catalog

LIBRARY = ROOT / "specs" / "library"
_INTRODUCTION = """\
# The library

Worked specs, each with tests. They run as they stand with the catalog of this repository, and without a network:
`specloom run FILE`. `specloom test specs/library` runs all their tests, in memory. The tasks and tools that they
call are in [`examples/`](../../examples/README.md)."""


class BadLibrary(ValueError):
    """A spec of the library cannot be planned."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The comment with which a spec begins: what it is, what it shows, how to run it."""

    summary: str
    paragraphs: tuple[str, ...]  # in order; commands are fenced already


def library() -> tuple[Part, ...]:
    """Return the index and a page for each spec."""
    files = sorted(LIBRARY.glob("*.yaml"))
    pages = [Part(f"docs/library/{file.stem}.md", partial(page, file)) for file in files]
    return (Part("docs/library/README.md", partial(index, files)), *pages)


def index(files: list[Path]) -> str:
    """Return the page that lists all."""
    rows = [[f"[{one.stem}]({one.stem}.md)", *_about(one)] for one in files]
    return joined([_INTRODUCTION, table(("spec", "what it does", "what it shows"), rows)])


def page(file: Path) -> str:
    """Return the page of one spec."""
    text = file.read_text(encoding="utf-8")
    opening, (spec, drawn) = opening_of(text), _planned(file)
    tests = "\n".join(f"- {test.name}" for test in spec.tests)
    return joined(
        [
            f"# {spec.metadata.name}",
            opening.summary,
            *opening.paragraphs,
            fenced(drawn.mermaid, "mermaid"),
            "## Its tests",
            fenced(f"specloom test specs/library/{file.name}", "sh"),
            tests,
            "## The spec",
            f"[`specs/library/{file.name}`](../../specs/library/{file.name})",
            fenced(_without_opening(text), "yaml"),
        ]
    )


def opening_of(text: str) -> Opening:
    """Return what the comment at the top of a spec says: paragraphs, and commands where lines are indented."""
    lines = [line.removeprefix("#").removeprefix(" ") for line in text.splitlines() if line.startswith("#")]
    paragraphs = "\n".join(lines[: _length_of_opening(text)]).split("\n\n")
    shown = [_paragraph(one) for one in paragraphs if one.strip()]
    return Opening(shown[0], tuple(shown[1:]))


def _length_of_opening(text: str) -> int:
    lines = text.splitlines()
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _without_opening(text: str) -> str:
    return "\n".join(text.splitlines()[_length_of_opening(text) :])


def _paragraph(text: str) -> str:
    """Return a paragraph; one whose lines are indented holds commands."""
    lines = text.split("\n")
    if all(line.startswith("  ") for line in lines):
        return fenced("\n".join(line.strip() for line in lines), "sh")
    return text


def _about(file: Path) -> list[str]:
    spec, _ = _planned(file)
    return [spec.metadata.description or "", spec.metadata.labels.get("shows", "")]


def _planned(file: Path) -> tuple[Spec, Plan]:
    """Return a spec and its plan; raises `BadLibrary`."""
    document = read(file.read_bytes(), "yaml")
    if not isinstance(document, Document):
        raise BadLibrary(f"{file.name}: {document[0].message}")
    spec, problems = check_shape(document)
    if spec is None:
        raise BadLibrary(f"{file.name}: {problems[0].message}")
    value: Any = document.value
    found = plan(spec, document, assumed_catalog([value]), CelEngine())
    if not isinstance(found, Plan):
        raise BadLibrary(f"{file.name}:{found[0].line}: {found[0].message}")
    return spec, found
