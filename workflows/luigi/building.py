"""One luigi step: expand once, then run what is not complete as dataflow, each task in a host of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

from workflows.hosting.errors import HostFailure
from workflows.hosting.pool import HostPool
from workflows.hosting.process import HostSpec
from workflows.luigi.calls import StageCall, StageRecorder, StageResult, TaskOutcome
from workflows.luigi.errors import StageError, StageFailed, StageTimeout, stage_error
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.registry import host_spec
from workflows.luigi.telling import Measure, PrintedText, scrub_log
from workflows.luigi.unfinished import Workplaces
from workflows.tools.scrubbing import Scrubber

Json = Any

PROGRESS_SECONDS = 0.1  # between two reports of one task
MESSAGE_LIMIT = 2_000  # characters
SUMMARY_LIMIT = 5  # failures that the step's message names


class StepBuild:
    """The work of one try of a luigi step."""

    def __init__(self, call: StageCall, pool: HostPool, workplaces: Workplaces, limit: asyncio.Timeout) -> None:
        self._call = call
        self._pool = pool
        self._workplaces = workplaces
        self._limit = limit
        self._spec: HostSpec = host_spec(call.group, (call.run_dir, call.directory))
        self._slots = asyncio.Semaphore(max(1, min(call.workers, pool.limit)))
        self._failures: list[tuple[ExpandedTask, StageError]] = []
        self.tail = ""
        self.scrubber = Scrubber(())
        self._measure = Measure()
        self.temporary: Path | None = None  # TMPDIR of the tasks; None: the server's own

    async def expand(self) -> Expansion:
        """Ask a host what the stage requires; runs nothing."""
        call = self._call
        self._workplaces.clean(call.directory, is_shared=call.is_shared)
        params = {"stage": call.stage, "arguments": dict(call.arguments), "requires": call.requires}
        found = await self._ask("expand", params)
        return Expansion.of(tuple(ExpandedTask.from_json(task) for task in found["tasks"]), found["root"])

    async def look(self) -> StageResult | None:
        """Return the outputs if the stage is complete, None if it is not; runs and records nothing."""
        expansion = await self.expand()
        return await self._result(expansion) if expansion.task(expansion.root).is_complete else None

    async def run(self, recorder: StageRecorder) -> StageResult:
        """Build what is not there and return the outputs."""
        if self._call.log_dir:
            self._call.log_dir.mkdir(parents=True, exist_ok=True)
        expansion = recorder.expansion()
        if expansion is None:
            expansion = await self.expand()
            await recorder.record_expansion(expansion)
            for task in expansion.tasks:
                if task.is_complete:
                    await recorder.task_finished(task, TaskOutcome("skipped"))
        else:
            self._workplaces.clean(self._call.directory, is_shared=self._call.is_shared)
        await _Flow(expansion, recorder.recorded, lambda task: self._settle(task, expansion, recorder)).run()
        if self._failures:
            raise self._summary(len(expansion.tasks))
        return await self._result(expansion)

    async def _settle(self, task: ExpandedTask, expansion: Expansion, recorder: StageRecorder) -> bool:
        """Run one task and record how it ended; tell whether it is complete."""
        async with self._slots:
            outcome = await self._attempt(task, expansion, recorder)
            await recorder.task_finished(task, outcome)
        if outcome.error:
            self._failures.append((task, outcome.error))
        return outcome.error is None

    async def _attempt(self, task: ExpandedTask, expansion: Expansion, recorder: StageRecorder) -> TaskOutcome:
        call, began = self._call, time.monotonic()
        log = call.log_dir / f"{task.key}.log" if call.log_dir else None
        progress = _Progress(task, recorder, self.scrubber)
        has_started = False
        try:
            async with (
                self._workplaces.occupied(call.directory, task.key, is_shared=call.is_shared) as note,
                self._pool.lease(self._spec) as host,
            ):
                await recorder.task_started(task)
                has_started = True
                began = time.monotonic()
                try:
                    with self._told(task, log, recorder):
                        await host.call(
                            "run_task",
                            {**self._about(task, expansion), "requires": call.requires, "note": str(note)},
                            on_message=progress.take,
                            cwd=call.directory,
                            env={"SPECLOOM_IDEMPOTENCY_KEY": f"{call.idempotency_key}/{task.key}", **self._variables()},
                            log=log,
                        )
                finally:
                    self.tail = self.scrubber.text(host.tail()) or self.tail
                    scrub_log(log, self.scrubber)
                    progress.flush()
        except HostFailure as error:
            failure = stage_error(error, task.name).without(self.scrubber)
            return TaskOutcome("failed", time.monotonic() - began, failure, log)
        except asyncio.CancelledError:
            if has_started:
                await recorder.task_finished(task, self._stopped(task, time.monotonic() - began, log))
            raise
        return TaskOutcome("succeeded", time.monotonic() - began, log=log)

    def _told(self, task: ExpandedTask, log: Path | None, recorder: StageRecorder) -> AbstractContextManager[None]:
        """Pass on what a task prints while the block runs."""
        if log is None:
            return nullcontext()

        def tell(text: str, is_cut: bool) -> None:  # noqa: FBT001
            recorder.task_output(task, text, is_cut=is_cut)

        return PrintedText(log, tell, self._measure, self.scrubber).followed()

    def _variables(self) -> dict[str, str]:
        return {"TMPDIR": str(self.temporary)} if self.temporary else {}

    def _stopped(self, task: ExpandedTask, seconds: float, log: Path | None) -> TaskOutcome:
        if not self._limit.expired():
            return TaskOutcome("cancelled", seconds, log=log)
        error = StageTimeout(f"{task.name}: stopped, the step's time was up", tail=self.tail)
        return TaskOutcome("failed", seconds, error, log)

    def _about(self, task: ExpandedTask, expansion: Expansion) -> dict[str, Json]:
        root = expansion.task(expansion.root)
        return {"task": task.as_json(), "root": root.as_json(), "arguments": dict(self._call.arguments)}

    async def _result(self, expansion: Expansion) -> StageResult:
        root = expansion.task(expansion.root)
        found = await self._ask("outputs", {**self._about(root, expansion), "read": self._call.read})
        return StageResult(
            outputs=self._with_uris(found["outputs"]),
            data=found.get("data"),
            has_data="data" in found,
            expansion=expansion,
            tail=self.tail,
        )

    async def _ask(self, method: str, params: Mapping[str, Json]) -> dict[str, Json]:
        try:
            async with self._pool.lease(self._spec) as host:
                return await host.call(method, params, cwd=self._call.directory, env=self._variables())
        except HostFailure as error:
            raise stage_error(error, self._call.stage) from error

    def _summary(self, count: int) -> StageError:
        _, first = self._failures[0]
        if len(self._failures) == 1:
            return first
        kinds = {type(error) for _, error in self._failures}
        kind = kinds.pop() if len(kinds) == 1 else StageFailed
        messages = "; ".join(error.message for _, error in self._failures[:SUMMARY_LIMIT])
        return kind(f"{len(self._failures)} of {count} tasks failed: {messages}", tail=first.tail)

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


class _Flow:
    """Starts a task the moment all that it needs is done; what needs a failed one is never started."""

    def __init__(
        self, expansion: Expansion, recorded: Callable[[str], bool], settle: Callable[[ExpandedTask], Any]
    ) -> None:
        done = {task.key for task in expansion.tasks if task.is_complete or recorded(task.key)}
        self._settle = settle
        self._todo = [task for task in expansion.tasks if task.key not in done]
        self._missing = {task.key: set(task.needs) - done for task in self._todo}
        self._waiting: dict[str, list[ExpandedTask]] = {}
        for task in self._todo:
            for key in self._missing[task.key]:
                self._waiting.setdefault(key, []).append(task)

    async def run(self) -> None:
        """Return when nothing can go on any more."""
        try:
            async with asyncio.TaskGroup() as group:
                for task in self._todo:
                    if not self._missing[task.key]:
                        group.create_task(self._run_one(task, group))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None  # only the recorder raises, and one of its errors says it all

    async def _run_one(self, task: ExpandedTask, group: asyncio.TaskGroup) -> None:
        if not await self._settle(task):
            return
        for dependant in self._waiting.get(task.key, []):
            self._missing[dependant.key].discard(task.key)
            if not self._missing[dependant.key]:
                group.create_task(self._run_one(dependant, group))


class _Progress:
    """Passes on how far a task is, not more often than anybody could read."""

    def __init__(self, task: ExpandedTask, recorder: StageRecorder, scrubber: Scrubber) -> None:
        self._task = task
        self._scrubber = scrubber
        self._recorder = recorder
        self._told_at = 0.0
        self._kept: dict[str, Json] = {}

    def take(self, told: Json) -> None:
        """Take a message of the host."""
        self._kept |= {name: told[name] for name in ("message", "percentage") if told.get(name) is not None}
        if time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Tell what was held back."""
        if not self._kept:
            return
        message, percentage = self._kept.get("message"), self._kept.get("percentage")
        self._kept, self._told_at = {}, time.monotonic()
        text = None if message is None else self._scrubber.text(str(message))[:MESSAGE_LIMIT]
        self._recorder.task_progress(self._task, message=text, percentage=percentage)
