"""The exam of journals and event logs, taken by the SQL and the in-memory adapter."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from workflows.errors import JournalError, UnknownRun
from workflows.records import (
    AnswerTaken,
    ArtifactStored,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    EventRecorded,
    ExpansionRecorded,
    KeyKept,
    QuestionAnswered,
    QuestionAsked,
    RunCreated,
    RunMoved,
    RunRetried,
    StepExecution,
    StepStatus,
)
from workflows.run import ALLOWED_MOVES, RunError, RunId, RunStatus

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")


@pytest.fixture
async def started(journal, new_run, now):
    """A journal with one run that is running."""
    await journal.commit(RunCreated(new_run()))
    assert await journal.commit(RunMoved(RUN, RunStatus.RUNNING, now), AttemptStarted(RUN, 1, "start", now))
    return journal


def asked(now, interrupt_id="q1", **changes) -> QuestionAsked:
    values = {"title": "Go?", "show": {"a": [1]}, "schema": {"type": "object"}, "assignees": ("ann",), "asked_at": now}
    return QuestionAsked(RUN, interrupt_id, "approve", "v1", **{**values, **changes})


async def statuses(journal) -> RunStatus:
    return (await journal.history(RUN)).run.status


async def test_a_created_run_reads_as_it_was_written(journal, new_run):
    run = new_run()
    assert await journal.commit(RunCreated(run)) is True
    history = await journal.history(RUN)
    assert history.run == run
    assert (history.steps, history.questions, history.expansions, history.last_seq) == ((), (), (), 0)


async def test_an_unknown_run_has_no_history(journal):
    with pytest.raises(UnknownRun):
        await journal.history(RunId("nobody"))


async def test_a_second_run_of_one_id_is_a_mistake_and_changes_nothing(journal, new_run):
    await journal.commit(RunCreated(new_run()))
    with pytest.raises(JournalError):
        await journal.commit(RunCreated(new_run(labels={})))
    assert (await journal.history(RUN)).run.labels == {"tier": "gold"}


async def test_moves_fill_in_what_they_bring(journal, new_run, now):
    await journal.commit(RunCreated(new_run()))
    later, end = now + timedelta(seconds=1), now + timedelta(seconds=9)
    assert await journal.commit(RunMoved(RUN, RunStatus.RUNNING, now), AttemptStarted(RUN, 1, "start", now))
    assert await journal.commit(RunMoved(RUN, RunStatus.QUEUED, later), AttemptEnded(RUN, 1, RunStatus.QUEUED, later))
    assert await journal.commit(RunMoved(RUN, RunStatus.RUNNING, later), AttemptStarted(RUN, 2, "recover", later))
    error = RunError("stage-failed", "it broke", code=None, node="a", log_uri="specloom://x")
    assert await journal.commit(RunMoved(RUN, RunStatus.FAILED, end, outputs={"x": [None]}, error=error))
    run = (await journal.history(RUN)).run
    assert (run.status, run.started_at, run.finished_at, run.attempt) == (RunStatus.FAILED, now, end, 2)
    assert (run.outputs, run.error) == ({"x": [None]}, error)


@pytest.mark.parametrize("source", list(RunStatus))
@pytest.mark.parametrize("target", list(RunStatus))
async def test_only_the_table_of_moves_lets_a_run_move(journal, new_run, now, source, target):
    await journal.commit(RunCreated(new_run(status=source)))
    is_allowed = target in ALLOWED_MOVES[source]
    assert await journal.commit(RunMoved(RUN, target, now)) is is_allowed
    assert await statuses(journal) is (target if is_allowed else source)


async def test_a_move_can_be_bound_to_one_source(started, now):
    assert await started.commit(RunMoved(RUN, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)) is False
    assert await started.commit(RunMoved(RUN, RunStatus.WAITING, now, only_from=RunStatus.RUNNING)) is True
    assert await started.commit(RunMoved(RUN, RunStatus.QUEUED, now, only_from=RunStatus.WAITING)) is True
    assert await started.commit(RunMoved(RUN, RunStatus.SUCCEEDED, now, only_from=RunStatus.QUEUED)) is False


async def test_a_guarded_record_of_an_unknown_run_is_refused(journal, now):
    assert await journal.commit(RunMoved(RunId("nobody"), RunStatus.RUNNING, now)) is False
    assert await journal.commit(CancelRequested(RunId("nobody"), now)) is False


async def test_a_unit_is_written_whole_or_not_at_all(started, now):
    accepted = await started.commit(
        EventRecorded(RUN, "step.started", now, "a", 1),
        StepExecution(RUN, "a", "v1", 1, StepStatus.RUNNING, 1, now),
        RunMoved(RUN, RunStatus.RUNNING, now),
        EventRecorded(RUN, "run.started", now),
    )
    assert accepted is False
    history = await started.history(RUN)
    assert (history.steps, history.last_seq) == ((), 0)
    await started.commit(EventRecorded(RUN, "run.started", now))
    assert [event.seq for event in await started.page(RUN, 0, 10)] == [1]


async def test_a_cancel_is_noted_until_the_run_is_final(started, now):
    assert await started.commit(CancelRequested(RUN, now)) is True
    assert (await started.history(RUN)).run.cancel_requested
    await started.commit(RunMoved(RUN, RunStatus.CANCELLED, now))
    assert await started.commit(CancelRequested(RUN, now)) is False


async def test_the_end_of_a_try_replaces_its_start_and_keeps_its_place(started, now):
    first = StepExecution(RUN, "a", "v1", 1, StepStatus.RUNNING, 1, now, arguments={"n": 1}, idempotency_key="k")
    second = StepExecution(RUN, "b", "v1", 1, StepStatus.RUNNING, 1, now)
    task = StepExecution(RUN, "a", "v1", 1, StepStatus.RUNNING, 1, now, task="T(1)", name="T")
    done = StepExecution(
        RUN, "a", "v1", 1, StepStatus.SUCCEEDED, 1, now, finished_at=now, result={"x": 1}, saves={"s": "x"}, goto="b"
    )
    started.append(first)
    started.append(second, task)
    started.append(done)
    await started.durable()
    assert (await started.history(RUN)).steps == (done, second, task)


async def test_questions_are_asked_once_and_answered_once(started, now):
    expires = now + timedelta(hours=1)
    await started.commit(asked(now, expires_at=expires))
    await started.commit(asked(now, title="Again?"))
    (question,) = (await started.history(RUN)).questions
    assert question.is_open
    assert (question.title, question.expires_at, question.assignees) == ("Go?", expires, ("ann",))
    assert await started.commit(QuestionAnswered(RUN, "q1", now, answer={"ok": True}, by="ann")) is True
    assert await started.commit(QuestionAnswered(RUN, "q1", now, has_expired=True)) is False
    assert await started.commit(QuestionAnswered(RUN, "q2", now)) is False
    (closed,) = (await started.history(RUN)).questions
    assert (closed.answer, closed.answered_at, closed.has_expired, closed.is_taken) == ({"ok": True}, now, False, False)


async def test_one_of_two_answers_at_the_same_time_wins(started, now):
    await started.commit(asked(now))
    answers = [started.commit(QuestionAnswered(RUN, "q1", now, answer=number)) for number in range(8)]
    assert sorted(await asyncio.gather(*answers)) == [False] * 7 + [True]


async def test_a_run_with_an_untaken_answer_does_not_go_to_wait(started, now):
    await started.commit(asked(now), asked(now, "q2"))
    await started.commit(QuestionAnswered(RUN, "q1", now, answer=1))
    assert await started.commit(RunMoved(RUN, RunStatus.WAITING, now, unless_answered=True)) is False
    await started.commit(AnswerTaken(RUN, "q1"))
    assert await started.commit(RunMoved(RUN, RunStatus.WAITING, now, unless_answered=True)) is True
    assert (await started.history(RUN)).questions[0].is_taken


async def test_expansions_and_artifacts_are_kept_by_place(started, now):
    first = ExpansionRecorded(RUN, "a", "v1", "d1", {"tasks": []}, now)
    second = ExpansionRecorded(RUN, "a", "v2", "d2", {"tasks": [1]}, now)
    await started.commit(first, second, ArtifactStored(RUN, "a/b.txt", 3, "f" * 64, "text/plain", "a", now))
    assert (await started.history(RUN)).expansions == (first, second)


async def test_events_are_numbered_without_gaps_whoever_writes_them(started, new_run, now):
    other = RunId("run-2")
    await started.commit(RunCreated(new_run("run-2")))

    async def write(run_id, count):
        for number in range(count):
            started.append(EventRecorded(run_id, "step.started", now, "a", 1, {"n": number}))
            if number % 7 == 0:
                await started.durable()
        await started.durable()

    async with anyio.create_task_group() as group:
        for run_id in (RUN, other, RUN):
            group.start_soon(write, run_id, 30)
    assert [event.seq for event in await started.page(RUN, 0, 1000)] == list(range(1, 61))
    assert [event.seq for event in await started.page(other, 0, 1000)] == list(range(1, 31))
    assert (await started.history(RUN)).last_seq == 60


async def test_pages_of_events_begin_after_a_number(started, now):
    for number in range(5):
        started.append(EventRecorded(RUN, "step.started", now, "a", 1, {"n": number}))
    await started.durable()
    assert [event.data["n"] for event in await started.page(RUN, 2, 2)] == [2, 3]
    assert await started.page(RUN, 5, 10) == ()
    (event,) = await started.page(RUN, 0, 1)
    assert (event.type, event.at, event.node, event.attempt) == ("step.started", now, "a", 1)


async def test_a_refused_unit_that_nobody_waited_for_shows_when_somebody_waits(started, now):
    started.append(RunMoved(RUN, RunStatus.RUNNING, now))
    with pytest.raises(JournalError, match="RunMoved"):
        await started.durable()


async def test_nothing_of_a_run_is_written_past_a_hole_until_it_is_taken_up_again(started, new_run, now):
    await started.commit(RunCreated(new_run("run-2")))
    started.append(EventRecorded(RUN, "step.started", now))
    started.append(RunMoved(RUN, RunStatus.RUNNING, now))
    started.append(EventRecorded(RUN, "step.succeeded", now))
    for _ in range(2):  # whoever asks is told, not only the first one
        with pytest.raises(JournalError, match="RunMoved"):
            await started.commit(EventRecorded(RUN, "step.failed", now))
    started.append(EventRecorded(RunId("run-2"), "step.started", now))
    await started.durable()
    assert [event.type for event in await started.page(RUN, 0, 9)] == ["step.started"]
    assert len(await started.page(RunId("run-2"), 0, 9)) == 1
    await started.reopen(RUN)
    started.append(EventRecorded(RUN, "run.started", now))
    await started.durable()
    assert [event.type for event in await started.page(RUN, 0, 9)] == ["step.started", "run.started"]


async def test_a_mistake_that_nobody_waited_for_makes_a_hole_too(started, now):
    started.append(AttemptStarted(RUN, 1, "start", now))  # there is an attempt of this number
    started.append(EventRecorded(RUN, "run.started", now))
    with pytest.raises(JournalError):
        await started.durable()
    assert await started.page(RUN, 0, 9) == ()


async def test_what_was_refused_to_somebody_who_waited_is_no_hole(started, now):
    assert await started.commit(RunMoved(RUN, RunStatus.RUNNING, now)) is False
    with pytest.raises(JournalError):
        await started.commit(AttemptStarted(RUN, 1, "start", now))
    started.append(EventRecorded(RUN, "run.started", now))
    await started.durable()
    assert len(await started.page(RUN, 0, 9)) == 1


async def test_history_holds_what_was_queued_before(started, now):
    started.append(EventRecorded(RUN, "step.started", now))
    assert (await started.history(RUN)).last_seq == 1


async def test_a_follower_gets_old_and_new_events_once_and_ends_with_the_run(started, now):
    started.append(EventRecorded(RUN, "run.started", now))
    await started.durable()
    seen = []

    async def follow(after):
        seqs = [event.seq async for event in started.follow(RUN, after)]
        seen.append((after, seqs))

    async with anyio.create_task_group() as group:
        group.start_soon(follow, 0)
        group.start_soon(follow, 2)
        await anyio.wait_all_tasks_blocked()
        for number in range(3):
            await started.commit(EventRecorded(RUN, "step.started", now, "a", 1, {"n": number}))
        await started.commit(RunMoved(RUN, RunStatus.SUCCEEDED, now), EventRecorded(RUN, "run.succeeded", now))
    assert sorted(seen) == [(0, [1, 2, 3, 4, 5]), (2, [3, 4, 5])]


async def test_following_a_finished_run_ends(started, now):
    await started.commit(RunMoved(RUN, RunStatus.SUCCEEDED, now), EventRecorded(RUN, "run.succeeded", now))
    assert [event.seq async for event in started.follow(RUN, 0)] == [1]
    assert [event.seq async for event in started.follow(RUN, 1)] == []
    assert [event.seq async for event in started.follow(RunId("nobody"), 0)] == []


async def test_a_slow_follower_reads_the_log_again_and_misses_nothing(started, now, monkeypatch):
    monkeypatch.setattr("workflows.following.MAX_UNREAD", 3)
    await started.commit(EventRecorded(RUN, "run.started", now))
    async with aclosing(started.follow(RUN, 0)) as events:
        seqs = [(await anext(events)).seq]
        for _ in range(20):
            await started.commit(EventRecorded(RUN, "step.started", now))
        await started.commit(RunMoved(RUN, RunStatus.SUCCEEDED, now), EventRecorded(RUN, "run.succeeded", now))
        seqs += [event.seq async for event in events]
    assert seqs == list(range(1, 23))


async def test_observers_hear_of_accepted_records_only(started, now):
    heard = []
    started.observe(heard.extend)
    question = asked(now)
    await started.commit(question)
    await started.commit(RunMoved(RUN, RunStatus.RUNNING, now))
    assert heard == [question]


def key(now, run_id=RUN, **changes) -> KeyKept:
    values = {"door": "execute", "body_digest": "d", "status": 202, "answer": {"id": run_id, "n": [None]}, "at": now}
    return KeyKept(run_id, "k1", **{**values, **changes})


async def test_a_key_is_kept_with_what_was_done_and_only_once(journal, new_run):
    now = datetime.now(UTC)
    assert await journal.kept("k1") is None
    assert await journal.commit(RunCreated(new_run()), key(now)) is True
    other = RunId("run-2")
    again = key(now, other, body_digest="e")
    assert await journal.commit(RunCreated(new_run(id=other)), EventRecorded(other, "run.queued", now), again) is False
    with pytest.raises(UnknownRun):
        await journal.history(other)
    assert await journal.kept("k1") == key(now)
    assert await journal.commit(CancelRequested(RUN, now), key(now)) is False
    assert (await journal.history(RUN)).run.cancel_requested is False


async def test_a_refused_unit_keeps_no_key(started, now):
    assert await started.commit(RunMoved(RUN, RunStatus.RUNNING, now), key(datetime.now(UTC))) is False
    assert await started.kept("k1") is None


async def test_a_key_stands_for_24_hours(journal, new_run):
    now = datetime.now(UTC)
    old = now - timedelta(hours=24, minutes=1)
    await journal.commit(RunCreated(new_run()))
    assert await journal.commit(key(old)) is True
    assert await journal.kept("k1") is None
    assert await journal.commit(key(now, body_digest="e")) is True
    assert await journal.kept("k1") == key(now, body_digest="e")
    assert await journal.commit(key(now + timedelta(hours=23))) is False


async def test_a_run_that_succeeded_is_queued_again_for_a_rerun_only(started, now):
    step = StepExecution(RUN, "a", "v1", 1, StepStatus.SUCCEEDED, 1, now)
    assert await started.commit(step, RunMoved(RUN, RunStatus.SUCCEEDED, now, outputs={"n": 1}))
    assert await started.commit(RunRetried(RUN, now)) is False
    taken_back = replace(step, status=StepStatus.SUPERSEDED)
    assert await started.commit(RunRetried(RUN, now, is_rerun=True), taken_back)
    history = await started.history(RUN)
    assert (history.run.status, history.run.outputs, history.run.retried_after) == (RunStatus.QUEUED, None, 1)
    assert [one.status for one in history.steps] == [StepStatus.SUPERSEDED]
    assert await started.commit(RunRetried(RUN, now, is_rerun=True)) is False
