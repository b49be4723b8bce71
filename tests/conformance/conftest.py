"""What the exams share: the journals that take them, a run to record, and a fixed time."""

from datetime import UTC, datetime

import pytest

from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from workflows.memory import MemoryJournal
from workflows.run import Run, RunId

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def new_run():
    def make(run_id: str = "run-1", **changes) -> Run:
        values = {
            "id": RunId(run_id),
            "spec_name": "hello",
            "spec_revision": 1,
            "spec_version": "1.0.0",
            "spec_digest": "s" * 64,
            "plan_digest": "p" * 64,
            "inputs": {"topic": "tin ☂"},
            "created_at": NOW,
            "labels": {"tier": "gold"},
        }
        return Run(**{**values, **changes})

    return make


@pytest.fixture(params=["sql", "memory"])
async def journal(request, tmp_path):
    if request.param == "memory":
        yield MemoryJournal()
        return
    path = tmp_path / "exam.db"
    upgrade(path)
    async with open_database(path) as database:
        adapter = SqlJournal(database)
        yield adapter
        await adapter.aclose()
