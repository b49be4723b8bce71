"""The commands about specs that live in repositories: diff, apply, publish."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PLR0913, PLR0917 - a command has a parameter for each of its options

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spec_service.cli.options import AsJson, Catalog, Data, Server

Folder = Annotated[Path, typer.Option("-f", metavar="DIR", help="A folder of specs, and of folders of specs.")]
MaybeFolder = Annotated[Path | None, typer.Option("-f", metavar="DIR", help="A folder of specs instead of files.")]
AskedServer = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="Server to ask. Default: SPECLOOM_SERVER, or none.")
]
Prune = Annotated[bool, typer.Option("--prune", help="Retire what was applied from files and is in none any more.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Detailed = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 2 when there are changes.")]
SpecName = Annotated[str, typer.Argument(metavar="SPEC", help="A stored spec: name, name@version or name@rN.")]
GivenPath = Annotated[str | None, typer.Option("--path", help="File below the root. Default: as last time.")]
Message = Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="Message of the commit.")]
Author = Annotated[str | None, typer.Option(metavar="NAME", help="`Name <mail>`. Default: as the operator says.")]
Base = Annotated[
    str | None,
    typer.Option(metavar="DIGEST", help="What you believe to be published; `none`: no file. Default: what was last."),
]


def diff(
    folder: Folder,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    prune: Prune = False,
    detailed: Detailed = False,
    as_json: AsJson = False,
) -> int:
    """Tell which specs of a folder are new, different or gone on the server: `+ ~ -` for each."""
    from spec_service.cli import syncing
    from spec_service.cli.configuring import Place

    wish = syncing.Wish(folder, prune, detailed=detailed)
    return syncing.diff_folder(wish, Place(data, catalog, server), as_json=as_json)


def apply(
    folder: Folder,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    prune: Prune = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Store what is new or different in a folder of specs, once everything in it is fine.

    Specs come after the workflows that they call. Revisions remember their file and the commit of the repository.
    """
    from spec_service.cli import syncing
    from spec_service.cli.configuring import Place

    return syncing.apply_folder(syncing.Wish(folder, prune, dry_run), Place(data, catalog, server), as_json=as_json)


def publish(
    spec: SpecName,
    data: Data = None,
    server: Server = None,
    path: GivenPath = None,
    message: Message = None,
    author: Author = None,
    base: Base = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Commit a stored spec's exact text to the repository that the server publishes to."""
    from spec_service.cli import syncing
    from spec_service.cli.configuring import Place
    from spec_service.requests import PublishRequest
    from translator.language.document import Document

    given = {"path": path, "message": message, "author": author}
    body: dict[str, str | None] = {key: value for key, value in given.items() if value is not None}
    if base is not None:
        body["base"] = None if base == "none" else base
    request = PublishRequest.read(Document.from_value(body))
    return syncing.publish(spec, request, Place(data, None, server), as_json=as_json)
