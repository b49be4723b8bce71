"""The conversation of an agent, as the run's rows hold it: what was said is recorded as it goes, and never asked again.

Each answer of a model and each call of a tool is a step execution of its own below the agent's, known by its number:
turn 2, and in it call 1. An agent that is entered again, after a wait or a crash, begins its graph anew; what is
recorded is given back in its place, so that it comes to what is not. docs/adr/0005 says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workflows.attempt import MAX_INLINE_BYTES, Attempt
from workflows.masking import masked
from workflows.nodes.call import NodeCall
from workflows.records import ArtifactStored, StepExecution, StepStatus
from workflows.run import RunError

Json = Any
_CLOSED = "closed"  # the row that ends a conversation which led nowhere: the next try begins another
_WHOLE = "whole"  # the row with all that was said, for later visits
_LONGEST = 4000  # characters of a text in an event


@dataclass
class Conversation:
    """What one agent said and did at one visit; `turn` counts the answers of its model, from 1."""

    call: NodeCall
    prefix: str
    turn: int = 0
    calls: dict[str, str] = field(default_factory=dict[str, str])  # the number of each call of a tool, by its id

    @classmethod
    def of(cls, call: NodeCall) -> Conversation:
        """Take up the conversation of a visit, or begin another when the one before was closed or taken back."""
        execution = call.execution
        again = execution.path.removeprefix(execution.visit + execution.task)
        number = 0
        while call.attempt.execution(call.step_id, call.visit.id, f"{again}{number}.{_CLOSED}") is not None:
            number += 1
        return cls(call, f"{again}{number}")

    @property
    def attempt(self) -> Attempt:
        """Return the attempt in which this happens."""
        return self.call.attempt

    @property
    def is_new(self) -> bool:
        """Tell whether nothing was said yet."""
        return self.recorded("1") is None

    # --- rows ------------------------------------------------------------------------------------------------------

    def recorded(self, number: str) -> StepExecution | None:
        """Return the newest record of an answer (`2`) or of a call (`2.1`)."""
        return self.attempt.execution(self.call.step_id, self.call.visit.id, f"{self.prefix}.{number}")

    def opened(self, number: str, name: str, arguments: Json = None) -> StepExecution:
        """Return the record of an answer, or of a call that begins; the key of a call is the same at each try of it."""
        before, key = self.recorded(number), self.call.execution.idempotency_key
        return StepExecution(
            run_id=self.attempt.run.id,
            step=self.call.step_id,
            visit=self.call.visit.id,
            try_number=before.try_number + 1 if before else 1,
            status=StepStatus.RUNNING,
            attempt=self.attempt.number,
            started_at=datetime.now(UTC),
            task=f"{self.prefix}.{number}",
            name=name,
            idempotency_key=f"{key}/{self.prefix}.{number}",
            arguments=arguments,
        )

    def succeed(self, execution: StepExecution, kept: Json) -> StepExecution:
        """Return the record of what has a result."""
        return self.attempt.closed(execution, StepStatus.SUCCEEDED, result=kept)

    def fail(self, execution: StepExecution, name: str, message: str, kept: Json) -> StepExecution:
        """Return the record of a call that failed; what the model is told of it is kept."""
        error = RunError(name, message, node=self.call.step_id, attempt=self.attempt.number)
        return self.attempt.closed(execution, StepStatus.FAILED, error=error, result=kept)

    def close(self) -> None:
        """Note that the conversation led nowhere: what was said in it is not taken up again."""
        row = self.opened(_CLOSED, "")
        self.attempt.append(self.attempt.closed(row, StepStatus.CANCELLED))

    async def kept(self, value: Json, number: str) -> dict[str, Json]:
        """Return how a row holds a value: itself, or where its bytes lie."""
        content = json.dumps(value, ensure_ascii=False).encode()
        if len(content) <= MAX_INLINE_BYTES:
            return {"value": value}
        attempt, step = self.attempt, self.call.step_id
        visit = self.call.visit.id.replace("#", "-").replace(":", "-")
        path = f".specloom/conversations/{step}-{visit}-{self.prefix}.{number}.json"
        stored = await attempt.ports.artifacts.put(attempt.run.id, path, content, "application/json")
        event = attempt.event("artifact.stored", step, path=stored.path, bytes=stored.bytes, sha256=stored.sha256)
        record = ArtifactStored(
            attempt.run.id, stored.path, stored.bytes, stored.sha256, stored.media_type, step, event.at
        )
        attempt.append(record, event)
        uri = f"specloom://runs/{attempt.run.id}/artifacts/{path}"
        attempt.loaded[uri] = value
        return {"artifact": uri, "bytes": stored.bytes, "sha256": stored.sha256}

    # --- what is remembered ----------------------------------------------------------------------------------------

    async def keep_whole(self, messages: Sequence[Json]) -> None:
        """Keep all that was said, for later visits of the node."""
        row = self.opened(_WHOLE, "")
        self.attempt.append(self.succeed(row, await self.kept(list(messages), _WHOLE)))

    async def remembered(self) -> list[Json]:
        """Return what was said at earlier visits of the node in this run, the oldest first."""
        attempt, call = self.attempt, self.call
        visits = [
            one
            for one in attempt.executions.values()
            if one.step == call.step_id
            and one.task == call.execution.task
            and one.status is StepStatus.SUCCEEDED
            and one.visit != call.execution.visit
        ]
        found: list[Json] = []
        for visit in sorted(visits, key=lambda one: one.started_at):
            whole = self._whole_of(visit)
            if whole is not None:
                found = await attempt.result(whole)  # the newest holds what came before it
        return found

    def _whole_of(self, visit: StepExecution) -> StepExecution | None:
        name = f"{visit.visit}{visit.task}" if visit.task else visit.visit
        kept = [
            one
            for (step, where, task), one in self.attempt.executions.items()
            if step == visit.step and where == name and task.endswith(f".{_WHOLE}")
        ]
        return kept[-1] if kept else None

    # --- events ----------------------------------------------------------------------------------------------------

    def tell(self, kind: str, data: Mapping[str, Json]) -> Any:
        """Return an event of the agent, without what the step masks."""
        shown: dict[str, Json] = masked(dict(data), self.call.program.step.mask)
        return self.attempt.event(kind, self.call.step_id, **shown)


def shortened(text: str) -> str:
    """Return a text as events show it."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST:,} characters more)"
