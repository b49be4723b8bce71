"""The stages of the catalog: a group of Luigi modules and what a host finds in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workflows.hosting.errors import HostFailure
from workflows.hosting.limits import NO_LIMITS, HostLimits
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec
from workflows.hosting.sandbox import within
from workflows.luigi.agents import BadAgent, StageAgent

JsonSchema = dict[str, Any]

POLL_SECONDS = 60.0
PROGRAM = Path(__file__).with_name("stage_host.py")


@dataclass(frozen=True, slots=True)
class LuigiGroup:
    """A `[luigi.NAME]` table of the catalog file, its paths made absolute."""

    name: str
    modules: tuple[str, ...]
    path: tuple[Path, ...] = ()  # added to sys.path of the stage host
    python: Path | None = None  # None: the server's interpreter
    version: str = "0.0.0"
    workdir: Path | None = None  # None: a private directory of the run
    env: tuple[str, ...] = ()  # names of variables that the stages may see
    limits: HostLimits = NO_LIMITS
    sandbox: Literal["", "bwrap"] = ""
    bootstrap: str = ""  # "module:callable", called once in every host
    poll_seconds: float = POLL_SECONDS  # between two looks at what nobody builds
    resources: Mapping[str, int] = field(default_factory=dict[str, int])  # how much there is; of any other: 1

    def __hash__(self) -> int:
        """Hash by what tells groups apart."""
        return hash((self.name, self.modules, self.path))


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A stage: what the catalog says about it, and where it is defined."""

    name: str  # "market.Publish"
    version: str  # its own `specloom_version`, else the group's
    source_digest: str  # sha256 over the source files of the group's modules and what they import from beside them
    description: str
    parameters: JsonSchema
    module: str
    qualname: str
    agent: StageAgent

    @property
    def python_class(self) -> str:
        """Return where the class is defined, as `module.Class`."""
        return f"{self.module}.{self.qualname}"


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A module that could not be imported, or a class that could not be described."""

    module: str
    message: str


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """All that a group offers, and what of it is broken."""

    stages: tuple[StageRecord, ...] = ()
    failures: tuple[ImportFailure, ...] = ()


def host_spec(group: LuigiGroup, writable: Sequence[Path] = ()) -> HostSpec:
    """Return what makes a host one of this group's; in a sandbox it may write where it is told, and nowhere else."""
    return HostSpec(
        program=PROGRAM,
        options=json.dumps({"group": group.name, "modules": list(group.modules)}),
        python=str(group.python or ""),
        path=tuple(str(path) for path in group.path),
        env=group.env,
        limits=group.limits,
        bootstrap=group.bootstrap,
        sandbox=group.sandbox,
        writable=within(writable) if group.sandbox else (),
    )


async def describe_group(group: LuigiGroup, pool: HostPool) -> GroupDescription:
    """Import the group's modules in a host and return their stages; what is broken is listed, and raises nothing."""
    try:
        async with pool.lease(host_spec(group)) as host:
            found = await host.call("describe", {})
    except HostFailure as error:
        reason = error.in_one_line()
        return GroupDescription(failures=tuple(ImportFailure(module, reason) for module in group.modules))
    stages: list[StageRecord] = []
    failures = [ImportFailure(**failure) for failure in found["failures"]]
    for stage in found["stages"]:
        try:
            stages.append(_record(stage, group, found["source_digest"]))
        except BadAgent as error:
            failures.append(ImportFailure(stage["module"], f"{stage['name']}: {error}"))
    return GroupDescription(tuple(stages), tuple(failures))


def _record(stage: dict[str, Any], group: LuigiGroup, source_digest: str) -> StageRecord:
    agent = StageAgent.of(stage["name"], stage["description"], stage["agent"])
    version = stage["version"] or group.version
    values: dict[str, Any] = {**stage, "version": version, "source_digest": source_digest, "agent": agent}
    return StageRecord(**values)
