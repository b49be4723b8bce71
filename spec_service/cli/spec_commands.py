"""The commands about specs: validate, plan, test, graph, explain, schema."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PLR0913, PLR0917 - a command has a parameter for each of its options
# ruff: noqa: PT028 - `test` is a command; nothing here is a test of pytest's

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from spec_service.cli.folder_commands import AskedServer, Detailed, MaybeFolder, Prune
from spec_service.cli.options import AsJson, Catalog, Data, Inputs, InputsFile

Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE…]", help="Specs, YAML or JSON; - reads standard input.")
]
MaybeFile = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="A spec, YAML or JSON; - reads standard input.")
]
Drawn = Annotated[str, typer.Argument(metavar="FILE|SPEC", help="A file, or the name of a stored spec.")]
Paths = Annotated[list[str], typer.Argument(metavar="FILE|DIR…", help="Specs, or folders of specs; - reads one.")]
Wanted = Annotated[str | None, typer.Option("-k", metavar="NAME", help="Run only tests that have this in their name.")]
MocksOnly = Annotated[
    bool, typer.Option("--mocks-only", help="Call nothing: a tool or stage without a mock fails its test.")
]
Kind = Annotated[
    str | None, typer.Argument(metavar="[CODE]", help="A code (E304) or a name (unknown-node). None: list all.")
]
Format = Annotated[
    Literal["mermaid", "dot", "svg"], typer.Option("--format", help="How to draw it: mermaid, dot or svg.")
]


def validate(
    files: Files = None,
    folder: MaybeFolder = None,
    catalog: Catalog = None,
    server: AskedServer = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Check specs and tell every mistake at once, with its place.

    Names are looked up in the catalog, with -f and --server in that of the server. Nothing is stored, and nothing that
    a spec names is started.
    """
    from spec_service.cli import checking, syncing
    from spec_service.cli.configuring import Place

    wanted = _one_of(files, folder)
    if folder is None:
        return checking.validate_files(wanted, catalog, as_json=as_json)
    return syncing.validate_folder(syncing.Wish(folder), Place(None, catalog, server), as_json=as_json)


def plan(
    file: MaybeFile = None,
    folder: MaybeFolder = None,
    data: Data = None,
    catalog: Catalog = None,
    server: AskedServer = None,
    inputs: Inputs = None,
    inputs_file: InputsFile = None,
    *,
    prune: Prune = False,
    detailed: Detailed = False,
    as_json: AsJson = False,
) -> int:
    """Show what a spec will do, and what is different from its last plan: `+ ~ -` for each step.

    With inputs, show also what its stages would build with them, and what of it is there; nothing is run. With -f, show
    what applying a folder of specs would change on the server.
    """
    from spec_service.cli import checking, syncing
    from spec_service.cli.configuring import Place

    place = Place(data, catalog, server)
    wanted = _one_of([file] if file else None, folder)
    if folder is None:
        has_inputs = inputs is not None or inputs_file is not None
        given = checking.Given(tuple(inputs or ()), inputs_file) if has_inputs else None
        return checking.show_plan(wanted[0], place, given, detailed=detailed, as_json=as_json)
    return syncing.plan_folder(syncing.Wish(folder, prune, detailed=detailed), place, as_json=as_json)


def _one_of(files: list[str] | None, folder: Path | None) -> list[str]:
    """Return the files; raises `Complaint` unless either files or a folder were named."""
    from spec_service.cli.complaints import wrong_usage

    if bool(files) == (folder is not None):
        raise wrong_usage("name either files, or one folder with -f", "specloom validate --help shows what it takes")
    return files or []


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


def graph(
    file: Drawn, data: Data = None, catalog: Catalog = None, server: AskedServer = None, drawing: Format = "mermaid"
) -> int:
    """Draw a spec as a Mermaid diagram, for Graphviz, or as SVG."""
    from spec_service.cli import checking
    from spec_service.cli.configuring import Place

    return checking.draw(file, Place(data, catalog, server), drawing)


def explain(code: Kind = None, *, as_json: AsJson = False) -> int:
    """Say what a problem code means and what to do about it."""
    from spec_service.cli import explaining

    return explaining.explain(code, as_json=as_json)


def schema() -> int:
    """Print the JSON Schema of the spec language, for editors."""
    from spec_service.cli import explaining

    return explaining.print_schema()
