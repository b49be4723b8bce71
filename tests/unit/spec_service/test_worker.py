from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from spec_service.answering import Closing, close_question
from spec_service.eventually import Eventually
from spec_service.ports import RunPosition
from spec_service.worker import CANCEL_PATIENCE_SECONDS, Desk, dispatching
from workflows.memory import MemoryJournal
from workflows.records import (
    CancelRequested,
    QuestionAnswered,
    QuestionAsked,
    RunCreated,
    RunMoved,
    RunRetried,
)
from workflows.run import Run, RunId, RunStatus

pytestmark = pytest.mark.anyio
RUN = RunId("run-1")


class ScriptedEngine:
    """An engine whose attempts do what the test wrote, through the real journal."""

    def __init__(self, journal, attempt) -> None:
        self._journal = journal
        self._attempt = attempt
        self._scopes: dict[RunId, anyio.CancelScope] = {}
        self.attempts: list[RunId] = []
        self.delivered: list[str] = []
        self.most_at_once = 0
        self.has_drained = False

    async def run_attempt(self, run_id, _known=None):
        self.attempts.append(run_id)
        await self._journal.commit(RunMoved(run_id, RunStatus.RUNNING, datetime.now(UTC)))
        with anyio.CancelScope() as self._scopes[run_id]:
            self.most_at_once = max(self.most_at_once, len(self._scopes))
            target = await self._attempt(run_id)
        if self._scopes.pop(run_id).cancel_called:
            target = RunStatus.QUEUED if self.has_drained else RunStatus.CANCELLED
        await self._journal.commit(RunMoved(run_id, target, datetime.now(UTC)))
        return target

    def deliver(self, run_id, interrupt_id):
        self.delivered.append(interrupt_id)
        return run_id in self._scopes

    def cancel(self, run_id):
        if run_id in self._scopes:
            self._scopes[run_id].cancel()
        return run_id in self._scopes

    async def drain(self, grace_seconds):  # noqa: ARG002
        self.has_drained = True
        for scope in list(self._scopes.values()):
            scope.cancel()
        while self._scopes:
            await anyio.lowlevel.checkpoint()


class Board:
    def __init__(self, journal, *run_ids) -> None:
        self._journal = journal
        self._run_ids = run_ids

    async def unfinished(self, statuses, after, limit):
        histories = [await self._journal.history(one) for one in sorted(self._run_ids) if one > (after or "")]
        found = [RunPosition(one.run, one.questions) for one in histories if one.run.status in statuses]
        return tuple(found[:limit])


async def created(journal, run_id=RUN, status=RunStatus.QUEUED):
    await journal.commit(RunCreated(Run(run_id, "s", 1, "d", "p", {}, datetime.now(UTC), status)))
    return run_id


async def status_of(journal, run_id=RUN):
    return (await journal.history(run_id)).run.status


async def reaches(journal, status, run_id=RUN):
    with anyio.fail_after(10):
        while await status_of(journal, run_id) is not status:  # noqa: ASYNC110 - as an observer from outside would
            await anyio.sleep(0.005)


@pytest.fixture
def journal():
    return MemoryJournal()


def working(journal, attempt, *run_ids, recover=True, limit=64):
    engine = ScriptedEngine(journal, attempt)
    eventual = Eventually()
    eventual.give(engine)
    desk = Desk(journal, journal, Board(journal, *run_ids), eventual, limit)
    return engine, dispatching(desk, recover=recover, grace_seconds=1)


async def succeed(_run_id):
    return RunStatus.SUCCEEDED


async def test_queued_and_running_runs_are_started_again(journal):
    await created(journal, RUN)
    await created(journal, RunId("run-2"), RunStatus.RUNNING)
    await created(journal, RunId("run-3"), RunStatus.WAITING)
    engine, dispatcher = working(journal, succeed, RUN, RunId("run-2"), RunId("run-3"))
    async with dispatcher:
        await reaches(journal, RunStatus.SUCCEEDED)
        await reaches(journal, RunStatus.SUCCEEDED, RunId("run-2"))
    assert await status_of(journal, RunId("run-3")) is RunStatus.WAITING
    assert sorted(engine.attempts) == ["run-1", "run-2"]


