"""LangGraph's own exam of checkpoint savers, sat by ours as it is and with encryption: all of it must be passed."""

import pytest
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES
from langgraph.checkpoint.conformance.initializer import RegisteredCheckpointer
from langgraph.checkpoint.conformance.validate import validate

from spec_service.storage.aes_sealing import AesSealer
from spec_service.storage.checkpoints import JournalSaver
from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from spec_service.storage.sealing import PlainSealer

pytestmark = pytest.mark.anyio
TESTS = 81


@pytest.mark.parametrize("sealer", [PlainSealer(), AesSealer((bytes(range(32)),))], ids=["plain", "encrypted"])
async def test_our_saver_passes_the_whole_exam_of_langgraph(sealer, tmp_path):
    upgrade(tmp_path / "exam.db")
    async with open_database(tmp_path / "exam.db") as database:
        journal = SqlJournal(database)

        async def one_more():
            yield JournalSaver(database, journal, sealer)

        report = await validate(RegisteredCheckpointer("JournalSaver", one_more))
        await journal.aclose()
    failures = {name: one.failures for name, one in report.results.items() if one.failures}
    assert failures == {}
    assert {name for name, one in report.results.items() if one.passed} == {one.value for one in ALL_CAPABILITIES}
    assert sum(one.tests_passed for one in report.results.values()) == TESTS
