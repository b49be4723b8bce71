"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Data directory: database, runs, artifacts. Default: SPECLOOM_DATA, or .specloom."
    ),
]
Catalog = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Catalog of stages and tools. Default: SPECLOOM_CATALOG, or specloom.toml if there is one."
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Server to ask. Default: SPECLOOM_SERVER, or the one that owns the data directory, or none."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SpecFile = Annotated[str, typer.Argument(metavar="FILE", help="A spec, YAML or JSON; - reads standard input.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run; `specloom runs` lists them.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="An input; text as it is, other types as JSON, @FILE sends a file. Repeat.",
    ),
]
InputsFile = Annotated[Path | None, typer.Option(metavar="FILE", help="A YAML or JSON file with inputs.")]
