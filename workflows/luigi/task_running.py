"""One task of a step in a host: told, timed and recorded, and what it leaves half-written moved aside."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflows.hosting.errors import HostCrashed, HostFailure, HostTimeout
from workflows.hosting.pool import HostPool
from workflows.luigi.calls import StageCall, StageRecorder, TaskOutcome
from workflows.luigi.errors import MissingExternal, StageTimeout, stage_error
from workflows.luigi.expansion import ExpandedTask, Expansion
from workflows.luigi.flow import Desk
from workflows.luigi.shares import Share, Shares
from workflows.luigi.telling import Measure, PrintedText, scrub_log
from workflows.luigi.unfinished import Workplaces
from workflows.tools.scrubbing import Scrubber
from workflows.tracing import TRACEPARENT, Attribute

Json = Any

PROGRESS_SECONDS = 0.1  # between two reports of one task
MESSAGE_LIMIT = 2_000  # characters
EVENT_SECONDS = 10.0  # for the handlers of an event that is fired for a task whose process is gone
_FIRED = ((HostTimeout, "TIMEOUT"), (HostCrashed, "PROCESS_FAILURE"))


@dataclass
class TaskRunning:
    """What all the tasks of one try of a step share."""

    call: StageCall
    pool: HostPool
    workplaces: Workplaces
    shares: Shares
    limit: asyncio.Timeout  # of the step
    scrubber: Scrubber
    temporary: Path | None  # TMPDIR of the tasks; None: the server's own
    expansion: Expansion
    recorder: StageRecorder
    may_fail_once_more: Callable[[ExpandedTask], bool] = lambda _: False
    tail: str = ""  # the end of what the last task printed
    measure: Measure = field(default_factory=Measure)

    async def run(self, task: ExpandedTask, desk: Desk, share: Share | None = None) -> TaskOutcome:
        """Run one task and record how it ended."""
        about: dict[str, Attribute] = {"specloom.task": task.key, "specloom.task.family": task.name.partition("(")[0]}
        with self.call.tracing.span(f"luigi task {task.name.partition('(')[0]}", "internal", about) as span:
            outcome = await self._attempt(task, desk, share)
            if outcome.error is not None:
                span.failed(outcome.error.error_name)
        await self.recorder.task_finished(task, outcome)
        return outcome

    async def _attempt(self, task: ExpandedTask, desk: Desk, share: Share | None) -> TaskOutcome:
        call, began = self.call, time.monotonic()
        log = call.log_dir / f"{task.key}.log" if call.log_dir else None
        has_started = False
        try:
            if call.is_shared or not self.workplaces.is_free(call.directory, task.key):
                await desk.leave()  # whoever is at work there may need a host, too
            again = self.recorder.again(task.key)
            async with (
                self.workplaces.occupied(call.directory, task.key, is_shared=call.is_shared) as note,
                desk.host() as host,
            ):
                await self.recorder.task_started(task)
                has_started = True
                began = time.monotonic()
                progress = _Progress(task, self.recorder, self.scrubber, self.shares, share)
                try:
                    with self._told(task, log):
                        await host.call(
                            "run_task",
                            self._request(task, note, again),
                            timeout=task.timeout,
                            on_message=progress.take,
                            cwd=call.directory,
                            env={
                                "SPECLOOM_IDEMPOTENCY_KEY": f"{call.idempotency_key}/{task.key}{again}",
                                **self.variables(),
                                **self._trace(),
                            },
                            log=log,
                        )
                finally:
                    self.tail = self.scrubber.text(host.tail()) or self.tail
                    scrub_log(log, self.scrubber)
                    progress.flush()
        except HostFailure as error:
            outcome = self._failed(task, error, time.monotonic() - began, log)
            await self._fire(task, error, outcome, desk)
            return outcome
        except asyncio.CancelledError:
            if has_started:
                await self.recorder.task_finished(task, self._stopped(task, time.monotonic() - began, log))
            raise
        return TaskOutcome("succeeded", time.monotonic() - began, log=log)

    def _failed(self, task: ExpandedTask, error: HostFailure, seconds: float, log: Path | None) -> TaskOutcome:
        failure = stage_error(error, task.name).without(self.scrubber)
        if isinstance(failure, MissingExternal):
            return TaskOutcome("suspended", seconds, failure, log)
        return TaskOutcome("failed", seconds, failure, log, is_tried_again=self.may_fail_once_more(task))

    async def _fire(self, task: ExpandedTask, error: HostFailure, outcome: TaskOutcome, desk: Desk) -> None:
        """Have the handlers of the event called that Luigi's worker fires when a task's process is gone."""
        event = next((event for kind, event in _FIRED if isinstance(error, kind)), None)
        if event is None or outcome.error is None:
            return
        params = {**self.about(task), "event": event, "message": outcome.error.message}
        with contextlib.suppress(HostFailure):
            async with desk.host() as host:
                await host.call("fire", params, timeout=EVENT_SECONDS, cwd=self.call.directory, env=self.variables())

    def _request(self, task: ExpandedTask, note: Path, again: str) -> dict[str, Json]:
        call = self.call
        return {
            **self.about(task),
            "requires": call.requires,
            "note": str(note),
            "step": call.idempotency_key,
            "again_in": str(call.run_dir) if again else None,
            "mailbox": str(mailbox(call.run_dir)),
        }

    def _told(self, task: ExpandedTask, log: Path | None) -> AbstractContextManager[None]:
        """Pass on what a task prints while the block runs."""
        if log is None:
            return nullcontext()

        def tell(text: str, is_cut: bool) -> None:  # noqa: FBT001
            self.recorder.task_output(task, text, is_cut=is_cut)

        return PrintedText(log, tell, self.measure, self.scrubber).followed()

    def _trace(self) -> dict[str, str]:
        """Return where a task finds the span that it is."""
        current = self.call.tracing.current()
        return {TRACEPARENT: current} if current else {}

    def variables(self) -> dict[str, str]:
        """Return what the tasks see of the environment beside what the catalog names."""
        return {"TMPDIR": str(self.temporary)} if self.temporary else {}

    def _stopped(self, task: ExpandedTask, seconds: float, log: Path | None) -> TaskOutcome:
        if not self.limit.expired():
            return TaskOutcome("cancelled", seconds, log=log)
        error = StageTimeout(f"{task.name}: stopped, the step's time was up", tail=self.tail)
        return TaskOutcome("failed", seconds, error, log)

    def about(self, task: ExpandedTask) -> dict[str, Json]:
        """Return what a host needs to know to build the very task."""
        return about(task, self.expansion, self.call.arguments)


def mailbox(run_dir: Path) -> Path:
    """Return the folder of a run's directory that has a folder of messages for each task of it, by key."""
    return run_dir / ".specloom/messages"


