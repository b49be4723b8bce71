"""The exam of journals about signals: kept until something waits, taken by the first question that fits."""

from datetime import timedelta

import pytest

from workflows.errors import JournalError
from workflows.records import (
    NO_RUN,
    SIGNALS_KEPT,
    AnswerTaken,
    EventRecorded,
    QuestionAnswered,
    QuestionAsked,
    RunCreated,
    RunMoved,
    RunRetried,
    SignalKept,
)
from workflows.run import RunId, RunStatus

pytestmark = pytest.mark.anyio
RUN, OTHER = RunId("run-1"), RunId("run-2")


@pytest.fixture
async def started(journal, new_run, now):
    """A journal with two runs that are running."""
    for run_id in (RUN, OTHER):
        await journal.commit(RunCreated(new_run(run_id)))
        assert await journal.commit(RunMoved(run_id, RunStatus.RUNNING, now))
    return journal


def sent(now, number=1, *, name="paid", key=None, run_id=RUN):
    return SignalKept(run_id, f"s{number}", name, key, {"n": number}, now)


def waits(now, interrupt_id="q1", name="paid", key=None, run_id=RUN, **changes) -> QuestionAsked:
    asked = {"title": "", "show": None, "schema": {}, "assignees": (), "asked_at": now, **changes}
    return QuestionAsked(run_id, interrupt_id, "pay", "v1", kind="signal", signal=name, key=key, **asked)


async def test_a_question_reads_as_it_was_asked(started, now):
    assert await started.question(RUN, "q1") is None
    assert await started.question(RunId("nobody"), "q1") is None
    started.append(waits(now, key="k", expires_at=now + timedelta(hours=1)))
    found = await started.question(RUN, "q1")
    assert (found.kind, found.signal, found.key, found.is_open) == ("signal", "paid", "k", True)
    assert (await started.history(RUN)).questions == (found,)


async def test_the_oldest_kept_signal_answers_the_question_that_comes_later(started, now):
    assert await started.commit(sent(now, 1), EventRecorded(RUN, "signal.kept", now))
    assert await started.commit(sent(now - timedelta(days=30), 2))  # kept later: the order is that of arrival
    assert await started.commit(waits(now), waits(now, "q2"), waits(now, "q3"))
    first, second, third = (await started.history(RUN)).questions
    assert (first.answer, first.answered_at, first.is_taken) == ({"n": 1}, now, False)
    assert second.answer == {"n": 2}
    assert third.is_open
    assert await started.commit(RunMoved(RUN, RunStatus.WAITING, now, unless_answered=True)) is False


async def test_a_signal_that_something_waits_for_is_not_kept(started, now):
    await started.commit(waits(now))
    assert await started.commit(EventRecorded(RUN, "signal.kept", now), sent(now)) is False
    assert await started.page(RUN, 0, 9) == ()
    assert await started.commit(QuestionAnswered(RUN, "q1", now, answer=1))
    assert await started.commit(sent(now)) is True


async def test_a_signal_for_another_name_key_or_run_answers_nothing(started, now):
    await started.commit(waits(now, "named", name="shipped"), waits(now, "keyed", key="a"))
    await started.commit(waits(now, "other", run_id=OTHER))
    assert await started.commit(sent(now, key="b")) is True
    await started.commit(waits(now, "late", key="c"))
    assert all(one.is_open for one in (await started.history(RUN)).questions)
    assert (await started.question(OTHER, "other")).is_open


async def test_a_question_without_a_key_takes_any_that_is_sent_to_its_run(started, now):
    await started.commit(sent(now, 1, key="x"))
    await started.commit(waits(now))
    assert (await started.question(RUN, "q1")).answer == {"n": 1}
    await started.commit(waits(now, "q2"))
    assert await started.commit(sent(now, 2, key="y")) is False


async def test_a_signal_to_a_run_needs_no_key(started, now):
    await started.commit(waits(now, key="a"))
    assert await started.commit(sent(now, 1)) is False
    await started.commit(QuestionAnswered(RUN, "q1", now))
    assert await started.commit(sent(now, 2)) is True
    await started.commit(waits(now, "q2", key="b"))
    assert (await started.question(RUN, "q2")).answer == {"n": 2}
    assert await started.commit(sent(now, 3, run_id=NO_RUN)) is True  # one to any run does


async def test_people_are_not_answered_by_signals(started, now):
    person = QuestionAsked(RUN, "q1", "ask", "v1", "Go?", None, {}, (), now)
    await started.commit(person)
    assert await started.commit(sent(now)) is True
    assert (await started.question(RUN, "q1")).is_open


async def test_asking_again_takes_no_second_signal(started, now):
    await started.commit(sent(now, 1))
    await started.commit(waits(now))
    await started.commit(sent(now, 2))
    await started.commit(waits(now))
    assert (await started.question(RUN, "q1")).answer == {"n": 1}
    await started.commit(waits(now, "q2"))
    assert (await started.question(RUN, "q2")).answer == {"n": 2}


async def test_asking_again_takes_what_was_kept_while_the_run_had_failed(started, now):
    await started.commit(waits(now), RunMoved(RUN, RunStatus.FAILED, now))
    assert await started.commit(sent(now, 1)) is False  # the run is over
    assert await started.commit(sent(now, 2, run_id=NO_RUN, key="k")) is True
    assert await started.commit(RunRetried(RUN, now))
    await started.commit(waits(now, key="k"))
    assert (await started.question(RUN, "q1")).answer == {"n": 2}


