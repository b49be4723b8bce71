from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.key_rows import sweep_keys
from spec_service.storage.migrating import upgrade
from workflows.records import KEYS_KEPT, KeyKept, RunCreated
from workflows.run import Run, RunId

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")


async def test_keys_that_are_over_are_swept_and_others_stay(tmp_path):
    now, path = datetime.now(UTC), tmp_path / "keys.db"
    upgrade(path)
    async with open_database(path) as database:
        journal = SqlJournal(database)
        run = Run(RUN, spec_name="s", spec_revision=1, spec_digest="d", plan_digest="p", inputs={}, created_at=now)
        kept = [
            KeyKept(RUN, name, "door", "digest", 202, {}, now - age)
            for name, age in (("old", KEYS_KEPT), ("older", 2 * KEYS_KEPT), ("young", KEYS_KEPT - timedelta(hours=1)))
        ]
        assert await journal.commit(RunCreated(run), *kept)
        assert await database.write(partial(sweep_keys, now=now)) == 2
        assert await database.write(partial(sweep_keys, now=now)) == 0
        assert [one.key for one in kept if await journal.kept(one.key)] == ["young"]
        await journal.aclose()
