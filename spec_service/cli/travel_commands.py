"""The commands through time: replay, fork, compare."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PLR0913, PLR0917 - a command has a parameter for each of its options

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spec_service.cli.options import AsJson, Catalog, Data, RunName, Server

PlanDigest = Annotated[str | None, typer.Option(metavar="DIGEST", help="Another plan, by its digest.")]
NewSpec = Annotated[Path | None, typer.Option(metavar="FILE", help="The plan of this spec, which is not stored.")]
At = Annotated[str, typer.Option(metavar="NODE", help="Where it begins: a node's id, or a checkpoint's.")]
Visit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Which arrival at the node; default: the last.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="state.NAME=VALUE", help="A channel as the node is to find it. Repeat."),
]
Changed = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="NAME=VALUE", help="An input that is different from there on. Repeat."),
]
Quiet = Annotated[bool, typer.Option("--no-follow", help="Do not follow the new run.")]
OtherRun = Annotated[str, typer.Argument(metavar="RUN", help="The id of the other run.")]


def replay(
    run_id: RunName,
    plan: PlanDigest = None,
    spec: NewSpec = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Execute a run's graph again on its records, and tell whether it takes the same way.

    Nothing is called, changed or stored. With --plan or --spec it tells what would have been different. Exits with 1
    when anything is different.
    """
    from spec_service.cli import travelling
    from spec_service.cli.configuring import Place

    return travelling.replay(run_id, travelling.Other(plan, spec), Place(data, catalog, server), as_json=as_json)


def fork(
    run_id: RunName,
    at: At,
    visit: Visit = None,
    sets: Sets = None,
    inputs: Changed = None,
    plan: PlanDigest = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    no_follow: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Start a new run from a node of one that is over or waits, and follow it.

    What was done before the node is taken over with its results and files, and not done again.
    """
    from spec_service.cli import travelling
    from spec_service.cli.configuring import Place

    wanted = travelling.Wanted(at, visit, tuple(sets or ()), tuple(inputs or ()), plan)
    return travelling.fork(run_id, wanted, Place(data, catalog, server), follow=not no_follow, as_json=as_json)


def compare(
    run_id: RunName, other_id: OtherRun, data: Data = None, server: Server = None, *, as_json: AsJson = False
) -> int:
    """Lay two runs beside each other: their ways, inputs, outputs, usage and times."""
    from spec_service.cli import travelling
    from spec_service.cli.configuring import Place

    return travelling.compare(run_id, other_id, Place(data, None, server), as_json=as_json)
