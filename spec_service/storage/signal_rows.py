"""The rows of signals that came before anything waited for them: kept unless something waits, taken by what waits."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from spec_service.storage.columns import optional_json_text, time_text
from spec_service.storage.statement import Statement
from workflows.records import NO_RUN, SIGNALS_KEPT, QuestionAsked, SignalKept

_OF_THE_RUN = "q.run_id = :run AND (q.key IS NULL OR :key IS NULL OR q.key = :key)"
_OF_ANY_RUN = "q.key = :key AND r.status IN ('queued', 'running', 'waiting')"
_KEEP = (
    "INSERT INTO signal (tenant, id, run_id, name, key, data, sent_at)"
    " SELECT :tenant, :id, :run, :name, :key, :data, :at"
    " WHERE NOT EXISTS (SELECT 1 FROM question AS q INDEXED BY ix_question_signal"
    " JOIN run AS r ON r.tenant = q.tenant AND r.id = q.run_id"
    " WHERE q.tenant = :tenant AND q.signal = :name AND q.answered_at IS NULL AND q.kind = 'signal' AND {awaits})"
)
_RUN_IS_OPEN = (
    " AND EXISTS (SELECT 1 FROM run WHERE tenant = :tenant AND id = :run"
    " AND status IN ('queued', 'running', 'waiting'))"
)
_KEEP_FOR_RUN = _KEEP.format(awaits=_OF_THE_RUN) + _RUN_IS_OPEN
_KEEP_FOR_ANY = _KEEP.format(awaits=_OF_ANY_RUN)
_TAKE = (
    "UPDATE signal SET taken_by_run = :run, taken_by = :question WHERE number = (SELECT MIN(number) FROM signal"
    " WHERE tenant = :tenant AND name = :name AND taken_by IS NULL"
    " AND (run_id = :run AND (:key IS NULL OR key IS NULL OR key = :key)"
    " OR run_id IS NULL AND key = :key AND sent_at > :over))"
    " AND EXISTS (SELECT 1 FROM question WHERE tenant = :tenant AND run_id = :run AND interrupt_id = :question"
    " AND kind = 'signal' AND answered_at IS NULL)"
)
_ANSWER = (
    "UPDATE question SET answered_at = asked_at, answer = s.data FROM signal AS s"
    " WHERE question.tenant = :tenant AND question.run_id = :run AND question.interrupt_id = :question"
    " AND question.answered_at IS NULL"
    " AND s.tenant = :tenant AND s.taken_by_run = :run AND s.taken_by = :question"
)


def keep(signal: SignalKept, tenant: str) -> Statement:
    """Return what keeps a signal, unless something waits for it or its run is over."""
    is_for_any = signal.run_id == NO_RUN
    values = {
        "tenant": tenant,
        "id": signal.id,
        "run": None if is_for_any else signal.run_id,
        "name": signal.name,
        "key": signal.key,
        "data": optional_json_text(signal.data),
        "at": time_text(signal.at),
    }
    return Statement(_KEEP_FOR_ANY if is_for_any else _KEEP_FOR_RUN, values, is_guarded=True)


def take_kept(question: QuestionAsked, tenant: str) -> tuple[Statement, ...]:
    """Return what answers a question that has just been asked with the oldest signal that is kept for it."""
    key = {"tenant": tenant, "run": question.run_id, "question": question.interrupt_id}
    over = time_text(question.asked_at - SIGNALS_KEPT)
    values = {**key, "name": question.signal, "key": question.key, "over": over}
    return Statement(_TAKE, values), Statement(_ANSWER, key)


def sweep_signals(connection: sqlite3.Connection, *, now: datetime) -> int:
    """Remove the signals that nobody took in time, and those that were taken long ago; return how many there were.

    A signal that was sent to a run waits as long as the run does.
    """
    sql = (
        "DELETE FROM signal WHERE sent_at <= ? AND (run_id IS NULL OR taken_by IS NOT NULL"
        " OR EXISTS (SELECT 1 FROM run WHERE run.tenant = signal.tenant AND run.id = signal.run_id"
        " AND run.status IN ('succeeded', 'failed', 'cancelled') AND run.finished_at <= ?))"
    )
    over = time_text(now - SIGNALS_KEPT)
    return connection.execute(sql, (over, over)).rowcount
