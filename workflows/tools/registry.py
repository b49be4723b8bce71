"""The tools of the catalog: a group of Python modules and the LangChain tools that a host finds in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workflows.hosting.errors import HostFailure
from workflows.hosting.limits import NO_LIMITS, HostLimits
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec
from workflows.hosting.sandbox import within

Json = Any
JsonSchema = dict[str, Any]

_PROGRAM = Path(__file__).with_name("tool_host.py")
_SHARED_IMPORTS = ("langchain_core.tools.convert",)  # what `@tool` needs
_DESCRIBE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """A `[tools.NAME]` table of the catalog file, its paths made absolute."""

    name: str
    modules: tuple[str, ...]  # "tools.web"; from an entry point also "tools.web:fetch", one tool or a list of them
    path: tuple[Path, ...] = ()  # added to sys.path
    python: Path | None = None  # None: the server's interpreter
    version: str = "0.0.0"
    env: tuple[str, ...] = ()  # names of variables that a host of the group may see
    secrets: tuple[str, ...] = ()  # the only secrets that a spec may hand to its tools
    requires_approval: tuple[str, ...] = ()  # its tools whose calls by agents wait for a person, by their own names
    limits: HostLimits = NO_LIMITS
    sandbox: Literal["", "bwrap"] = ""
    bootstrap: str = ""  # "module:callable", called once in every host

    @property
    def needs_hosts(self) -> bool:
        """Tell whether its async tools, too, must not run in the server's process."""
        return self.python is not None or self.limits != NO_LIMITS or bool(self.sandbox or self.bootstrap)

    def host(self, writable: Sequence[Path] = ()) -> HostSpec:
        """Return the kind of host that serves this group; in a sandbox it may write where it is told only."""
        return HostSpec(
            program=_PROGRAM,
            options=json.dumps({"modules": self.modules}),
            shared_imports=_SHARED_IMPORTS,
            python=str(self.python or ""),
            path=tuple(str(one) for one in self.path),
            env=self.env,
            limits=self.limits,
            bootstrap=self.bootstrap,
            sandbox=self.sandbox,
            writable=within(writable) if self.sandbox else (),
        )


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """A tool: what the catalog says about it, and where it was found."""

    name: str  # "web.fetch"
    version: str
    source_digest: str  # sha256 of the module's file
    description: str
    parameters: JsonSchema  # secrets that it takes are among them; a spec gives those by `auth`
    result: JsonSchema  # {} is anything
    is_async: bool  # it has a coroutine
    tool: str  # its own name: "fetch"
    module: str
    attribute: str
    file: str  # of the module; empty when it has none


@dataclass(frozen=True, slots=True)
class ToolFailure:
    """A module that could not be imported, or a tool that could not be described."""

    module: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """All that a group offers, and what of it is broken."""

    tools: tuple[ToolRecord, ...] = ()
    failures: tuple[ToolFailure, ...] = ()


async def describe_tools(group: ToolGroup, pool: HostPool) -> ToolDescription:
    """Have a host import the group's modules and tell what tools they hold; what is broken is reported, not raised."""
    try:
        async with pool.lease(group.host()) as host:
            found = await host.call("describe", {}, timeout=_DESCRIBE_SECONDS)
    except HostFailure as error:
        message = error.in_one_line()
        return ToolDescription(failures=tuple(ToolFailure(module, message) for module in group.modules))
    return ToolDescription(
        tuple(_record(group, one) for one in found["tools"]),
        tuple(ToolFailure(one["module"], one["message"]) for one in found["failures"]),
    )


def _record(group: ToolGroup, found: Mapping[str, Json]) -> ToolRecord:
    return ToolRecord(
        name=f"{group.name}.{found['tool']}",
        version=found["version"] or group.version,
        source_digest=found["source_digest"],
        description=found["description"],
        parameters=found["parameters"],
        result=found["result"],
        is_async=found["is_async"],
        tool=found["tool"],
        module=found["module"],
        attribute=found["attribute"],
        file=found["file"],
    )
