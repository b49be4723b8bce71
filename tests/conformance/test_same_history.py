"""Whatever is recorded in whatever order: both journals accept and refuse the same, and remember the same."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from spec_service.storage.database import open_database
from spec_service.storage.journal import SqlJournal
from spec_service.storage.migrating import upgrade
from workflows.errors import JournalError
from workflows.memory import MemoryJournal
from workflows.records import (
    NO_RUN,
    AnswerTaken,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    EventRecorded,
    ExpansionRecorded,
    QuestionAnswered,
    QuestionAsked,
    ResultCached,
    RunCreated,
    RunMoved,
    RunRetried,
    SignalKept,
    StepExecution,
    StepStatus,
)
from workflows.run import Run, RunError, RunId, RunStatus

RUN = RunId("run-1")
START = datetime(2026, 3, 1, tzinfo=UTC)
times = st.integers(0, 5).map(lambda seconds: START + timedelta(seconds=seconds))
words = st.sampled_from(["a", "b"])
values = st.sampled_from([None, 0, "ü", [], {"x": [1.5, None]}, False])
statuses = st.sampled_from(list(RunStatus))
errors = st.sampled_from([None, RunError("stage-failed", "it broke", node="a")])

records = st.one_of(
    st.builds(
        RunMoved,
        st.just(RUN),
        statuses,
        times,
        outputs=values,
        error=errors,
        unless_answered=st.booleans(),
        only_from=st.none() | statuses,
    ),
    st.builds(CancelRequested, st.just(RUN), times),
    st.builds(AttemptStarted, st.just(RUN), st.integers(1, 3), st.just("start"), times),
    st.builds(AttemptEnded, st.just(RUN), st.integers(1, 3), statuses, times),
    st.builds(
        StepExecution,
        st.just(RUN),
        words,
        words,
        st.integers(1, 2),
        st.sampled_from(list(StepStatus)),
        st.just(1),
        times,
        task=st.sampled_from(["", "T"]),
        result=values,
        error=errors,
        goto=st.none() | words,
    ),
    st.builds(
        QuestionAsked, st.just(RUN), words, words, words, words, values, st.just({}), st.just(("ann",)), times,
        expires_at=st.none() | times, kind=st.sampled_from(["person", "time", "poll"]),
    ),
    st.builds(
        QuestionAsked, st.just(RUN), words, words, words, words, values, st.just({}), st.just(()), times,
        kind=st.just("signal"), signal=words, key=st.none() | words,
    ),
    st.builds(SignalKept, st.just(RUN), st.integers().map(str), words, st.none() | words, values, times),
    st.builds(ResultCached, st.just(RUN), words, values.map(lambda one: {"value": one}), times, st.none() | times),
    st.builds(RunRetried, st.just(RUN), times),
    st.builds(QuestionAnswered, st.just(RUN), words, times, answer=values, has_expired=st.booleans()),
    st.builds(AnswerTaken, st.just(RUN), words),
    st.builds(ExpansionRecorded, st.just(RUN), words, words, words, values, times),
    st.builds(EventRecorded, st.just(RUN), words, times, st.none() | words, st.just(1), values),
)  # fmt: skip
keyed = st.builds(SignalKept, st.just(NO_RUN), st.integers().map(str), words, words, values, times).map(
    lambda one: (one,)
)
units = st.lists(st.lists(records, min_size=1, max_size=3).map(tuple) | keyed, max_size=12)


async def outcome(journal, unit) -> object:
    try:
        return await journal.commit(*unit)
    except JournalError:
        return "mistake"


async def compare(path: Path, given_units) -> None:
    upgrade(path)
    async with open_database(path) as database:
        durable, memory = SqlJournal(database), MemoryJournal()
        run = Run(RUN, "s", 1, "d", "p", {}, START)
        for unit in [(RunCreated(run),), *given_units]:
            assert await outcome(durable, unit) == await outcome(memory, unit)
        assert await durable.history(RUN) == await memory.history(RUN)
        events = await durable.page(RUN, 0, 1000)
        assert events == await memory.page(RUN, 0, 1000)
        for key in ("a", "b"):
            assert await durable.get(key, START) == await memory.get(key, START)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        await durable.aclose()


@settings(max_examples=40, deadline=None)
@given(units)
def test_both_journals_remember_the_same(given_units):
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(compare, Path(folder) / "exam.db", given_units)
