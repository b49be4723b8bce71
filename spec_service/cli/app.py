"""The table of contents of the command line: which commands there are, by group."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from spec_service.cli import (
    backup_commands,
    folder_commands,
    harness_commands,
    policy_commands,
    project_commands,
    run_commands,
    spec_commands,
    travel_commands,
)
from spec_service.cli.complaints import USAGE
from spec_service.cli.help_page import PURPOSE, GroupedHelp, show_version

COMMANDS = {
    "Start": (project_commands.init, project_commands.adopt, project_commands.dev),
    "Specs": (
        spec_commands.validate,
        spec_commands.plan,
        spec_commands.test,
        spec_commands.graph,
        spec_commands.explain,
        spec_commands.schema,
    ),
    "Specs in repositories": (folder_commands.diff, folder_commands.apply, folder_commands.publish),
    "Runs": (
        run_commands.run,
        run_commands.runs,
        run_commands.watch,
        run_commands.approve,
        run_commands.resume,
        run_commands.signal,
        run_commands.message,
        run_commands.retry,
        run_commands.rerun,
        travel_commands.replay,
        travel_commands.fork,
        travel_commands.compare,
        run_commands.cancel,
    ),
    "Usage and policies": (policy_commands.usage, policy_commands.policy),
    "Data": (backup_commands.backup, backup_commands.restore),
    "Installation": (
        project_commands.stages,
        project_commands.manifest,
        harness_commands.harness,
        project_commands.doctor,
        project_commands.version,
    ),
}


def build_app() -> typer.Typer:
    """Return the command line."""
    made = typer.Typer(
        name="specloom",
        cls=GroupedHelp,
        help=PURPOSE,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(invoke_without_command=True)(_root)
    for group, commands in COMMANDS.items():
        for command in commands:
            made.command(rich_help_panel=group)(command)
    return made


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    show_version(is_wanted=value)


def _root(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command; without a command, show the help."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help())
        raise typer.Exit(USAGE)
