"""One luigi step: expand once, then run what is not complete as dataflow, each task in a host of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from workflows.activity import Quiet
from workflows.hosting.errors import HostFailure
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec
from workflows.luigi.calls import StageCall, StageRecorder, StageResult, TaskOutcome
from workflows.luigi.errors import InjectedFailed, MissingExternal, StageError, StageFailed, stage_error
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.flow import Flow
from workflows.luigi.gates import Contents, Gates, Injections
from workflows.luigi.registry import host_spec
from workflows.luigi.schedule import Schedule, Standing
from workflows.luigi.shares import Shares
from workflows.luigi.summary import summary_of
from workflows.luigi.task_running import TaskRunning, about
from workflows.luigi.unfinished import Workplaces
from workflows.masking import masked_name
from workflows.tools.scrubbing import Scrubber

Json = Any

SUMMARY_LIMIT = 5  # failures, or missing things, that the step's message names


class StepBuild:
    """The work of one try of a luigi step."""

    def __init__(
        self, call: StageCall, pool: HostPool, workplaces: Workplaces, shares: Shares, limit: asyncio.Timeout
    ) -> None:
        self._call = call
        self._pool = pool
        self._workplaces = workplaces
        self._shares = shares
        self._limit = limit
        self._spec: HostSpec = host_spec(call.group, (call.run_dir, call.directory))
        self._running: TaskRunning | None = None
        self.scrubber = Scrubber(())
        self.temporary: Path | None = None  # TMPDIR of the tasks; None: the server's own

    @property
    def tail(self) -> str:
        """Return the end of what the last task printed."""
        return self._running.tail if self._running else ""

    async def expand(self) -> Expansion:
        """Ask a host what the stage requires; runs nothing."""
        call = self._call
        self._workplaces.clean(call.directory, is_shared=call.is_shared)
        params = {"stage": call.stage, "arguments": dict(call.arguments), "requires": call.requires}
        found = await self._ask("expand", params)
        tasks = [ExpandedTask.from_json(task) for task in found["tasks"]]
        shown = (replace(task, name=masked_name(task.name, task.params, call.hidden)) for task in tasks)
        return Expansion.of(tuple(shown), found["root"])

    async def look(self) -> StageResult | None:
        """Return the outputs if the stage is complete, None if it is not; runs and records nothing."""
        expansion = await self.expand()
        return await self._result(expansion) if expansion.task(expansion.root).is_complete else None

    async def run(self, recorder: StageRecorder, injections: Injections | None = None) -> StageResult:
        """Build what is not there and return the outputs.

        Raises `MissingExternal` when only such things are left, and `Quiet` when what is injected waits for somebody.
        """
        if self._call.log_dir:
            self._call.log_dir.mkdir(parents=True, exist_ok=True)
        expansion = await self._expanded(recorder)
        gates = Gates(injections, _TargetsOf(self, expansion)) if injections else None
        is_held = partial(gates.is_shut, moment="after") if gates else _never
        schedule = Schedule(expansion, recorder.recorded, recorder.again, is_held)
        running = self._running = TaskRunning(
            self._call, self._pool, self._workplaces, self._shares, self._limit, self.scrubber, self.temporary,
            expansion, recorder,
        )  # fmt: skip
        slots = max(1, min(self._call.workers, self._pool.limit))
        flow = Flow(
            schedule, self._call.group, self._shares, self._pool, self._spec, slots, running.run,
            recorder.recorded, gates,
        )  # fmt: skip
        running.may_fail_once_more = flow.may_fail_once_more
        missing: dict[str, str] = {}
        while True:
            await flow.run()
            missing = {} if flow.failures else await self._look_again(flow, expansion, recorder)
            if not schedule.has_ready:
                break
        if gates and gates.is_quiet and not missing:
            raise Quiet
        if schedule.standing[expansion.root] in {Standing.COMPLETE, Standing.SUCCEEDED}:
            return await self._result(expansion)
        raise self._unfinished(flow, missing, recorder)

    async def _expanded(self, recorder: StageRecorder) -> Expansion:
        """Return the expansion that is recorded, or record one."""
        expansion = recorder.expansion()
        if expansion is not None:
            self._workplaces.clean(self._call.directory, is_shared=self._call.is_shared)
            return expansion
        expansion = await self.expand()
        await recorder.record_expansion(expansion)
        for task in expansion.tasks:
            if task.is_complete and not task.is_disabled:
                await recorder.task_finished(task, TaskOutcome("skipped"))
        return expansion

    async def _look_again(self, flow: Flow, expansion: Expansion, recorder: StageRecorder) -> dict[str, str]:
        """Return what nobody builds and is still not there; what has come lets go on what needs it."""
        schedule = flow.schedule
        missing = {key: error.message for key, error in flow.suspended.items()}
        flow.suspended.clear()
        waited_for = schedule.those(Standing.MISSING)
        if not waited_for:
            return missing
        asked = [about(task, expansion, self._call.arguments) for task in waited_for]
        top = about(expansion.task(expansion.root), expansion, self._call.arguments)
        found = await self._ask("look", {**top, "tasks": [one["task"] for one in asked]})
        for task in waited_for:
            if task.key not in found["missing"]:
                schedule.settle(task, Standing.COMPLETE)
                await recorder.task_finished(task, TaskOutcome("skipped"))
        return missing | found["missing"]

    def _unfinished(self, flow: Flow, missing: Mapping[str, str], recorder: StageRecorder) -> StageError:
        """Return why the stage is not complete, once nothing of it can go on."""
        schedule, count = flow.schedule, len(flow.schedule.tasks)
        summary = summary_of(schedule, flow.retried)
        recorder.summarised(summary)
        broken = schedule.those(Standing.BROKEN)
        failures = [*flow.failures, *((task, StageFailed(f"{task.name}: {task.problem}")) for task in broken)]
        if not failures and missing:
            named = [*missing.values()]
            more = f" and {len(named) - SUMMARY_LIMIT} more" if len(named) > SUMMARY_LIMIT else ""
            return MissingExternal(f"nobody builds it, and it is missing: {', '.join(named[:SUMMARY_LIMIT])}{more}")
        if not failures:
            disabled = ", ".join(task.name for task in schedule.those(Standing.DISABLED)[:SUMMARY_LIMIT])
            failures = [(task, StageFailed(f"disabled: {disabled}")) for task in schedule.those(Standing.DISABLED)[:1]]
        _, first = failures[0]
        if count == 1 or (len(failures) == 1 and isinstance(first, InjectedFailed)):
            return first
        kinds = {type(error) for _, error in failures}
        kind = kinds.pop() if len(kinds) == 1 and InjectedFailed not in kinds else StageFailed
        messages = "; ".join(error.message for _, error in failures[:SUMMARY_LIMIT])
        if len(failures) > 1:
            messages = f"{len(failures)} of {count} tasks failed: {messages}"
        tail = f"{first.tail.rstrip()}\n\n{summary.text}\n".lstrip()
        return kind(f"{messages}\n{summary.text}", tail=tail)

    async def _result(self, expansion: Expansion) -> StageResult:
        found = await self.contents(expansion, expansion.task(expansion.root), self._call.read)
        has_data = self._call.read is not None
        return StageResult(found.outputs, found.data, has_data=has_data, expansion=expansion, tail=self.tail)

    async def contents(
        self, expansion: Expansion, task: ExpandedTask, read: Literal["json", "text"] | None
    ) -> Contents:
        """Return what a task of the expansion has made."""
        found = await self._ask("outputs", {**about(task, expansion, self._call.arguments), "read": read})
        return Contents(self._with_uris(found["outputs"]), found.get("data"))

    async def rewrite(self, expansion: Expansion, task: ExpandedTask, value: Json) -> Json:
        """Let the one target of a task hold a value."""
        asked = {**about(task, expansion, self._call.arguments), "value": value, "inside": str(self._call.directory)}
        return await self._ask("rewrite", asked)

    async def _ask(self, method: str, params: Mapping[str, Json]) -> dict[str, Json]:
        variables = {"TMPDIR": str(self.temporary)} if self.temporary else {}
        try:
            async with self._pool.lease(self._spec) as host:
                return await host.call(method, params, cwd=self._call.directory, env=variables)
        except HostFailure as error:
            raise stage_error(error, self._call.stage) from error

    def _with_uris(self, outputs: Json) -> Json:
        """Give the files of the run's directory the addresses under which the run's artifacts are known."""
        if isinstance(outputs, list):
            return [self._with_uris(inner) for inner in cast("list[Json]", outputs)]
        if not isinstance(outputs, dict):
            return outputs
        shaped = cast("dict[str, Json]", outputs)
        if not {"uri", "path", "exists"} <= shaped.keys():
            return {name: self._with_uris(inner) for name, inner in shaped.items()}
        return {**shaped, "uri": self._uri(shaped["path"]) or shaped["uri"]}

    def _uri(self, path: str | None) -> str | None:
        inside = self._call.run_dir.resolve().as_posix() + "/"
        if path is None or not path.startswith(inside):
            return None
        return f"specloom://runs/{self._call.run_id}/artifacts/{path.removeprefix(inside)}"


@dataclass(frozen=True, slots=True)
class _TargetsOf:
    """The targets of the tasks of one expansion."""

    build: StepBuild
    expansion: Expansion

    async def contents(self, task: ExpandedTask, read: Literal["json", "text"] | None) -> Contents:
        return await self.build.contents(self.expansion, task, read)

    async def rewrite(self, task: ExpandedTask, value: Json) -> Json:
        return await self.build.rewrite(self.expansion, task, value)


def _never(task: ExpandedTask) -> bool:
    del task
    return False
