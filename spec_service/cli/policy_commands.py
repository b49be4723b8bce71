"""The commands of the operator: usage, policy."""
# ruff: noqa: PLC0415 - a command loads what it needs when it is called, so that --help is quick
# ruff: noqa: PLR0913 - a command has a parameter for each of its options

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spec_service.cli.options import AsJson, Catalog, Data, Server

GroupBy = Annotated[str, typer.Option("--by", metavar="GROUP", help="step run spec tenant model, or label:NAME.")]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Only steps from then on, ISO 8601.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Only steps before then, ISO 8601.")]
Action = Annotated[
    Literal["apply", "list", "show", "test", "retire"],
    typer.Argument(metavar="apply|list|show|test|retire", help="What to do."),
]
What = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE|NAME] [RUN…]", help="A file for apply and test, a name for show and retire."),
]


def usage(
    group_by: GroupBy = "spec",
    since: From = None,
    until: To = None,
    data: Data = None,
    server: Server = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Sum up what runs have used: tokens, money, calls of models and tools; the dearest first."""
    from spec_service.cli import operating
    from spec_service.cli.configuring import Place

    return operating.show_usage(group_by, (since, until), Place(data, None, server), as_json=as_json)


def policy(
    action: Action,
    what: What = None,
    data: Data = None,
    catalog: Catalog = None,
    server: Server = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Put policies in force, look at them, or try one on runs that are recorded.

    apply FILE stores a policy; runs that are under way see it from their next step on. list, show NAME, retire NAME.
    test FILE [RUN…] says what it would have stopped in these runs, or in the newest hundred; nothing is stored.
    """
    from spec_service.cli import operating
    from spec_service.cli.configuring import Place

    return operating.policy(action, tuple(what or ()), Place(data, catalog, server), as_json=as_json)
