"""The commands about specs: validate, plan, graph, explain, schema."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spec_service.cli.options import AsJson, Catalog, SpecFile

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Specs, YAML or JSON; - reads standard input.")]
Kind = Annotated[
    str | None, typer.Argument(metavar="[CODE]", help="A code (E304) or a name (unknown-node). None: list all.")
]
Format = Annotated[Literal["mermaid"], typer.Option("--format", help="How to draw it.")]


def validate(files: Files, catalog: Catalog = None, *, as_json: AsJson = False) -> int:
    """Check specs and tell every mistake at once, with its place.

    Names are looked up in the catalog. Nothing is stored, and nothing that a spec names is started.
    """
    from spec_service.cli import checking

    return checking.validate_files(files, catalog, as_json=as_json)


def plan(file: SpecFile, catalog: Catalog = None, *, as_json: AsJson = False) -> int:
    """Show what a spec will do: its steps, what they are bound to, and what bounds its cycles."""
    from spec_service.cli import checking

    return checking.show_plan(file, catalog, as_json=as_json)


def graph(file: SpecFile, catalog: Catalog = None, drawing: Format = "mermaid") -> int:
    """Draw a spec as a Mermaid diagram."""
    from spec_service.cli import checking

    return checking.draw(file, catalog, drawing)


def explain(code: Kind = None, *, as_json: AsJson = False) -> int:
    """Say what a problem code means and what to do about it."""
    from spec_service.cli import explaining

    return explaining.explain(code, as_json=as_json)


def schema() -> int:
    """Print the JSON Schema of the spec language, for editors."""
    from spec_service.cli import explaining

    return explaining.print_schema()