async def test_without_recovery_only_what_is_submitted_runs(journal):
    await created(journal, RUN)
    await created(journal, RunId("run-2"))
    engine, dispatcher = working(journal, succeed, RUN, RunId("run-2"), recover=False)
    async with dispatcher as worker:
        worker.submit(RunId("run-2"))
        await reaches(journal, RunStatus.SUCCEEDED, RunId("run-2"))
    assert engine.attempts == ["run-2"]


async def test_a_waiting_run_whose_answer_nobody_took_up_goes_on(journal):
    await created(journal, status=RunStatus.WAITING)
    now = datetime.now(UTC)
    await journal.commit(QuestionAsked(RUN, "q", "ask", "v", "Go?", None, {}, (), now))
    await journal.commit(QuestionAnswered(RUN, "q", now, answer=1))
    _, dispatcher = working(journal, succeed, RUN)
    async with dispatcher:
        await reaches(journal, RunStatus.SUCCEEDED)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.WAITING])
async def test_a_run_that_somebody_wanted_to_stop_is_stopped_after_a_restart(journal, status):
    """By the engine, which first does what is to be done at the end of a run, however it ends."""

    async def cancelled(_run_id):
        return RunStatus.CANCELLED

    await created(journal, status=status)
    await journal.commit(CancelRequested(RUN, datetime.now(UTC)))
    engine, dispatcher = working(journal, cancelled, RUN)
    async with dispatcher:
        await reaches(journal, RunStatus.CANCELLED)
    assert engine.attempts == [RUN]


async def test_attempts_are_bounded_and_higher_priorities_come_first(journal):
    run_ids = [await created(journal, RunId(f"run-{number}")) for number in range(6)]
    gate = anyio.Event()

    async def wait(_run_id):
        await gate.wait()
        return RunStatus.SUCCEEDED

    engine, dispatcher = working(journal, wait, limit=2, recover=False)
    async with dispatcher as worker:
        for number, run_id in enumerate(run_ids):
            worker.submit(run_id, priority=number)
        await reaches(journal, RunStatus.RUNNING, run_ids[-1])
        gate.set()
        for run_id in run_ids:
            await reaches(journal, RunStatus.SUCCEEDED, run_id)
    assert engine.most_at_once == 2
    assert engine.attempts == run_ids[::-1]


async def test_a_run_submitted_while_it_is_live_runs_again_afterwards(journal):
    await created(journal)
    gate = anyio.Event()

    async def wait(_run_id):
        await gate.wait()
        return RunStatus.QUEUED if len(engine.attempts) == 1 else RunStatus.SUCCEEDED

    engine, dispatcher = working(journal, wait, RUN)
    async with dispatcher as worker:
        await reaches(journal, RunStatus.RUNNING)
        worker.submit(RUN)
        worker.submit(RUN)
        gate.set()
        await reaches(journal, RunStatus.SUCCEEDED)
    assert engine.attempts == [RUN, RUN]


async def test_a_live_run_is_cancelled(journal):
    await created(journal)

    async def forever(_run_id):
        await anyio.sleep_forever()

    _, dispatcher = working(journal, forever, RUN)
    async with dispatcher as worker:
        assert worker.cancel(RUN) is False
        await reaches(journal, RunStatus.RUNNING)
        assert worker.cancel(RUN) is True
        await reaches(journal, RunStatus.CANCELLED)


async def test_a_cancel_between_two_moments_of_an_attempt_is_not_lost(journal):
    await created(journal)
    gate = anyio.Event()

    async def forever(_run_id):
        await anyio.sleep_forever()

    engine, dispatcher = working(journal, forever, RUN)
    original = engine.run_attempt

    async def slow_start(run_id, _known=None):
        await gate.wait()
        return await original(run_id)

    engine.run_attempt = slow_start
    async with dispatcher as worker:
        await anyio.wait_all_tasks_blocked()
        assert worker.cancel(RUN) is True
        gate.set()
        await reaches(journal, RunStatus.CANCELLED)


