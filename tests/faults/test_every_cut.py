"""A kill after any unit of the journal: the run goes on from what was written, and comes to the same end.

LangGraph's task writes are not kept in these runs: that nothing is done or saved twice shows that rows replace them.
"""

from functools import partial

import pytest

from spec_service.storage import journal as journal_module
from spec_service.storage.checkpoints import JournalSaver
from spec_service.storage.database import open_database
from spec_service.storage.flushing import write_units
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from tests.unit.workflows.bench import Bench, human, plan_of, to, tool
from translator.planning.plan import Step
from workflows.hosting.evaluation import Evaluator
from workflows.records import StepExecution, StepStatus
from workflows.run import RunStatus

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PLAN = plan_of(
    tool("first", "block", save={"said": "first"}),
    Step(id="block", verb="dag", path="/nodes/block", transition=to("after")),
    tool("quick", block="block", save={"said": "quick"}),
    tool("needy", block="block", needs=("quick",), save={"said": "needy"}),
    human("ask", block="block", save={"said": "ask"}),
    tool("last", block="block", needs=("ask", "needy"), save={"said": "last"}),
    tool("after", "end", save={"said": "after"}),
    state={"said": {"schema": {"type": "array"}, "reduce": "append", "default": []}},
    outputs={"said": "${ state.said }", "answer": "${ nodes.ask.result }"},
)
OUTPUTS = {"said": ["first", "quick", "needy", "ask", "last", "after"], "answer": {"go": True}}


class Cut:
    """A run on a file of its own; it begins with the units that an earlier run had written before it was killed."""

    def __init__(self, folder, evaluator):
        self._folder, self._evaluator = folder, evaluator
        self.called: list[str] = []

    async def run(self, units=()) -> None:
        self._folder.mkdir()
        upgrade(self._folder / "cut.db")
        async with open_database(self._folder / "cut.db") as database:
            await database.write(partial(write_units, units=tuple(units), holes={}))
            journal = SqlJournal(database)
            bench = Bench(self._folder, self._evaluator, journal=journal)
            bench.saver = JournalSaver(database, journal).without_results()
            bench.tools = {f"t.{name}": self._work for name in ("first", "quick", "needy", "last", "after")}
            if not units:
                await bench.create(PLAN)
            status = await self._until_it_ends(bench)
            assert status is RunStatus.SUCCEEDED
            assert (await bench.history()).run.outputs == OUTPUTS
            await journal.aclose()

    async def _until_it_ends(self, bench) -> RunStatus:
        while not (status := (await bench.history()).run.status).is_final:
            if status is RunStatus.WAITING:
                await self._answer(bench)
            await bench.resume(PLAN)
        return status

    async def _answer(self, bench) -> None:
        questions = (await bench.history()).questions
        if any(one.is_open for one in questions):
            bench.engine = None
            await bench.answer({"go": True})
        else:  # killed between the answer and the move
            await bench.journal.commit(*bench.queued())

    async def _work(self, call):
        self.called.append(call.step)
        return {}


async def test_a_run_that_is_cut_anywhere_comes_to_the_same_end(tmp_path, monkeypatch):
    units = []

    def recording(connection, **given):
        units.extend(given["units"])
        return write_units(connection, **given)

    async with Evaluator() as evaluator:
        with monkeypatch.context() as patched:
            patched.setattr(journal_module, "write_units", recording)
            await Cut(tmp_path / "whole", evaluator).run()
        assert len(units) > 30
        for end in range(1, len(units) + 1):
            written = units[:end]
            cut = Cut(tmp_path / f"cut-{end}", evaluator)
            await cut.run(written)
            assert not set(cut.called) & succeeded(written), f"done again after unit {end}"


def succeeded(units) -> set[str]:
    records = [record for unit in units for record, _ in unit.parts]
    return {one.step for one in records if isinstance(one, StepExecution) and one.status is StepStatus.SUCCEEDED}
