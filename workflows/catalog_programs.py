"""Tables of the catalog file for programs and servers of somebody else: MCP servers, and harnesses."""
# ruff: noqa: RUF012 - pydantic copies the defaults of tables

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflows.agents.harnesses.harness import TIMEOUT_SECONDS, Harness
from workflows.catalog_words import NO_VERSION, LimitsTable, Table, Text, Url, Variable, Version, duration
from workflows.tools.mcp_registry import START_SECONDS, McpGroup


class ProgramTable(Table):
    """A program of the operator's, or the server that answers in its place."""

    command: Annotated[list[Text], Field(min_length=1)] | None = None
    url: Url | None = None
    headers: dict[Text, str] = {}
    env: list[Variable] = []
    version: Version = NO_VERSION
    limits: LimitsTable = LimitsTable()
    sandbox: Literal["", "bwrap"] = ""

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError('needs exactly one of `command = ["PROGRAM", …]` and `url = "https://…"`')
        if self.url and not self.model_fields_set.isdisjoint({"env", "limits", "sandbox", "cwd"}):
            raise ValueError("has a `url`: `env`, `limits`, `sandbox` and `cwd` are for a `command`")
        if self.command and self.headers:
            raise ValueError("has a `command`: `headers` are for a `url`; give a program what it needs by `env`")
        return self


class McpTable(ProgramTable):
    """A `[mcp.NAME]` table."""

    args: list[str] = []
    cwd: Text | None = None
    requires_approval: list[Text] = []
    timeout: Annotated[float, duration()] = START_SECONDS


class HarnessTable(ProgramTable):
    """A `[harnesses.NAME]` table."""

    protocol: Literal["stdio", "http"] | None = None
    description: str = ""
    instructions: Text | None = None
    model: Text | None = None
    timeout: Annotated[float, duration()] = TIMEOUT_SECONDS

    @model_validator(mode="after")
    def _speaks_as_it_is_reached(self) -> HarnessTable:
        if self.protocol and (self.protocol == "http") == (self.url is None):
            raise ValueError('has `protocol = "http"` with a `url`, and `protocol = "stdio"` with a `command`')
        return self


def _command(table: ProgramTable, folder: Path) -> tuple[str, ...]:
    """Return a command in which what begins with `./` or `../` is a path beside the catalog file."""
    return tuple(str(folder / one) if one.startswith(("./", "../")) else one for one in table.command or ())


def mcp_group(name: str, table: McpTable, folder: Path) -> McpGroup:
    """Return what a table says, with paths from the folder of the file made absolute."""
    return McpGroup(
        name=name,
        command=(*_command(table, folder), *table.args),
        url=table.url or "",
        headers=table.headers,
        env=tuple(table.env),
        cwd=folder / table.cwd if table.cwd else folder,
        version=table.version,
        timeout_seconds=table.timeout,
        limits=table.limits.as_limits(),
        sandbox=table.sandbox,
        requires_approval=tuple(table.requires_approval),
    )


def as_harness(name: str, table: HarnessTable, folder: Path) -> Harness:
    """Return what a table says, with paths from the folder of the file made absolute."""
    return Harness(
        name=name,
        protocol="http" if table.url else "stdio",
        command=_command(table, folder),
        url=table.url or "",
        headers=table.headers,
        description=table.description,
        version=table.version,
        env=tuple(table.env),
        timeout_seconds=table.timeout,
        limits=table.limits.as_limits(),
        sandbox=table.sandbox,
        instructions=folder / table.instructions if table.instructions else None,
        model=table.model,
    )
