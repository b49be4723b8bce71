"""The preview of a plan: which Luigi tasks its steps would build with some inputs, and which are complete already."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spec_service.fitting import require_fit
from spec_service.planner import Planner
from spec_service.ports import StageSurveyor
from spec_service.preview_views import PlanPreview, StepPreview, TaskPreview
from translator.planning.plan import Plan
from workflows.luigi.calls import StageCall
from workflows.luigi.errors import StageError
from workflows.luigi.registry import LuigiGroup
from workflows.luigi.survey import Survey
from workflows.run import RunId

if TYPE_CHECKING:  # it loads the expression engine
    from translator.planning.deciding import Decided

Json = Any
SECONDS = 60.0  # that one stage may take to say what it requires
MOST_TASKS = 2_000  # that one preview names, and …
MOST_OF_STEP = 500  # … of one step; what is left out is counted
_SOME = 5  # places that a warning names


@dataclass(frozen=True, slots=True)
class Previewer:
    """Asks stage hosts what the steps of a plan would build."""

    planner: Planner
    surveyor: StageSurveyor
    groups: Mapping[str, LuigiGroup]  # by name of the stage

    async def preview(self, plan: Plan, given: Mapping[str, Json]) -> PlanPreview:
        """Return the preview of each luigi step; raises `Refused` for inputs that the plan does not take.

        A step that builds in a private directory is looked at in an empty one: that is what a run finds.
        """
        from translator.language.schemas import with_defaults  # noqa: PLC0415 - jsonschema loads slowly

        inputs = with_defaults(plan.inputs, given)
        await require_fit(plan.inputs, inputs, pointer="/inputs", name="invalid-inputs")
        found: list[StepPreview] = []
        room = MOST_TASKS
        with tempfile.TemporaryDirectory(prefix="specloom-preview-") as empty:
            for one in await self.planner.decide(plan, inputs):
                step = await self._of(one, Path(empty), min(room, MOST_OF_STEP))
                room -= len(step.tasks)
                found.append(step)
        return tuple(found)

    async def _of(self, one: Decided, empty: Path, room: int) -> StepPreview:
        step, call = one.step, one.step.call
        stage = call.name if call else ""
        group = self.groups.get(stage)
        if one.why_not or call is None or group is None:
            why_not = one.why_not or "the catalog has no such stage any more"
            return StepPreview(step=step.id, stage=stage, undecided=why_not)
        requires = "satisfied" if step.verb == "wait" else step.requires  # whoever builds it, it is not the step
        asked = StageCall(
            stage, group, {}, RunId("preview"), empty, "", requires, timeout=SECONDS, parameters=call.parameters
        )
        surveys: list[Survey] = []
        for arguments in one.arguments:
            try:
                surveys.append(await self.surveyor.survey(replace(asked, arguments=arguments)))
            except StageError as error:
                return StepPreview(step=step.id, stage=stage, error=error.message, items=one.items)
        return _shown(one, stage, group, surveys, room)


def _shown(one: Decided, stage: str, group: LuigiGroup, surveys: list[Survey], room: int) -> StepPreview:
    tasks = {task.task.key: task for survey in surveys for task in survey.tasks}
    counts = Counter(task.status for task in tasks.values())
    named = list(tasks.values())[-room:] if room > 0 else []  # what is needed stands first: the last are near the root
    outside = list(dict.fromkeys(path for task in tasks.values() for path in task.outside))
    return StepPreview(
        step=one.step.id,
        stage=stage,
        tasks=tuple(
            TaskPreview(task=task.task.key, name=task.task.name, status=task.status, needs=task.task.needs)
            for task in named
        ),
        roots=tuple(survey.root for survey in surveys)[:MOST_OF_STEP],
        total=len(tasks),
        complete=counts["complete"],
        missing=counts["missing"],
        external=counts["external"],
        broken=counts["broken"],
        digest=_digest([survey.digest for survey in surveys]),
        items=one.items,
        warnings=tuple(_warnings(group, outside, counts["complete"])),
    )


def _digest(digests: list[str]) -> str | None:
    """Return the digest of the expansion that a run would record; of several, one of all."""
    if len(digests) <= 1:
        return digests[0] if digests else None
    return "sha256:" + hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _warnings(group: LuigiGroup, outside: list[str], complete: int) -> list[str]:
    """Tell which targets two runs would share."""
    there = f"; of its tasks {complete} are complete there already, and are not run again" if complete else ""
    if group.workdir is not None:
        return [f"all runs work in one directory, {group.workdir}: two at a time write the same files{there}"]
    if outside:
        more = ", …" if len(outside) > _SOME else ""
        where = ", ".join(outside[:_SOME]) + more
        return [f"targets lie outside of the run's directory: two runs at a time write the same files: {where}{there}"]
    return []
