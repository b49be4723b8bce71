"""The exam of result caches: the newest of a key stands until it expires, whichever run it is of."""

from datetime import timedelta

import pytest

from workflows.records import ResultCached, RunCreated, RunMoved
from workflows.run import RunId, RunStatus

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")
DAY = timedelta(days=1)


@pytest.fixture
async def cache(journal, new_run):
    for run_id in ("run-1", "run-2"):
        await journal.commit(RunCreated(new_run(run_id)))
    return journal


async def test_an_unknown_key_has_no_result(cache, now):
    assert await cache.get("k", now) is None


async def test_a_result_comes_back_as_it_was_kept(cache, now):
    kept = {"value": {"ü": [1.5, None, False]}}
    cache.append(ResultCached(RUN, "k", kept, now))
    assert await cache.get("k", now + DAY * 10_000) == kept
    assert await cache.get("K", now) is None


async def test_a_result_expires(cache, now):
    await cache.commit(ResultCached(RUN, "k", {"value": 1}, now, expires_at=now + DAY))
    assert await cache.get("k", now + DAY - timedelta(microseconds=1)) == {"value": 1}
    assert await cache.get("k", now + DAY) is None


async def test_the_newest_stands_whichever_run_it_is_of(cache, now):
    await cache.commit(ResultCached(RUN, "k", {"value": 1}, now, expires_at=now + DAY))
    await cache.commit(ResultCached(RunId("run-2"), "k", {"value": None}, now))
    assert await cache.get("k", now + DAY) == {"value": None}
    await cache.commit(ResultCached(RUN, "k", {"value": 3}, now, expires_at=now))
    assert await cache.get("k", now) is None


async def test_a_refused_unit_caches_nothing(cache, now):
    refused = RunMoved(RUN, RunStatus.SUCCEEDED, now)
    assert await cache.commit(ResultCached(RUN, "k", {"value": 1}, now), refused) is False
    assert await cache.get("k", now) is None
