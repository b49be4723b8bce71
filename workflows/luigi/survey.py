"""The survey of a stage: its DAG and what is complete of it, told so that a spec can name every task; runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from workflows.hosting.errors import HostFailure
from workflows.hosting.pool import HostPool
from workflows.local_files import PathOf, with_local_files
from workflows.luigi.calls import StageCall
from workflows.luigi.errors import StageTimeout, stage_error
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import host_spec

Json = Any


@dataclass(frozen=True, slots=True)
class SurveyedTask:
    """A task of an expansion, with the stage that it is an example of and the arguments that give it."""

    task: ExpandedTask
    stage: str | None  # None: the group's modules do not define it
    arguments: Mapping[str, Json] = field(default_factory=dict[str, Json])
    shared: frozenset[str] = frozenset()  # parameters that have the value of the root's parameter of that name
    private: tuple[str, ...] = ()  # of these, those whose value must not be written down
    unsayable: tuple[str, ...] = ()  # parameters whose value no argument gives
    retyped: tuple[str, ...] = ()  # parameters that an argument gives as another type
    broken: str = ""  # what its `complete()` or `requires()` raised
    outside: tuple[str, ...] = ()  # some targets outside of the directory in which it works

    @property
    def status(self) -> str:
        """Return "complete", "broken" (it cannot be asked), "external" (missing, nobody builds it) or "missing"."""
        if self.task.is_complete:
            return "complete"
        if self.broken:
            return "broken"
        return "external" if self.task.is_external else "missing"

    @property
    def python_class(self) -> str:
        """Return where the class is defined, as `module.Class`."""
        return f"{self.task.module}.{self.task.qualname}"

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> SurveyedTask:
        """Read what a host told."""
        task = ExpandedTask.from_json({name: value[name] for name in _EXPANDED if name in value})
        lists = {name: tuple(value[name]) for name in ("private", "unsayable", "retyped", "outside")}
        return cls(
            task, value["stage"], value["arguments"], frozenset(value["shared"]), broken=value["broken"], **lists
        )


_EXPANDED = tuple(one.name for one in fields(ExpandedTask))


@dataclass(frozen=True, slots=True)
class Survey:
    """All tasks below a stage, in topological order; the digest is that of the expansion which a run would record."""

    tasks: tuple[SurveyedTask, ...]
    root: str  # key
    digest: str

    @property
    def top(self) -> SurveyedTask:
        """Return the task that the stage itself is."""
        return next(one for one in self.tasks if one.task.key == self.root)

    @property
    def complete(self) -> int:
        """Return how many tasks are complete."""
        return sum(one.task.is_complete for one in self.tasks)


class Surveyor:
    """Asks stage hosts; unlike a run it sets nothing aside that a killed task left half-written."""

    def __init__(self, pool: HostPool, path_of: PathOf | None = None) -> None:
        """Take the pool of hosts; `path_of` tells where the bytes of an artifact lie."""
        self._pool = pool
        self._path_of = path_of

    async def survey(self, call: StageCall, *, goes_below: bool = False) -> Survey:
        """Return what a stage would build; with `goes_below`, also what lies below tasks that are complete.

        Raises what `LuigiStages.preview` raises.
        """
        if self._path_of is not None:
            arguments = await with_local_files(call.parameters, call.arguments, self._path_of)
            call = replace(call, arguments=arguments)
        return await _surveyed(self._pool, call, goes_below=goes_below)


async def _surveyed(pool: HostPool, call: StageCall, *, goes_below: bool) -> Survey:
    params = {
        "stage": call.stage,
        "arguments": dict(call.arguments),
        "requires": call.requires,
        "goes_below": goes_below,
    }
    limit = asyncio.timeout(call.timeout)
    try:
        async with limit, pool.lease(host_spec(call.group, (call.run_dir, call.directory))) as host:
            found = await host.call("survey", params, cwd=call.directory)
    except HostFailure as error:
        raise stage_error(error, call.stage) from error
    except TimeoutError:
        if not limit.expired():
            raise
        raise StageTimeout(f"{call.stage}: not surveyed after {call.timeout:g} seconds") from None
    tasks = tuple(SurveyedTask.from_json(task) for task in found["tasks"])
    digest = Expansion.of(tuple(one.task for one in tasks), found["root"]).digest
    return Survey(tasks, found["root"], digest)


def depends_only_by_name(before: Survey, after: Survey, name: str) -> bool:
    """Tell whether another value of the root's parameter `name` changed that parameter wherever it is shared, no more.

    `before` and `after` are surveys with the one value and the other.
    """
    if len(before.tasks) != len(after.tasks):
        return False
    place_of = {one.task.key: place for place, one in enumerate(before.tasks)}
    place_after = {one.task.key: place for place, one in enumerate(after.tasks)}
    for one, other in zip(before.tasks, after.tasks, strict=True):
        has_moved = _standing(one, place_of) != _standing(other, place_after)
        if has_moved or (name in one.shared) != (name in other.shared) or one.private != other.private:
            return False
        left_out = {name} if name in one.shared else set[str]()
        if _without(one.arguments, left_out) != _without(other.arguments, left_out):
            return False
    return True


def _standing(one: SurveyedTask, places: Mapping[str, int]) -> tuple[Json, ...]:
    needs = [places[key] for key in one.task.needs]
    return (one.python_class, one.task.is_external, needs, one.unsayable)


def _without(arguments: Mapping[str, Json], names: set[str]) -> dict[str, Json]:
    return {name: value for name, value in arguments.items() if name not in names}
