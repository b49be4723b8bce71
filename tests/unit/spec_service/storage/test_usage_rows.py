"""Totals of usage out of the rows of tries."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_service.ports import UsageQuery
from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from spec_service.storage.runs import SqlRunBoard
from spec_service.storage.usage_rows import SqlUsageBoard
from workflows.records import RunCreated, StepExecution, StepStatus
from workflows.run import Run, RunId
from workflows.usage import NOTHING, Usage

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = st.integers(0, 10**9)
USAGES = st.builds(
    Usage,
    tokens_in=COUNT,
    tokens_out=COUNT,
    cached_tokens=COUNT,
    cost_usd=st.integers(0, 10**6).map(lambda cents: cents / 100),
    tool_calls=COUNT,
    model_calls=COUNT,
    retries=COUNT,
    models=st.sampled_from([(), ("m",)]),
    unknown=st.dictionaries(st.sampled_from(["a", "b.c"]), COUNT.filter(bool), max_size=2),
)


def run_of(name: str, parent: str | None = None) -> Run:
    return Run(RunId(name), f"spec-{name}", 1, "s", "p", {}, NOW, parent=RunId(parent) if parent else None)


def row(run: str, number: int, usage: Usage | None) -> StepExecution:
    at = NOW + timedelta(seconds=number)
    return StepExecution(RunId(run), "a", str(number), 1, StepStatus.FAILED, 1, at, usage=usage)


@given(first=st.lists(USAGES, max_size=5), second=st.lists(USAGES, max_size=5))
@settings(max_examples=15, deadline=None)
async def test_totals_are_the_sums_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, first: list[Usage], second: list[Usage]
) -> None:
    path: Path = tmp_path_factory.mktemp("usage") / "a.db"
    upgrade(path)
    async with open_database(path) as database:
        journal, board, runs = SqlJournal(database), SqlUsageBoard(database), SqlRunBoard(database)
        for name, usages, parent in (("one", first, None), ("two", second, "one")):
            rows = [row(name, number, usage) for number, usage in enumerate([*usages, None])]
            assert await journal.commit(RunCreated(run_of(name, parent)), *rows)
        for name, usages in (("one", first), ("two", second)):
            assert (await runs.get(RunId(name))).usage == sum(usages, NOTHING)
        whole = sum([*first, *second], NOTHING)
        family = await board.used_by_family(RunId("one"))
        assert (family.tokens, family.unknown) == (whole.tokens, whole.unknown)
        assert (await board.used_since(NOW)).tokens == whole.tokens
        assert (await board.used_since(NOW, "spec-two")).tokens == sum(second, NOTHING).tokens
        assert (await board.used_since(NOW + timedelta(days=1))) == NOTHING
        groups = await board.groups(UsageQuery("spec"))
        assert {one.key: one.usage.tokens for one in groups} == {
            key: sum(usages, NOTHING).tokens for key, usages in (("spec-one", first), ("spec-two", second)) if usages
        }
        await journal.aclose()


async def test_many_rows_are_summed_up_where_they_lie(tmp_path: Path) -> None:
    upgrade(tmp_path / "a.db")
    async with open_database(tmp_path / "a.db") as database:
        journal = SqlJournal(database)
        usages = [Usage(tokens_in=number, cost_usd=0.001, models=(f"m{number % 2}",)) for number in range(150)]
        rows = [row("one", number, usage) for number, usage in enumerate(usages)]
        assert await journal.commit(RunCreated(run_of("one", None)), *rows)
        found = (await SqlRunBoard(database).get(RunId("one"))).usage
        assert (found.tokens_in, found.cost_usd, found.models) == (sum(range(150)), 0.15, ("m0", "m1"))
        await journal.aclose()
