"""MCP servers of the catalog: how each is reached; their tools stand in the catalog beside all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workflows.hosting.limits import NO_LIMITS, HostLimits

START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class McpGroup:
    """A `[mcp.NAME]` table of the catalog file, its paths made absolute: a command, or a URL."""

    name: str
    command: tuple[str, ...] = ()  # the program and its arguments: it speaks MCP on its standard input and output
    url: str = ""  # of a server that speaks streamable HTTP
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # of each request; `{NAME}` stands for a secret
    env: tuple[str, ...] = ()  # names of variables that the program may see
    cwd: Path | None = None  # where the program works
    version: str = "0.0.0"  # of its tools
    timeout_seconds: float = START_SECONDS  # to start, to say hello, to list its tools
    limits: HostLimits = NO_LIMITS
    sandbox: str = ""
    requires_approval: tuple[str, ...] = ()  # its tools whose calls by agents wait for a person, by their own names