def about(task: ExpandedTask, expansion: Expansion, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a host needs to know to build a task: itself, or the way from the root if that is not enough."""
    wanted = {"key": task.key, "module": task.module, "qualname": task.qualname}
    told: dict[str, Json] = {"task": {**wanted, "params": task.params, "is_self_contained": task.is_self_contained}}
    root = expansion.task(expansion.root)
    told["root"] = {"module": root.module, "qualname": root.qualname, "params": root.params}
    told["arguments"] = dict(arguments)
    return told


class _Progress:
    """Passes on how far a task is, not more often than anybody could read."""

    def __init__(
        self, task: ExpandedTask, recorder: StageRecorder, scrubber: Scrubber, shares: Shares, share: Share | None
    ) -> None:
        self._task = task
        self._scrubber = scrubber
        self._recorder = recorder
        self._shares = shares
        self._share = share
        self._told_at = 0.0
        self._kept: dict[str, Json] = {}

    def take(self, told: Json) -> None:
        """Take a message of the host."""
        if self._share is not None and (less := told.get("release")):
            self._shares.reduce(self._share, less)
        if (number := told.get("answered")) is not None:
            self._recorder.task_answered(self._task, number, self._text(told.get("answer")) or "")
        fresh = {name: told[name] for name in ("message", "percentage", "tracking_url") if told.get(name) is not None}
        self._kept |= fresh
        if fresh and time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Tell what was held back."""
        if not self._kept:
            return
        kept, self._kept, self._told_at = self._kept, {}, time.monotonic()
        texts = {name: self._text(kept.get(name)) for name in ("message", "tracking_url")}
        self._recorder.task_progress(self._task, percentage=kept.get("percentage"), **texts)

    def _text(self, told: Json) -> str | None:
        return None if told is None else self._scrubber.text(str(told))[:MESSAGE_LIMIT]
