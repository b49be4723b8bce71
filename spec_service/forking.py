"""A fork on its way: checked against what is recorded, its files copied, recorded in one unit, handed to the worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from structlog.stdlib import get_logger

from spec_service.errors import NotForkable, NotReady, PlanMismatch, Refused
from spec_service.fitting import require_fit
from spec_service.keys import RunAnswer, kept
from spec_service.ports import StoredSpec
from spec_service.queueing import new_run_id
from spec_service.requests import RequestKey
from spec_service.services import Services
from spec_service.travel_requests import ForkRequest
from spec_service.views import RunView
from translator.language.problems import Problem, did_you_mean
from translator.language.standalone import standalone
from translator.planning.plan import FINALLY, Plan
from workflows.records import (
    AnswerTaken,
    ArtifactStored,
    EventRecorded,
    History,
    Question,
    QuestionAnswered,
    QuestionAsked,
    Record,
    RunCreated,
    StepExecution,
)
from workflows.run import Fork, Run, RunId, RunStatus

if TYPE_CHECKING:  # with what they need, they load slowly
    from workflows.forking import Taken
    from workflows.recalling import Recording

Json = Any
log = get_logger("specloom.operations")


@dataclass(frozen=True, slots=True)
class Forking:
    """One request for a fork."""

    services: Services
    history: History
    plan: Plan
    request: ForkRequest

    async def queued(self, key: RequestKey | None) -> RunAnswer:
        """Record the new run and hand it to the worker; raises what forbids it."""
        from workflows.forking import moved, read_before  # noqa: PLC0415
        from workflows.recalling import Recording  # noqa: PLC0415

        run = self.history.run
        if run.status in {RunStatus.QUEUED, RunStatus.RUNNING}:
            raise NotForkable(f"only a run that is over or waits can be forked; this one is {run.status}")
        recording = Recording(self.plan, self.history)
        taken = self._taken(recording)
        plan, stored = await self._plan(recording, taken)
        await self._check_sets(recording, taken, plan)
        inputs = await self._inputs(plan)
        changed = tuple(name for name, value in inputs.items() if value != run.inputs.get(name))
        fork = replace(
            taken.fork, sets=self.request.sets, inputs=changed, read_before=read_before(taken, recording, changed)
        )
        made = _run(run, stored, plan, inputs, fork)
        artifacts = await self._copied(taken, made.id)
        rows = [await self._own_result(one, made.id) for one in moved(taken, made.id)]
        return await self._written(made, [*rows, *_settled(taken, made.id), *artifacts], key)

    async def _written(self, made: Run, records: list[Record], key: RequestKey | None) -> RunAnswer:
        answer, now, fork = RunAnswer(RunView.of(made)), made.created_at, made.forked_from
        about: dict[str, Json] = {"spec": f"{made.spec_name}@r{made.spec_revision}", "plan": made.plan_digest}
        queued = EventRecorded(made.id, "run.queued", now, data=about)
        told: dict[str, Json] = {"run": fork.run, "step": fork.step, "visit": fork.visit} if fork else {}
        told |= {"taken": fork.taken, "set": [*fork.sets], "inputs": [*fork.inputs]} if fork else {}
        forked = EventRecorded(made.id, "run.forked", now, data=told)
        if not await self.services.journal.commit(RunCreated(made), *records, queued, forked, *kept(key, answer, now)):
            raise NotReady
        log.info("run.forked", run_id=made.id, of=self.history.run.id)
        self.services.worker.submit(made.id, made.priority)
        return answer

    # --- what is checked -------------------------------------------------------------------------------------------

    def _taken(self, recording: Recording) -> Taken:
        from workflows.forking import take_over, targets  # noqa: PLC0415

        at = self.request.at
        found = targets(recording, at)
        if not found:
            known = {one.step for one in recording.rows.values()}
            message = "no node of this name was executed in the run, and none began at such a checkpoint"
            raise Refused([Problem("unknown-node", message, "/at", suggestion=did_you_mean(at, known))])
        number = self.request.visit or len(found)
        if number > len(found):
            message = f"the run came to {at} {len(found)} {'time' if len(found) == 1 else 'times'}"
            raise Refused([Problem("out-of-range", message, "/visit")])
        target = found[number - 1]
        place = recording.places.of(target.step)
        if place and place[1].block == FINALLY:
            message = "what stands under `finally` belongs to the end of a run; fork it at a node before"
            raise Refused([Problem("not-forkable", message, "/at")])
        if at != target.step:  # a checkpoint: all that began there
            return take_over(recording, target, recording.ordinal(target) + 1, whole=True)
        return take_over(recording, target, number)

    async def _plan(self, recording: Recording, taken: Taken) -> tuple[Plan, StoredSpec | None]:
        from workflows.forking import in_the_way  # noqa: PLC0415

        if self.request.plan is None:
            return self.plan, None
        plan = await self.services.plans.get(self.request.plan.removeprefix("sha256:"))
        if plan.spec_name != self.plan.spec_name:
            raise PlanMismatch
        if wrong := in_the_way(taken, recording, plan):
            message = "`{}` was done before, and with this plan {}"
            raise Refused([Problem("not-forkable", message.format(name, why), "/plan") for name, why in wrong.items()])
        if taken.fork.step not in {*_names(plan)}:
            raise Refused([Problem("not-forkable", f"the plan has no node `{taken.fork.step}`", "/plan")])
        return plan, await self.services.specs.get(plan.spec_digest)

    async def _check_sets(self, recording: Recording, taken: Taken, plan: Plan) -> None:
        """Refuse channels that the workflow of the step does not have, and values that do not fit them."""
        from workflows.recalling import Places  # noqa: PLC0415

        place = Places(plan).of(taken.fork.step) or recording.places.of(taken.fork.step)
        here = place[0] if place else plan
        for name, value in self.request.sets.items():
            channel = here.state.get(name)
            if channel is None:
                message, hint = "the workflow has no such channel", did_you_mean(name, here.state)
                raise Refused([Problem("unknown-channel", message, f"/set/{name}", suggestion=hint)])
            if value is not None:
                schema = standalone(channel.schema_, here.defs)
                await require_fit(schema, value, pointer=f"/set/{name}", name="wrong-type")

    async def _inputs(self, plan: Plan) -> Mapping[str, Json]:
        from translator.language.schemas import with_defaults  # noqa: PLC0415 - jsonschema loads slowly

        schema = standalone(plan.inputs, plan.defs)
        inputs = with_defaults(schema, {**self.history.run.inputs, **self.request.inputs})
        await require_fit(schema, inputs, pointer="/inputs", name="invalid-inputs")
        return inputs

    # --- what is copied --------------------------------------------------------------------------------------------

    async def _copied(self, taken: Taken, new: RunId) -> list[ArtifactStored]:
        """Copy the files that belong to what is taken over, and return what the new run keeps of them."""
        from workflows.forking import named_artifacts  # noqa: PLC0415

        old = self.history.run.id
        stored = await self.services.runs.artifacts(old)
        named = named_artifacts(taken.rows, old)
        times = [(one.started_at.timestamp(), _end(one)) for one in taken.rows]
        foreign = {one.path for one in stored if one.step not in taken.steps and one.path not in named}
        began = taken.began_at.timestamp()

        def wanted(path: str, at: float) -> bool:
            if path in named:
                return True
            is_of_taken = at <= began or any(start <= at <= end for start, end in times)
            return is_of_taken and path not in foreign

        copied = await self.services.artifacts.take_over(old, new, named, wanted)
        return [replace(one, run_id=new) for one in stored if one.path in copied]

    async def _own_result(self, row: StepExecution, new: RunId) -> StepExecution:
        """Return a record whose large result names the artifacts of the new run, in a file of its own."""
        from workflows.forking import address  # noqa: PLC0415

        kept_before: Mapping[str, Json] = row.result or {}
        uri: str = kept_before.get("artifact", "")
        old = address(self.history.run.id).encode()
        if not uri.startswith(address(new)):
            return row
        content = await self.services.artifacts.read(uri)
        if old not in content:
            return row
        own = content.replace(old, address(new).encode())
        await self.services.artifacts.put(new, uri.removeprefix(address(new)), own, "application/json")
        kept_so: dict[str, Json] = {"artifact": uri, "bytes": len(own), "sha256": hashlib.sha256(own).hexdigest()}
        return replace(row, result=kept_so)


def _names(plan: Plan) -> Iterator[str]:
    """Yield the ids that steps of a plan have in the records of a run."""
    for step in plan.steps:
        yield step.id
        called = plan.workflows.get(step.call.source_digest) if step.call else None
        if called is not None:
            inner = called.model_copy(update={"workflows": plan.workflows})
            yield from (f"{step.id}/{name}" for name in _names(inner))


def _end(one: StepExecution) -> float:
    return one.finished_at.timestamp() if one.finished_at else one.started_at.timestamp()


def _run(old: Run, stored: StoredSpec | None, plan: Plan, inputs: Mapping[str, Json], fork: Fork) -> Run:
    return Run(
        id=new_run_id(),
        spec_name=old.spec_name,
        spec_revision=stored.revision if stored else old.spec_revision,
        spec_version=stored.version if stored else old.spec_version,
        spec_digest=stored.digest if stored else old.spec_digest,
        plan_digest=plan.digest,
        inputs=inputs,
        created_at=datetime.now(UTC),
        labels=old.labels,
        priority=old.priority,
        forked_from=fork,
    )


def _settled(taken: Taken, new: RunId) -> Iterator[Record]:
    """Yield the answers and expansions that were taken over, as records of the new run."""
    yield from (replace(one, run_id=new) for one in taken.expansions)
    for one in taken.questions:
        yield _asked(one, new)
        if one.answered_at is not None:
            yield QuestionAnswered(new, one.interrupt_id, one.answered_at, one.answer, one.has_expired)
        yield AnswerTaken(new, one.interrupt_id)


def _asked(one: Question, new: RunId) -> QuestionAsked:
    return QuestionAsked(
        run_id=new,
        interrupt_id=one.interrupt_id,
        step=one.step,
        visit=one.visit,
        title=one.title,
        show=one.show,
        schema=one.schema,
        assignees=one.assignees,
        asked_at=one.asked_at,
        expires_at=one.expires_at,
        description=one.description,
        kind="person" if one.kind == "signal" else one.kind,  # it must not take a signal that is kept
        signal=None if one.kind == "signal" else one.signal,
        key=one.key,
    )
