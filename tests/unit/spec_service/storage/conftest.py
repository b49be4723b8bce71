import pytest

from spec_service.storage.database import open_database
from spec_service.storage.migrating import upgrade


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "test.db"
    upgrade(path)
    async with open_database(path) as opened:
        yield opened
