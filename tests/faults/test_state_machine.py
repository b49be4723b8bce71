"""No sequence of what people, workers and faults do leads a run to where the model does not go, on either journal."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from spec_service.answering import close_question
from tests.faults.hands import Hand, Hands, House, MemoryHouse, SqlHouse
from tests.faults.looping import Loop
from tests.faults.modelling import ModelRun
from tests.faults.replaying import replayed
from workflows.errors import JournalError
from workflows.records import (
    AnswerTaken,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    EventRecorded,
    QuestionAnswered,
    QuestionAsked,
    Record,
    RunCreated,
    RunMoved,
    RunRetried,
)
from workflows.run import Run, RunError, RunId, RunStatus

MOST_RUNS = 2
LONG, SHORT, LONG_PARTS = 30, 10, 2  # steps of a sequence; most of the many sequences of the long form are short ones
RUNS = st.integers(0, MOST_RUNS - 1)
QUESTIONS = st.sampled_from(["q1", "q2"])
ENDS = st.sampled_from([RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.QUEUED])


class _Worker:
    """A worker that only listens."""

    def submit(self, *_: Any) -> None:
        pass

    def deliver(self, *_: Any) -> bool:
        return False

    def cancel(self, *_: Any) -> bool:
        return False


class Runs(RuleBasedStateMachine):
    """Two workers on one journal, of which one owns it; runs that people and faults meddle with."""

    make_houses: Callable[[], tuple[House, ...]]
    loop: Loop

    def __init__(self) -> None:
        super().__init__()
        self.houses = type(self).make_houses()
        self.hand = self.await_(self._take_over())
        self.sleeper: Hands | None = None
        self.models: list[ModelRun] = []
        self.touched: set[int] = set()  # runs that were meddled with since they were compared

    def teardown(self) -> None:
        self.await_(self._close())

    async def _take_over(self) -> Hands:
        return Hands(tuple([await house.take_over() for house in self.houses]))

    async def _close(self) -> None:
        try:
            await self._compare(range(len(self.models)))
        finally:
            for house in self.houses:
                await house.close()

    def await_(self, work: Any) -> Any:
        return self.loop.result_of(work)

    def model(self, number: int) -> ModelRun | None:
        self.touched.add(number)
        return self.models[number] if number < len(self.models) else None

    def commit(self, *records: Record) -> bool:
        return self.await_(self.hand.commit(*records))

    # --- what people do --------------------------------------------------------------------------------------------

    @initialize()
    def create_the_first(self) -> None:
        self.create()

    @precondition(lambda self: len(self.models) < MOST_RUNS)
    @rule()
    def create(self) -> None:
        run = Run(_id(len(self.models)), "s", 1, "s", "p", {}, _now())
        assert self.commit(RunCreated(run), _event(run.id, "run.queued"))
        self.touched.add(len(self.models))
        self.models.append(ModelRun())

    @rule(number=RUNS)
    def cancel(self, number: int) -> None:
        if model := self.model(number):
            run = _id(number)
            accepted = self.commit(CancelRequested(run, _now()), _event(run, "run.cancel-requested"))
            assert accepted == model.cancel()

    @rule(number=RUNS)
    def retry(self, number: int) -> None:
        if model := self.model(number):
            run = _id(number)
            assert self.commit(RunRetried(run, _now()), _event(run, "run.retried")) == model.retry()

    @rule(number=RUNS, name=QUESTIONS, has_expired=st.booleans())
    def resume_or_expire(self, number: int, name: str, *, has_expired: bool) -> None:
        if model := self.model(number):
            answered = QuestionAnswered(_id(number), name, _now(), None if has_expired else 1, has_expired)
            reason = "expired" if has_expired else "answer"
            accepted = self.await_(close_question(self.hand, _Worker(), answered, reason))
            assert bool(accepted) == model.close(name, "expired" if has_expired else "answered")

    # --- what the worker does that owns the records ------------------------------------------------------------------

    @rule(number=RUNS)
    def claim(self, number: int) -> None:
        model, run = self.model(number), _id(number)
        if model is None:
            return
        is_recovery = model.status == "running"
        if not is_recovery and not self.commit(RunMoved(run, RunStatus.RUNNING, _now())):
            assert model.status != "queued"
            return
        assert is_recovery or model.status == "queued"
        model.status = "running"
        model.start()
        started = AttemptStarted(run, model.attempt, "recover" if is_recovery else "start", _now())
        assert self.commit(started, _event(run, "run.started", model.attempt))

    @rule(number=RUNS, name=QUESTIONS)
    def ask(self, number: int, name: str) -> None:
        model, run = self.model(number), _id(number)
        if model and model.status == "running":
            asked = QuestionAsked(run, name, "s", "v", "Go on?", None, None, (), _now())
            assert self.commit(asked, _event(run, "step.asked", model.attempt))
            model.ask(name)

    @rule(number=RUNS)
    def wait(self, number: int) -> None:
        if model := self.model(number):
            run = _id(number)
            moved = RunMoved(run, RunStatus.WAITING, _now(), unless_answered=True)
            ended = AttemptEnded(run, model.attempt, RunStatus.WAITING, _now())
            assert self.commit(moved, ended, _event(run, "run.waiting", model.attempt)) == model.wait()

    @rule(number=RUNS, name=QUESTIONS)
    def take(self, number: int, name: str) -> None:
        model, run = self.model(number), _id(number)
        if model and model.status == "running" and model.questions.get(name) in {"answered", "expired"}:
            assert self.commit(AnswerTaken(run, name), _event(run, "step.answered", model.attempt))
            model.take(name)

    @rule(number=RUNS, to=ENDS)
    def finish(self, number: int, to: RunStatus) -> None:
        if model := self.model(number):
            assert self.commit(*_end(_id(number), model.attempt, to)) == model.move(to.value)

    # --- faults ----------------------------------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        """Lose a worker; another one takes over."""
        self.hand, self.sleeper = self.await_(self._take_over()), None
        self.touched.update(range(len(self.models)))

    @rule()
    def freeze(self) -> None:
        """Stop a worker; another one takes over, and the first is still there."""
        self.sleeper, self.hand = self.hand, self.await_(self._take_over())
        self.touched.update(range(len(self.models)))

    @precondition(lambda self: self.sleeper is not None)
    @rule(number=RUNS, to=ENDS)
    def wake_up(self, number: int, to: RunStatus) -> None:
        """Let the stopped worker go on with what it was about to record."""
        if self.sleeper and (model := self.model(number)):
            with pytest.raises(JournalError):
                self.await_(self.sleeper.commit(*_end(_id(number), model.attempt, to)))

    # --- what must hold after each of them -------------------------------------------------------------------------

    @invariant()
    def what_was_touched_is_as_the_model_has_it(self) -> None:
        self.await_(self._compare(self.touched))
        self.touched.clear()

    async def _compare(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            model = self.models[number] if number < len(self.models) else None
            for hand in self.hand.each if model else ():
                await self._compare_one(hand, _id(number), model)

    async def _compare_one(self, hand: Hand, run: RunId, model: ModelRun) -> None:
        history, events = await hand.history(run), await hand.page(run, 0, 1000)
        stored = history.run
        assert (stored.status.value, stored.attempt) == (model.status, model.attempt)
        assert (stored.cancel_requested, stored.retried_after) == (model.is_cancel_wanted, model.retried_after)
        assert {one.interrupt_id: _state(one) for one in history.questions} == model.questions
        assert [event.seq for event in events] == list(range(1, model.events + 1))
        self._replay(stored, events)

    def _replay(self, stored: Run, events: Any) -> None:
        told = replayed({"type": one.type, "data": one.data, "attempt": one.attempt} for one in events)
        assert (told.status, told.outputs, told.attempts) == (stored.status.value, stored.outputs, stored.attempt)
        assert told.error == (stored.error.as_json() if stored.error else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _id(number: int) -> RunId:
    return RunId(f"run-{number}")


def _event(run: RunId, kind: str, attempt: int = 0, **data: Any) -> EventRecorded:
    return EventRecorded(run, kind, _now(), None, attempt, data)


def _end(run: RunId, attempt: int, to: RunStatus) -> tuple[Record, ...]:
    error = RunError("broken", "it broke") if to is RunStatus.FAILED else None
    outputs = {"n": attempt} if to is RunStatus.SUCCEEDED else None
    data = {"error": error.as_json()} if error else {"outputs": outputs} if outputs else {}
    name = "run.drained" if to is RunStatus.QUEUED else f"run.{to.value}"
    moved = RunMoved(run, to, _now(), outputs=outputs, error=error)
    return moved, AttemptEnded(run, attempt, to, _now()), _event(run, name, attempt, **data)


def _state(question: Any) -> str:
    if question.is_open:
        return "open"
    how = "expired" if question.has_expired else "answered"
    return f"taken {how}" if question.is_taken else how


def test_no_sequence_leads_where_the_model_does_not_go(part: int, tmp_path: Path, form, seed: str, tell) -> None:
    numbers, sequences = count(), form.times(200, 2_500, 5_000)
    steps = SHORT if part >= LONG_PARTS else LONG

    with Loop() as running:

        @seeded(zlib.crc32(seed.encode()))
        class Machine(Runs):
            loop = running

            @staticmethod
            def make_houses() -> tuple[House, ...]:
                return MemoryHouse(), SqlHouse(tmp_path, next(numbers))

        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=sequences,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    tell(
        f"state machine, part {part}",
        [f"{sequences} sequences of up to {steps} steps, each on both journals"],
        sequences=sequences,
        steps=steps,
    )
