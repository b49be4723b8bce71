"""Whatever a valid spec is, the engine takes the way that a page of Python takes, killed and resumed or not."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.reference import Interpreter, applied, specs
from tests.unit.workflows.bench import Bench
from translator.language.cel import CelEngine
from translator.language.reading import read
from translator.language.shape import check_shape
from translator.planning.catalog import CatalogEntry, FixedCatalog
from translator.planning.plan import Plan
from translator.planning.planning import plan
from workflows.errors import StepError
from workflows.hosting.evaluation import Evaluator
from workflows.ports import ToolCall
from workflows.run import RunStatus

Json = Any
CATALOG = FixedCatalog(
    CatalogEntry(kind="tool", name=name, version="1.0.0", source_digest=name, is_async=True)
    for name in ("t.ok", "t.bad")
)


def planned(spec: Json) -> Plan:
    """Return the plan of a random spec, which must be a valid one."""
    document = read(json.dumps(spec).encode(), "json")
    assert not isinstance(document, list), document
    shaped, problems = check_shape(document)
    assert shaped is not None, problems
    found = plan(shaped, document, CATALOG, CelEngine())
    assert isinstance(found, Plan), [(one.name, one.path, one.message) for one in found]
    return found


def meant(spec: Json, items: list[int]) -> Json:
    interpreter, empty = Interpreter(items), {"n": 0, "log": []}
    if "start" in spec:
        changes = interpreter.flow(spec["start"], spec["nodes"], empty, 0)
    else:
        changes = interpreter.dag(spec["nodes"], empty, 0)
    return applied(empty, changes)


class Deaths:
    """Tools that hang at some of their calls, where the attempt is then killed."""

    def __init__(self, at: set[int]) -> None:
        self._at, self._calls = at, 0
        self.reached = asyncio.Event()

    async def call(self, call: ToolCall) -> Json:
        self._calls += 1
        if self._calls in self._at:
            self.reached.set()
            await asyncio.sleep(3600)
        if call.binding.name == "t.bad":
            raise StepError("bad", error_name="tool-failed")
        return dict(call.arguments)


async def executed(found: Plan, items: list[int], deaths: Deaths) -> Json:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), Evaluator(), tools={"t.ok": deaths.call, "t.bad": deaths.call})
        await bench.create(found, items=items)
        while True:
            attempt = asyncio.ensure_future(bench.start(found).run_attempt(bench.run_id))
            death = asyncio.ensure_future(deaths.reached.wait())
            await asyncio.wait({attempt, death}, return_when=asyncio.FIRST_COMPLETED)
            death.cancel()
            if attempt.done():
                assert attempt.result() is RunStatus.SUCCEEDED, (await bench.history()).run.error
                break
            bench.forget(attempt)
            await asyncio.wait({attempt})
            deaths.reached.clear()
        run = (await bench.history()).run
        numbers = [event.seq for event in await bench.events()]
        assert numbers == list(range(1, len(numbers) + 1))
        return run.outputs


@pytest.mark.timeout(600)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs(), items=st.lists(st.integers(0, 9), max_size=3), kills=st.sets(st.integers(1, 12), max_size=2))
def test_the_engine_does_what_the_spec_means(spec: Json, items: list[int], kills: set[int]) -> None:
    outputs = asyncio.run(executed(planned(spec), items, Deaths(kills)))
    assert outputs == meant(spec, items)
