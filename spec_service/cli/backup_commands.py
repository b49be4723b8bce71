"""The commands around copies of a data directory: backup, restore."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from spec_service.cli.options import Data

Target = Annotated[Path, typer.Argument(metavar="DEST", help="A new or empty directory.")]
Source = Annotated[Path, typer.Argument(metavar="SRC", help="A directory that specloom backup made.")]


def backup(target: Target, data: Data = None) -> int:
    """Copy the data directory, also while a server works in it."""
    from spec_service.cli.complaints import FINE, PROBLEMS
    from spec_service.cli.configuring import settings_with
    from spec_service.storage.backup import back_up

    settings = settings_with(data=data)
    note = back_up(settings.data, settings.database, target)
    sys.stdout.write(
        f"{target}: {note.runs} runs, {note.unfinished} of them unfinished; {note.files} files, {note.bytes} bytes\n"
        "fixed work directories of pipelines and keys of encrypted checkpoints are not part of it\n"
    )
    for path in note.missing:
        sys.stderr.write(f"specloom: a file that a run names is not there: {path}\n")
    return PROBLEMS if note.missing else FINE


def restore(source: Source, data: Data = None) -> int:
    """Make a new data directory of a backup; the next server there goes on with its runs."""
    from spec_service.cli.complaints import FINE
    from spec_service.cli.configuring import settings_with
    from spec_service.storage import backup

    settings = settings_with(data=data)
    note = backup.restore(source, settings.data)
    sys.stdout.write(
        f"{settings.data}: {note.runs} runs as of {note.at}; specloom dev --data {settings.data} goes on with"
        f" the {note.unfinished} unfinished ones\n"
    )
    return FINE
