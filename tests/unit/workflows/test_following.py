"""Followers of transcripts: what they remember of young runs, so that following one from its start takes no read."""

from datetime import UTC, datetime

import pytest

from workflows.following import YOUNG_EVENTS, YOUNG_RUNS, Followers
from workflows.records import Event
from workflows.run import RunId

pytestmark = pytest.mark.anyio
RUN = RunId("r1")


class Log:
    """A log that is read page by page, and counts how often."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reads = 0

    def add(self, type_: str, run: RunId = RUN) -> Event:
        seq = 1 + sum(1 for one in self.events if one.run_id == run)
        event = Event(run, seq, type_, datetime.now(UTC), None, None, {})
        self.events.append(event)
        return event

    async def read(self, run_id: RunId, after: int, limit: int) -> tuple[tuple[Event, ...], bool]:
        self.reads += 1
        found = [one for one in self.events if one.run_id == run_id]
        is_final = bool(found) and found[-1].type == "run.succeeded"
        return tuple(one for one in found if one.seq > after)[:limit], is_final


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def followers() -> Followers:
    return Followers()


async def told(followers: Followers, log: Log, count: int, after: int = 0) -> list[int]:
    events = followers.follow(RUN, after, log.read)
    seqs = [(await anext(events)).seq for _ in range(count)]
    await events.aclose()
    return seqs


async def test_a_young_run_is_followed_without_a_read(followers: Followers, log: Log):
    followers.announce([log.add("run.queued"), log.add("run.started")])
    events = followers.follow(RUN, 0, log.read)
    assert [(await anext(events)).seq for _ in range(2)] == [1, 2]
    followers.announce([log.add("step.started")])
    assert (await anext(events)).seq == 3
    assert log.reads == 0
    followers.announce([log.add("run.succeeded")])
    assert [event.seq async for event in events] == [4]
    assert await told(followers, log, 2, after=1) == [2, 3]


async def test_what_is_over_is_read(followers: Followers, log: Log):
    followers.announce([log.add("run.queued")])
    followers.announce([log.add("run.succeeded")])
    assert [event.seq async for event in followers.follow(RUN, 0, log.read)] == [1, 2]
    assert log.reads == 1


async def test_a_run_that_was_there_before_is_read(followers: Followers, log: Log):
    log.add("run.queued")
    followers.announce([log.add("run.started")])
    assert await told(followers, log, 2) == [1, 2]
    assert log.reads == 1


async def test_a_long_transcript_is_read(followers: Followers, log: Log):
    followers.announce([log.add("run.queued") for _ in range(YOUNG_EVENTS + 1)])
    assert await told(followers, log, YOUNG_EVENTS + 1) == list(range(1, YOUNG_EVENTS + 2))
    assert log.reads == 1


async def test_only_so_many_runs_are_remembered(followers: Followers, log: Log):
    followers.announce([log.add("run.queued")])
    followers.announce([log.add("run.queued", RunId(f"other-{number}")) for number in range(YOUNG_RUNS)])
    assert await told(followers, log, 1) == [1]
    assert log.reads == 1