async def test_a_cancel_that_comes_late_does_not_stop_the_attempt_after_a_retry(journal):
    await created(journal)
    gates = [anyio.Event(), anyio.Event()]

    async def fail_then_succeed(_run_id):
        if not gates[0].is_set():
            return RunStatus.FAILED
        await anyio.sleep(5 * CANCEL_PATIENCE_SECONDS)
        return RunStatus.SUCCEEDED

    engine, dispatcher = working(journal, fail_then_succeed, RUN)
    original = engine.run_attempt

    async def slow_end(run_id, _known=None):
        if gates[0].is_set():  # the second attempt is not live for a while, as the first one is no longer
            await gates[1].wait()
            return await original(run_id)
        status = await original(run_id)
        await gates[0].wait()
        return status

    engine.run_attempt = slow_end
    async with dispatcher as worker:
        await reaches(journal, RunStatus.FAILED)
        assert worker.cancel(RUN) is True
        assert await journal.commit(RunRetried(RUN, datetime.now(UTC)))
        worker.submit(RUN)
        gates[0].set()
        await anyio.sleep(5 * CANCEL_PATIENCE_SECONDS)
        gates[1].set()
        await reaches(journal, RunStatus.SUCCEEDED)


async def test_a_run_that_was_retried_is_not_cancelled_by_a_late_cancel_while_it_waits_for_its_turn(journal):
    await created(journal)
    gate = anyio.Event()
    engine, dispatcher = working(journal, succeed)

    async def broken(run_id, _known=None):
        await gate.wait()
        now = datetime.now(UTC)
        await journal.commit(RunMoved(run_id, RunStatus.RUNNING, now))
        await journal.commit(RunMoved(run_id, RunStatus.FAILED, now))
        await journal.commit(RunRetried(run_id, now))  # at once, and nobody has submitted it yet
        return RunStatus.FAILED

    engine.run_attempt = broken
    async with dispatcher as worker:
        worker.submit(RUN)
        await anyio.wait_all_tasks_blocked()
        assert worker.cancel(RUN) is True
        gate.set()
        await anyio.sleep(5 * CANCEL_PATIENCE_SECONDS)
    assert await status_of(journal) is RunStatus.QUEUED


async def test_draining_queues_what_is_live(journal):
    await created(journal)

    async def forever(_run_id):
        await anyio.sleep_forever()

    _, dispatcher = working(journal, forever, RUN)
    async with dispatcher:
        await reaches(journal, RunStatus.RUNNING)
    assert await status_of(journal) is RunStatus.QUEUED


async def test_an_attempt_that_breaks_does_not_stop_the_others(journal):
    await created(journal, RUN)
    await created(journal, RunId("run-2"))

    async def break_one(run_id):
        if run_id == RUN:
            raise RuntimeError("broken")
        return RunStatus.SUCCEEDED

    _, dispatcher = working(journal, break_one, RUN, RunId("run-2"))
    async with dispatcher:
        await reaches(journal, RunStatus.SUCCEEDED, RunId("run-2"))


async def test_a_question_expires_by_itself_whenever_it_was_asked(journal):
    await created(journal, RUN, RunStatus.WAITING)
    await created(journal, RunId("run-2"), RunStatus.WAITING)
    now = datetime.now(UTC)
    old = QuestionAsked(RUN, "q", "ask", "v", "Go?", None, {}, (), now, expires_at=now - timedelta(seconds=1))
    await journal.commit(old)
    _, dispatcher = working(journal, succeed, RUN, RunId("run-2"))
    async with dispatcher:
        soon = datetime.now(UTC) + timedelta(milliseconds=50)
        asked = QuestionAsked(RunId("run-2"), "q", "ask", "v", "Go?", None, {}, (), now, expires_at=soon)
        await journal.commit(asked)
        await reaches(journal, RunStatus.SUCCEEDED)
        await reaches(journal, RunStatus.SUCCEEDED, RunId("run-2"))
    for run_id in (RUN, RunId("run-2")):
        (question,) = (await journal.history(run_id)).questions
        assert question.has_expired