async def test_a_refused_unit_neither_keeps_nor_takes(started, now):
    refused = RunMoved(RUN, RunStatus.RUNNING, now)
    assert await started.commit(sent(now, 1), refused) is False
    await started.commit(waits(now, "q1"))
    assert (await started.question(RUN, "q1")).is_open
    await started.commit(QuestionAnswered(RUN, "q1", now))
    await started.commit(sent(now, 2))
    assert await started.commit(waits(now, "q2"), refused) is False
    await started.commit(waits(now, "q3"))
    assert (await started.question(RUN, "q3")).answer == {"n": 2}


async def test_a_second_signal_of_one_id_is_a_mistake(started, now):
    await started.commit(sent(now))
    with pytest.raises(JournalError):
        await started.commit(sent(now))


async def test_a_signal_of_an_unknown_run_is_refused(started, now):
    assert await started.commit(sent(now, run_id=RunId("nobody"))) is False


async def test_a_signal_for_any_run_is_taken_by_the_first_that_waits_for_its_key(started, now):
    assert await started.commit(sent(now, 1, run_id=NO_RUN, key="order-7"))
    await started.commit(waits(now, "unkeyed"), waits(now, "elsewhere", key="order-8"))
    await started.commit(waits(now, "q1", key="order-7", run_id=OTHER), waits(now, "q2", key="order-7", run_id=OTHER))
    assert [one.is_open for one in (await started.history(RUN)).questions] == [True, True]
    first, second = (await started.history(OTHER)).questions
    assert (first.answer, second.is_open) == ({"n": 1}, True)
    assert await started.commit(sent(now, 2, run_id=NO_RUN, key="order-7")) is False
    assert await started.commit(sent(now, 3, run_id=NO_RUN, key="order-9")) is True


async def test_runs_that_are_over_wait_for_nothing(started, now):
    await started.commit(waits(now, key="k"), RunMoved(RUN, RunStatus.CANCELLED, now))
    assert await started.commit(sent(now, run_id=NO_RUN, key="k")) is True


async def test_a_signal_for_any_run_is_kept_for_a_week(started, now):
    await started.commit(sent(now - SIGNALS_KEPT, 1, run_id=NO_RUN, key="k"))
    await started.commit(sent(now - SIGNALS_KEPT + timedelta(seconds=1), 2, run_id=NO_RUN, key="k"))
    await started.commit(sent(now - SIGNALS_KEPT * 9, 3, key="run"))
    await started.commit(waits(now, "q1", key="k"), waits(now, "q2", key="run"))
    assert [one.answer for one in (await started.history(RUN)).questions] == [{"n": 2}, {"n": 3}]


async def test_a_signal_may_have_no_data(started, now):
    await started.commit(SignalKept(RUN, "s1", "paid", None, None, now))
    await started.commit(waits(now))
    found = await started.question(RUN, "q1")
    assert (found.is_open, found.answer) == (False, None)


def clock(now, kind="poll", **changes) -> QuestionAsked:
    return QuestionAsked(RUN, "q1", "look", "v1", "", None, {}, (), now, kind=kind, **changes)


async def test_a_poll_begins_anew_once_its_news_is_taken_up(started, now):
    later = now + timedelta(minutes=1)
    await started.commit(clock(now, expires_at=now), QuestionAnswered(RUN, "q1", now, has_expired=True))
    await started.commit(clock(later))
    assert (await started.question(RUN, "q1")).asked_at == now
    await started.commit(AnswerTaken(RUN, "q1"), clock(later, expires_at=later))
    found = await started.question(RUN, "q1")
    assert (found.asked_at, found.expires_at, found.is_open) == (later, later, True)
    assert (found.has_expired, found.is_taken) == (False, False)


async def test_a_wait_for_a_time_is_asked_once(started, now):
    await started.commit(clock(now, "time"), QuestionAnswered(RUN, "q1", now, has_expired=True), AnswerTaken(RUN, "q1"))
    await started.commit(clock(now + timedelta(1), "time"))
    assert not (await started.question(RUN, "q1")).is_open


@pytest.mark.parametrize(
    ("kind", "closed", "is_kept"),
    [
        ("person", "expired", False),
        ("person", "", True),
        ("signal", "taken", False),
        ("signal", "", False),
        ("time", "", True),
        ("time", "expired", True),
        ("time", "taken", False),
        ("poll", "taken", False),
    ],
)
async def test_a_retried_run_asks_some_questions_anew(started, now, kind, closed, is_kept):
    signal = "paid" if kind == "signal" else None
    await started.commit(clock(now, kind, signal=signal))
    if closed:
        await started.commit(QuestionAnswered(RUN, "q1", now, has_expired=True))
    if closed == "taken":
        await started.commit(AnswerTaken(RUN, "q1"))
    await started.commit(RunMoved(RUN, RunStatus.FAILED, now))
    await started.commit(RunRetried(RUN, now))
    assert (await started.question(RUN, "q1") is not None) is is_kept


async def test_an_answer_that_a_signal_gave_outlives_a_retry(started, now):
    await started.commit(sent(now))
    await started.commit(waits(now), RunMoved(RUN, RunStatus.FAILED, now))
    await started.commit(RunRetried(RUN, now))
    assert (await started.question(RUN, "q1")).answer == {"n": 1}
