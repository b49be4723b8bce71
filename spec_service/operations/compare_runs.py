"""Compare two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from anyio import to_thread

from spec_service.services import Services
from spec_service.travel_views import ComparisonView, RunBesideView
from spec_service.views import ForkView
from translator.planning.plan import Plan
from workflows.comparison import Unlike
from workflows.masking import masked
from workflows.records import History
from workflows.run import Run, RunId

Json = Any


async def compare_runs(services: Services, one: str, other: str) -> ComparisonView:
    """Return the ways of two runs, where they part, and what is different of them; raises `UnknownRun`."""
    first, second = await _known(services, one), await _known(services, other)
    await services.replayer.get()  # what reads records is loaded with it
    from workflows.comparing import compare  # noqa: PLC0415 - with what it needs it loads slowly

    found = await to_thread.run_sync(compare, first, second)
    fields = {field for _, plan in (first, second) for step in plan.steps for field in step.mask}
    shown = replace(
        found,
        inputs=tuple(_masked(one, fields) for one in found.inputs),
        outputs=tuple(_masked(one, fields) for one in found.outputs),
    )
    runs = (first[0].run, second[0].run)
    a, b = (_of(run, found.seconds[n], found.usage[n]) for n, run in enumerate(runs))
    return ComparisonView.of(a, b, shown)


async def _known(services: Services, run_id: str) -> tuple[History, Plan]:
    history = await services.journal.history(RunId(run_id))
    return history, await services.plans.get(history.run.plan_digest)


def _of(run: Run, seconds: float | None, usage: Json) -> RunBesideView:
    return RunBesideView(
        id=run.id,
        spec=f"{run.spec_name}@r{run.spec_revision}",
        plan=run.plan_digest,
        status=run.status.value,
        seconds=seconds,
        usage=usage,
        forked_from=ForkView.of(run.forked_from) if run.forked_from else None,
    )


def _masked(one: Unlike, fields: set[str]) -> Unlike:
    shown = [masked({one.name: value}, fields)[one.name] for value in (one.one, one.other)]
    return replace(one, one=shown[0], other=shown[1])