async def test_a_run_whose_records_could_not_be_written_is_taken_up_again(journal):
    await created(journal)

    async def lose_a_record(_run_id):
        if len(engine.attempts) == 1:
            journal.append(RunMoved(RUN, RunStatus.RUNNING, datetime.now(UTC)))  # refused: it runs already
            await journal.durable()
        return RunStatus.SUCCEEDED

    engine, dispatcher = working(journal, lose_a_record, RUN)
    original = engine.run_attempt

    async def recover(run_id, _known=None):
        if await status_of(journal) is RunStatus.RUNNING:
            engine.attempts.append(run_id)
            await journal.commit(RunMoved(run_id, RunStatus.SUCCEEDED, datetime.now(UTC)))
            return RunStatus.SUCCEEDED
        return await original(run_id)

    engine.run_attempt = recover
    async with dispatcher:
        await reaches(journal, RunStatus.SUCCEEDED)
    assert engine.attempts == [RUN, RUN]


async def test_whatever_could_not_be_set_in_motion_is_after_an_outage(journal):
    await created(journal, status=RunStatus.WAITING)
    over = []
    journal.observe_recovery = over.append
    _, dispatcher = working(journal, succeed, RUN)
    async with dispatcher:
        await anyio.wait_all_tasks_blocked()
        now = datetime.now(UTC)
        await journal.commit(QuestionAsked(RUN, "q", "ask", "v", "Go?", None, {}, (), now))
        await journal.commit(QuestionAnswered(RUN, "q", now, answer=1))  # and whoever answered could not do more
        (tell,) = over
        tell()
        await reaches(journal, RunStatus.SUCCEEDED)


async def test_whoever_is_fenced_off_stops_what_is_live_at_once(journal):
    await created(journal)

    async def forever(_run_id):
        await anyio.sleep_forever()

    engine = ScriptedEngine(journal, forever)
    eventual = Eventually()
    eventual.give(engine)
    desk = Desk(journal, journal, Board(journal, RUN), eventual, 64)
    async with dispatching(desk, recover=True, grace_seconds=60):
        await reaches(journal, RunStatus.RUNNING)
        desk.fenced_off.set()
        await reaches(journal, RunStatus.QUEUED)  # as far as the memory is concerned, which knows no fence
    assert engine.has_drained


class Recorder:
    """A worker that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def submit(self, _run_id, _priority=0):
        self.told.append("submit")

    def deliver(self, _run_id, _interrupt_id):
        self.told.append("deliver")
        return True

    def cancel(self, _run_id):
        return False


@pytest.mark.parametrize(
    ("status", "told"),
    [(RunStatus.WAITING, ["submit"]), (RunStatus.RUNNING, ["deliver"]), (RunStatus.QUEUED, ["deliver"])],
)
async def test_closing_a_question_sets_the_run_in_motion_once(journal, status, told):
    await created(journal, status=status)
    now, worker = datetime.now(UTC), Recorder()
    await journal.commit(QuestionAsked(RUN, "q", "ask", "v", "Go?", None, {}, (), now))
    answered = QuestionAnswered(RUN, "q", now, answer=1)
    closing = await close_question(journal, worker, answered, "answer")
    assert closing is (Closing.QUEUED if status is RunStatus.WAITING else Closing.TOLD)
    assert await close_question(journal, worker, answered, "answer") is None
    assert worker.told == told


async def test_a_run_that_begins_to_wait_in_between_is_queued_all_the_same(journal):
    await created(journal, status=RunStatus.RUNNING)
    now, worker = datetime.now(UTC), Recorder()
    await journal.commit(QuestionAsked(RUN, "q", "ask", "v", "Go?", None, {}, (), now))

    class Racing:
        """Lets the run begin to wait just after the first try was refused."""

        def __init__(self) -> None:
            self.commits = 0

        async def commit(self, *records):
            self.commits += 1
            if self.commits == 2:
                assert await journal.commit(RunMoved(RUN, RunStatus.WAITING, now, unless_answered=True))
            return await journal.commit(*records)

    assert await close_question(Racing(), worker, QuestionAnswered(RUN, "q", now, answer=1), "answer")
    assert worker.told == ["submit"]
    assert await status_of(journal) is RunStatus.QUEUED
    assert [one.type for one in await journal.page(RUN, 0, 9)] == ["run.resumed"]
