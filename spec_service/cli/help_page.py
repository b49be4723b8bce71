"""The page of `specloom --help`: commands by group, one line each, an example at the end; plain text, without rich."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

PURPOSE = "Declarative specs become durable runs of Luigi stages, tools and people."
EXAMPLE = """\
Example:
  specloom init demo && cd demo           a small working project
  specloom validate specs/hello.yaml      every mistake at once, with its place
  specloom run specs/hello.yaml           run it here; no server needed

`specloom COMMAND --help` shows what a command takes.
Exit codes: 0 fine, 1 problems found or run failed, 64 wrong usage.
"""


class GroupedHelp(TyperGroup):
    """Show the commands under the headings that they name as `rich_help_panel`."""

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Write the page."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = getattr(command, "rich_help_panel", None)
                heading = panel if isinstance(panel, str) else "Commands"
                line = (command.help or "").strip().partition("\n")[0]
                groups.setdefault(heading, []).append((name, line))
        formatter.write(f"Usage: {ctx.command_path} COMMAND [OPTIONS]\n\n{PURPOSE}\n\n")
        width = max(len(name) for rows in groups.values() for name, _ in rows)
        for heading, rows in groups.items():
            lines = [f"  {name:<{width}}  {line}\n" for name, line in rows]
            formatter.write(f"{heading}:\n{''.join(lines)}\n")
        formatter.write(EXAMPLE)


def show_version(*, is_wanted: bool) -> None:
    """Print the version and leave, for `specloom --version`."""
    if is_wanted:
        from spec_service.product import VERSION  # noqa: PLC0415 - reads the installed metadata

        sys.stdout.write(f"specloom {VERSION}\n")
        raise typer.Exit
