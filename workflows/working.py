"""One try of a step, or of an item of one: its arguments, the cache, the node of its verb, its time, its result."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from translator.compiling import Inside
from translator.language.digest import canonical_json
from translator.planning.plan import RetryPolicy, Step, Verb
from workflows.attempt import MAX_INLINE_BYTES, Attempt, error_of
from workflows.caps import Moment
from workflows.errors import StepError, StepFailed, UnknownArtifact
from workflows.failpoints import hit
from workflows.frames import Frame, State, Visit
from workflows.guarding import LOOPS
from workflows.meters import Meter
from workflows.nodes.agent import work
from workflows.nodes.assign import assign
from workflows.nodes.block import enter_block
from workflows.nodes.call import Node, NodeCall, Walker
from workflows.nodes.decide import decide
from workflows.nodes.emit import emit
from workflows.nodes.fail import fail
from workflows.nodes.human import ask
from workflows.nodes.luigi import run_stage
from workflows.nodes.tool import call_tool
from workflows.nodes.wait import wait
from workflows.nodes.workflow import call_workflow
from workflows.records import ArtifactStored, ResultCached, StepExecution
from workflows.run import RunError

Json = Any
NODES: Mapping[Verb, Node] = {
    "tool": call_tool,
    "luigi": run_stage,
    "agent": work,
    "human": ask,
    "decide": decide,
    "workflow": call_workflow,
    "dag": enter_block,
    "flow": enter_block,
    "set": assign,
    "wait": wait,
    "emit": emit,
    "fail": fail,
}
HAS_EFFECTS = frozenset({"tool", "luigi", "decide"})  # its start must be durable before it begins
HOLDS_STEPS = frozenset({"dag", "flow", "workflow"})
GOES_ON = HOLDS_STEPS | {"human", "wait", "agent"}  # a try without an end is gone on with: it keeps rows of its own
MAY_WAIT = GOES_ON | {"luigi", "decide"}  # a luigi step goes on with its try only when it waited as the attempt ended
_OWN_TIMEOUT = frozenset({"tool", "luigi", "agent", "human", "wait", "decide"})  # these know better how to stop


@dataclass(frozen=True, slots=True)
class Workbench:
    """What trying a step takes beside its frame."""

    nodes: Mapping[Verb, Node]
    walker: Walker


@dataclass(frozen=True, slots=True)
class Work:
    """A step at a visit, or an item of it, whose frame has the item then."""

    bench: Workbench
    frame: Frame
    step: Step
    visit: Visit
    state: State
    inside: Inside | None

    @property
    def attempt(self) -> Attempt:
        """Return the attempt in which this happens."""
        return self.frame.attempt

    async def tried(self, execution: StepExecution, *, is_item: bool = False) -> tuple[Json, Json]:
        """Return the result and how its row holds it; raises `StepError`, `ExpressionError` and `Quiet`."""
        program, verb, guard = self.frame.of_step(self.step), self.step.verb, self.attempt.guard
        moment = Moment(self.step, execution.step, self.visit, execution.try_number)
        if execution.result is not None:  # it waits for a person who lets it be
            return await self._let_be(moment, execution, await self.attempt.result(execution), execution.result)
        arguments = await self.frame.evaluate(program.arguments, self.state)
        if guard is not None and verb in LOOPS and not is_item and execution.try_number == 1:
            guard.note_input(moment, arguments, self.state, self.frame.plan.limits)
        key = await self._cache_key(arguments)
        if key and (kept := await self._cached(key)) is not None:
            self.attempt.append(self.attempt.event("step.cached", execution.step, key=key))
            return await self.attempt.loaded_result(kept), kept
        if verb in HAS_EFFECTS and not is_item:
            await self.attempt.ports.journal.durable()
        hit("step.started")
        call = NodeCall(
            self.frame,
            program,
            self.visit,
            execution,
            cast("dict[str, Json]", self.state),
            arguments,
            self.inside,
            self.bench.walker,
            self.bench.nodes,
            Meter(self.attempt, execution, moment),
        )
        result = await self._within_time(self.bench.nodes[verb](call), execution)
        hit("step.returned")
        self._check(result)
        kept = await self.kept(result, execution)
        if guard is not None and guard.looks_at_results:
            await self._let_be(moment, execution, result, kept)
        if key and self.step.cache:
            self._keep_in_cache(key, kept)
        return result, kept

    async def _let_be(self, moment: Moment, execution: StepExecution, result: Json, kept: Json) -> tuple[Json, Json]:
        """Return a result that may be recorded; while a person is asked about it, it is kept with the try."""
        if self.attempt.guard is not None:
            waiting = replace(execution, result=kept, usage=self.attempt.used_by(execution))
            await self.attempt.guard.result(moment, result, lambda: self.attempt.append(waiting))
        return result, kept

    async def _within_time(self, node: Awaitable[Json], execution: StepExecution) -> Json:
        seconds = self.step.timeout_seconds
        if seconds is None or self.step.verb in _OWN_TIMEOUT:
            return await node
        passed = (datetime.now(UTC) - execution.started_at).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, seconds - passed)):
                return await node
        except TimeoutError:
            raise StepError(f"took longer than {seconds:g} s", error_name="timeout") from None

    def _check(self, result: Json) -> None:
        schema = self.frame.of_step(self.step).result
        if schema is None or self.step.verb == "human":  # a person's answer was checked at the door
            return
        if violations := schema.problems(result, ""):
            first = violations[0]
            where = f" at {first.path}" if first.path else ""
            raise StepError(f"the result does not fit its schema{where}: {first.message}", error_name="invalid-result")

    # --- results of earlier runs -----------------------------------------------------------------------------------

    async def _cache_key(self, arguments: Json) -> str | None:
        """Return what a result of this step may be found by again; None when it is not cached."""
        cache, program, ports = self.step.cache, self.frame.of_step(self.step), self.attempt.ports
        if cache is None or ports.cache is None:
            return None
        chosen = await self.frame.evaluate(program.cache_key, self.state) if program.cache_key else arguments
        source = self.step.call.source_digest if self.step.call else ""
        named = [self.frame.plan.spec_name, self.step.id, source, self.step.read, self.step.result, chosen]
        return hashlib.sha256(canonical_json(named)).hexdigest()

    async def _cached(self, key: str) -> Json:
        cache = self.attempt.ports.cache
        kept = await cache.get(key, datetime.now(UTC)) if cache else None
        if kept is None:
            return None
        try:
            await self.attempt.loaded_result(kept)
        except UnknownArtifact:  # what it was kept in is gone
            return None
        return kept

    def _keep_in_cache(self, key: str, kept: Json) -> None:
        now, cache = datetime.now(UTC), self.step.cache
        seconds = cache.ttl_seconds if cache else None
        expires_at = None if seconds is None else now + timedelta(seconds=seconds)
        self.attempt.append(ResultCached(self.attempt.run.id, key, kept, now, expires_at))

    # --- what is kept ----------------------------------------------------------------------------------------------

    async def kept(self, result: Json, execution: StepExecution) -> Json:
        """Return how the row holds a result: the value itself, or where its bytes lie."""
        try:
            content = json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError):
            raise StepError("the result is no JSON", error_name="invalid-result") from None
        if len(content) <= MAX_INLINE_BYTES:
            return {"value": result}
        path = f".specloom/results/{execution.step}-{_file_name(self.visit)}.json"
        stored = await self._store(path, content, "application/json")
        uri = f"specloom://runs/{self.attempt.run.id}/artifacts/{path}"
        self.attempt.loaded[uri] = result
        return {"artifact": uri, "bytes": stored.bytes, "sha256": stored.sha256}

    async def _store(self, path: str, content: bytes, media_type: str) -> ArtifactStored:
        attempt, step = self.attempt, self.frame.id_of(self.step)
        if attempt.guard is not None:
            attempt.guard.keeps(Moment(self.step, step, self.visit), len(content))
        kept = await attempt.ports.artifacts.put(attempt.run.id, path, content, media_type)
        event = attempt.event("artifact.stored", step, path=kept.path, bytes=kept.bytes, sha256=kept.sha256)
        stored = ArtifactStored(attempt.run.id, kept.path, kept.bytes, kept.sha256, media_type, step, event.at)
        attempt.append(stored, event)
        return stored

    async def explained(self, execution: StepExecution, cause: StepError) -> RunError:
        """Return what is recorded of a failed try; the end of what it printed is kept beside it."""
        if isinstance(cause, StepFailed):
            return cause.error
        log_uri = None
        if cause.tail:
            path = f".specloom/logs/{execution.step}/try-{execution.try_number}-{_file_name(self.visit)}.log"
            await self._store(path, cause.tail.encode(), "text/plain; charset=utf-8")
            log_uri = f"specloom://runs/{self.attempt.run.id}/artifacts/{path}"
        return error_of(execution.step, execution.attempt, cause, log_uri)


def _file_name(visit: Visit) -> str:
    """Return a visit without what means something in a URL."""
    return visit.id.replace("#", "-")


def pause_before(policy: RetryPolicy, failures: int, uniform: Callable[[float, float], float]) -> float:
    """Return the seconds to wait before the try after `failures` failed ones (from 1).

    Full jitter draws from zero to the backoff: M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """
    grown = {
        "constant": policy.initial_seconds,
        "linear": policy.initial_seconds * failures,
        "exponential": policy.initial_seconds * 2 ** min(failures - 1, 62),
    }[policy.backoff]
    longest = min(grown, policy.cap_seconds)
    return uniform(0, longest) if policy.jitter == "full" else longest
