"""The commands about specs: validate, plan, test, graph, explain, schema."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PT028 - `test` is a command; nothing here is a test of pytest's

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spec_service.cli.options import AsJson, Catalog, SpecFile

Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="Specs, YAML or JSON; - reads standard input.")]
Paths = Annotated[list[str], typer.Argument(metavar="FILE|DIR…", help="Specs, or folders of specs; - reads one.")]
Wanted = Annotated[str | None, typer.Option("-k", metavar="NAME", help="Run only tests that have this in their name.")]
MocksOnly = Annotated[
    bool, typer.Option("--mocks-only", help="Call nothing: a tool or stage without a mock fails its test.")
]
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


def test(
    files: Paths,
    catalog: Catalog = None,
    *,
    wanted: Wanted = None,
    mocks_only: MocksOnly = False,
    as_json: AsJson = False,
) -> int:
    """Run the tests that come with specs, in memory, and tell what they did not reach.

    Nodes with a mock return what it says; waits pass at once. Tools and stages without one are called for real; where
    there is no catalog, nothing is called.
    """
    from spec_service.cli import testing

    return testing.try_specs(files, catalog, wanted=wanted, may_call=not mocks_only, as_json=as_json)


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
