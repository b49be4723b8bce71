from datetime import UTC, datetime

import pytest

from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from workflows.run import Run, RunId


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "test.db"
    upgrade(path)
    async with open_database(path) as opened:
        yield opened


@pytest.fixture
async def journal(database):
    opened = SqlJournal(database)
    yield opened
    await opened.aclose()


@pytest.fixture
def new_run():
    def make(run_id: str) -> Run:
        return Run(
            id=RunId(run_id),
            spec_name="hello",
            spec_revision=1,
            spec_version=None,
            spec_digest="s",
            plan_digest="p",
            inputs={},
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    return make
