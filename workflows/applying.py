"""What each record changes of what is known of its run: the rules of the in-memory journal, one per kind of record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

from workflows.errors import JournalError
from workflows.records import (
    AnswerTaken,
    ArtifactStored,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    EventRecorded,
    ExpansionRecorded,
    KeyKept,
    Question,
    QuestionAnswered,
    QuestionAsked,
    Record,
    RunMoved,
    RunRetried,
    StepExecution,
)
from workflows.run import RETRIED_FROM, Run, RunStatus, sources_of

StepKey = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is recorded of one run; every change makes a new entry, so that a refused unit leaves no trace."""

    run: Run
    steps: Mapping[StepKey, StepExecution] = field(default_factory=dict[StepKey, StepExecution])
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])
    expansions: Mapping[tuple[str, str], ExpansionRecorded] = field(
        default_factory=dict[tuple[str, str], ExpansionRecorded]
    )
    artifacts: Mapping[str, ArtifactStored] = field(default_factory=dict[str, ArtifactStored])
    attempts: frozenset[int] = frozenset()
    events: tuple[Event, ...] = ()


class Refusal(Exception):
    """A guarded record does not hold."""


@singledispatch
def applied(record: Record, entry: Entry) -> Entry:
    """Return the entry with a record in it; raises `Refusal` when its guard does not hold."""
    message = f"no rule for {type(record).__name__} of {entry.run.id}"
    raise TypeError(message)


@applied.register
def _(record: RunMoved, entry: Entry) -> Entry:
    run = entry.run
    has_news = any(one.answered_at is not None and not one.is_taken for one in entry.questions.values())
    sources = sources_of(record.to) & ({record.only_from} if record.only_from else set(RunStatus))
    if run.status not in sources or (record.unless_answered and has_news):
        raise Refusal
    changed = replace(run, status=record.to)
    if record.to is RunStatus.RUNNING and run.started_at is None:
        changed = replace(changed, started_at=record.at)
    if record.to.is_final:
        changed = replace(changed, finished_at=record.at, outputs=record.outputs, error=record.error)
    return replace(entry, run=changed)


@applied.register
def _(record: RunRetried, entry: Entry) -> Entry:
    run = entry.run
    if run.status not in RETRIED_FROM:
        raise Refusal
    kept = {name: one for name, one in entry.questions.items() if not one.has_expired}
    return replace(entry, run=run.retried(record.at), questions=kept)


@applied.register
def _(_record: CancelRequested, entry: Entry) -> Entry:
    if entry.run.status.is_final:
        raise Refusal
    return replace(entry, run=replace(entry.run, cancel_requested=True))


@applied.register
def _(record: AttemptStarted, entry: Entry) -> Entry:
    if record.number in entry.attempts:
        raise JournalError("there is an attempt of this number already")
    run = replace(entry.run, attempt=record.number)
    return replace(entry, run=run, attempts=entry.attempts | {record.number})


@applied.register
def _(_record: AttemptEnded, entry: Entry) -> Entry:
    return entry


@applied.register
def _(record: StepExecution, entry: Entry) -> Entry:
    key = (record.step, record.visit, record.task, record.try_number)
    return replace(entry, steps={**entry.steps, key: record})


@applied.register
def _(record: QuestionAsked, entry: Entry) -> Entry:
    if record.interrupt_id in entry.questions:  # a resumed step asks again what it asked already
        return entry
    question = Question(
        run_id=record.run_id,
        interrupt_id=record.interrupt_id,
        step=record.step,
        visit=record.visit,
        title=record.title,
        show=record.show,
        schema=record.schema,
        assignees=record.assignees,
        asked_at=record.asked_at,
        expires_at=record.expires_at,
        description=record.description,
    )
    return replace(entry, questions={**entry.questions, record.interrupt_id: question})


@applied.register
def _(record: QuestionAnswered, entry: Entry) -> Entry:
    question = entry.questions.get(record.interrupt_id)
    if question is None or not question.is_open:
        raise Refusal
    closed = replace(question, answered_at=record.at, answer=record.answer, has_expired=record.has_expired)
    return replace(entry, questions={**entry.questions, record.interrupt_id: closed})


@applied.register
def _(record: AnswerTaken, entry: Entry) -> Entry:
    question = entry.questions.get(record.interrupt_id)
    if question is None:
        return entry
    return replace(entry, questions={**entry.questions, record.interrupt_id: replace(question, is_taken=True)})


@applied.register
def _(record: ExpansionRecorded, entry: Entry) -> Entry:
    return replace(entry, expansions={**entry.expansions, (record.step, record.visit): record})


@applied.register
def _(record: ArtifactStored, entry: Entry) -> Entry:
    return replace(entry, artifacts={**entry.artifacts, record.path: record})


@applied.register
def _(record: EventRecorded, entry: Entry) -> Entry:
    seq = len(entry.events) + 1
    event = Event(record.run_id, seq, record.type, record.at, record.node, record.attempt, record.data)
    return replace(entry, events=(*entry.events, event))


@applied.register
def _(_record: KeyKept, entry: Entry) -> Entry:
    return entry  # keys belong to no run alone
