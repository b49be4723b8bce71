"""What the journal writes for each record: SQL with everything in it, made when the record is queued."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from spec_service.storage.columns import error_text, json_text, optional_json_text, time_text, usage_text
from spec_service.storage.signal_rows import keep, take_kept
from spec_service.storage.statement import Statement
from workflows.records import (
    KEYS_KEPT,
    AnswerTaken,
    ArtifactStored,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    EventRecorded,
    ExpansionRecorded,
    KeyKept,
    PoliciesApplied,
    QuestionAnswered,
    QuestionAsked,
    Record,
    ResultCached,
    RunCreated,
    RunMoved,
    RunRetried,
    SignalKept,
    StepExecution,
)
from workflows.run import RETRIED_FROM, RunStatus, sources_of

_FINAL = tuple(status.value for status in RunStatus if status.is_final)


def _insert(table: str, columns: str, suffix: str = "") -> str:
    names = columns.split()
    places = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}){suffix}"  # noqa: S608 - our own names


def _upsert(table: str, key: str, columns: str, where: str = "") -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns.split())
    suffix = f" ON CONFLICT ({', '.join(key.split())}) DO UPDATE SET {changes}{where}"
    return _insert(table, f"{key} {columns}", suffix)


_CREATE_RUN = _insert(
    "run",
    "tenant id spec_name spec_revision spec_version spec_digest plan_digest status inputs outputs error labels priority"
    " attempt cancel_requested retried_after retried_at created_at started_at finished_at"
    " forked_from traceparent parent",
)
_START_ATTEMPT = (
    "INSERT INTO attempt (tenant, run_id, number, kind, started_at, fence)"
    " VALUES (?, ?, ?, ?, ?, (SELECT fence FROM owner WHERE id = 1))"
)
_RECORD_STEP = _upsert(
    "step_execution",
    "tenant run_id step visit task try_number",
    "name status attempt started_at finished_at idempotency_key arguments result saves goto error log_uri usage",
)
_QUESTION = (
    "step visit title description show schema assignees asked_at expires_at answered_at answer answered_by has_expired"
    " is_taken kind signal key"
)
_ASK = _upsert(  # a resumed step asks again what it asked already; only a poll whose news is taken up begins anew
    "question",
    "tenant run_id interrupt_id",
    _QUESTION,
    " WHERE question.kind = 'poll' AND excluded.kind = 'poll' AND question.is_taken = 1",
)
_EXPAND = _upsert("expansion", "tenant run_id step visit", "digest body recorded_at")
_KEEP = _upsert("artifact", "tenant run_id path", "bytes sha256 media_type step stored_at")
_CACHE = _upsert("cached_result", "tenant key", "run_id kept cached_at expires_at")
_KEEP_KEY = _insert(
    "idempotency",
    "tenant key run_id door body_digest status answer created_at",
    " ON CONFLICT (tenant, key) DO UPDATE SET run_id = excluded.run_id, door = excluded.door,"
    " body_digest = excluded.body_digest, status = excluded.status, answer = excluded.answer,"
    " created_at = excluded.created_at WHERE idempotency.created_at <= ?",  # one that is over, and not swept yet
)
_RETRY = (
    "UPDATE run SET status = 'queued', outputs = NULL, error = NULL, finished_at = NULL, cancel_requested = 0,"
    " retried_after = attempt, retried_at = ? WHERE tenant = ? AND id = ? AND status IN (?, ?, ?)"
)
_FORGET_QUESTIONS = (  # what nobody answered in time is asked anew, and so is what a kept signal may answer
    "DELETE FROM question WHERE tenant = ? AND run_id = ? AND CASE kind WHEN 'person' THEN has_expired = 1"
    " WHEN 'signal' THEN has_expired = 1 OR answered_at IS NULL"
    " ELSE has_expired = 1 AND is_taken = 1 END"  # the clock's news that nobody has taken up still counts
)
_CANCEL = "UPDATE run SET cancel_requested = 1 WHERE tenant = ? AND id = ? AND status NOT IN (?, ?, ?)"
_NUMBER_EVENT = (
    "INSERT INTO event (tenant, run_id, seq, type, at, node, attempt, data)"
    " SELECT ?1, ?2, COALESCE(MAX(seq), 0) + 1, ?3, ?4, ?5, ?6, ?7 FROM event WHERE tenant = ?1 AND run_id = ?2"
    " RETURNING seq"
)


def statements_of(record: Record, tenant: str) -> tuple[Statement, ...]:
    """Return what makes a record durable, in order."""
    if record.__class__ is StepExecution:  # by far the most; to find the rule of another takes a while
        return (Statement(_RECORD_STEP, _step_values(record, tenant)),)  # type: ignore[arg-type]
    return _statements_of(record, tenant)


@singledispatch
def _statements_of(record: Record, tenant: str) -> tuple[Statement, ...]:
    message = f"no statements for {type(record).__name__} of {tenant}"
    raise TypeError(message)


@_statements_of.register
def _(record: RunCreated, tenant: str) -> tuple[Statement, ...]:
    run = record.run
    values = (
        tenant,
        run.id,
        run.spec_name,
        run.spec_revision,
        run.spec_version,
        run.spec_digest,
        run.plan_digest,
        run.status.value,
        json_text(dict(run.inputs)),
        optional_json_text(run.outputs),
        error_text(run.error),
        json_text(dict(run.labels)),
        run.priority,
        run.attempt,
        int(run.cancel_requested),
        run.retried_after,
        time_text(run.retried_at),
        time_text(run.created_at),
        time_text(run.started_at),
        time_text(run.finished_at),
        json_text(run.forked_from.as_json()) if run.forked_from else None,
        run.traceparent,
        run.parent,
    )
    return (Statement(_CREATE_RUN, values),)


@_statements_of.register
def _(record: RunMoved, tenant: str) -> tuple[Statement, ...]:
    sets, values = ["status = ?"], [record.to.value]
    if record.to is RunStatus.RUNNING:
        sets.append("started_at = COALESCE(started_at, ?)")
        values.append(time_text(record.at))
    if record.to.is_final:
        sets += ["finished_at = ?", "outputs = ?", "error = ?"]
        values += [time_text(record.at), optional_json_text(record.outputs), error_text(record.error)]  # type: ignore[list-item]
    sources = sorted(sources_of(record.to) & ({record.only_from} if record.only_from else set(RunStatus)))
    sql = (
        f"UPDATE run SET {', '.join(sets)} WHERE tenant = ? AND id = ? AND status IN ({', '.join('?' * len(sources))})"  # noqa: S608
    )
    values += [tenant, record.run_id, *sources]
    if record.unless_answered:
        sql += (
            " AND NOT EXISTS (SELECT 1 FROM question"
            " WHERE tenant = ? AND run_id = ? AND answered_at IS NOT NULL AND is_taken = 0)"
        )
        values += [tenant, record.run_id]
    return (Statement(sql, tuple(values), is_guarded=True),)


@_statements_of.register
def _(record: RunRetried, tenant: str) -> tuple[Statement, ...]:
    key = (tenant, record.run_id)
    sources = (*sorted(RETRIED_FROM), RunStatus.SUCCEEDED if record.is_rerun else RunStatus.FAILED)
    return (
        Statement(_RETRY, (time_text(record.at), *key, *sources), is_guarded=True),
        Statement(_FORGET_QUESTIONS, key),
    )


@_statements_of.register
def _(record: CancelRequested, tenant: str) -> tuple[Statement, ...]:
    return (Statement(_CANCEL, (tenant, record.run_id, *_FINAL), is_guarded=True),)


@_statements_of.register
def _(record: AttemptStarted, tenant: str) -> tuple[Statement, ...]:
    at = time_text(record.at)
    return (
        Statement(_START_ATTEMPT, (tenant, record.run_id, record.number, record.kind, at)),
        Statement("UPDATE run SET attempt = ? WHERE tenant = ? AND id = ?", (record.number, tenant, record.run_id)),
    )


@_statements_of.register
def _(record: AttemptEnded, tenant: str) -> tuple[Statement, ...]:
    sql = "UPDATE attempt SET outcome = ?, finished_at = ? WHERE tenant = ? AND run_id = ? AND number = ?"
    return (Statement(sql, (record.outcome.value, time_text(record.at), tenant, record.run_id, record.number)),)


@_statements_of.register
def _(record: QuestionAsked, tenant: str) -> tuple[Statement, ...]:
    values = (
        tenant,
        record.run_id,
        record.interrupt_id,
        record.step,
        record.visit,
        record.title,
        record.description,
        optional_json_text(record.show),
        optional_json_text(record.schema),
        json_text(list(record.assignees)),
        time_text(record.asked_at),
        time_text(record.expires_at),
        None,
        None,
        None,
        0,
        0,
        record.kind,
        record.signal,
        record.key,
    )
    return (Statement(_ASK, values), *(take_kept(record, tenant) if record.kind == "signal" else ()))


@_statements_of.register
def _(record: QuestionAnswered, tenant: str) -> tuple[Statement, ...]:
    sql = (
        "UPDATE question SET answered_at = ?, answer = ?, has_expired = ?, answered_by = ?"
        " WHERE tenant = ? AND run_id = ? AND interrupt_id = ? AND answered_at IS NULL"
    )
    answer = optional_json_text(record.answer)
    values = (time_text(record.at), answer, int(record.has_expired), record.by, tenant, record.run_id)
    return (Statement(sql, (*values, record.interrupt_id), is_guarded=True),)


@_statements_of.register
def _(record: AnswerTaken, tenant: str) -> tuple[Statement, ...]:
    sql = "UPDATE question SET is_taken = 1 WHERE tenant = ? AND run_id = ? AND interrupt_id = ?"
    return (Statement(sql, (tenant, record.run_id, record.interrupt_id)),)


@_statements_of.register
def _(record: SignalKept, tenant: str) -> tuple[Statement, ...]:
    return (keep(record, tenant),)


@_statements_of.register
def _(record: ResultCached, tenant: str) -> tuple[Statement, ...]:
    times = (time_text(record.at), time_text(record.expires_at))
    return (Statement(_CACHE, (tenant, record.key, record.run_id, json_text(record.kept), *times)),)


@_statements_of.register
def _(record: ExpansionRecorded, tenant: str) -> tuple[Statement, ...]:
    body, at = json_text(record.body), time_text(record.at)
    return (Statement(_EXPAND, (tenant, record.run_id, record.step, record.visit, record.digest, body, at)),)


@_statements_of.register
def _(record: PoliciesApplied, tenant: str) -> tuple[Statement, ...]:
    text = json_text([dict(one) for one in record.policies])
    return (Statement("UPDATE run SET policies = ? WHERE tenant = ? AND id = ?", (text, tenant, record.run_id)),)


@_statements_of.register
def _(record: ArtifactStored, tenant: str) -> tuple[Statement, ...]:
    kept = (record.bytes, record.sha256, record.media_type, record.step, time_text(record.at))
    return (Statement(_KEEP, (tenant, record.run_id, record.path, *kept)),)


@_statements_of.register
def _(record: KeyKept, tenant: str) -> tuple[Statement, ...]:
    kept = (record.door, record.body_digest, record.status, json_text(record.answer), time_text(record.at))
    over = time_text(record.at - KEYS_KEPT)
    return (Statement(_KEEP_KEY, (tenant, record.key, record.run_id, *kept, over), is_guarded=True),)


@_statements_of.register
def _(record: EventRecorded, tenant: str) -> tuple[Statement, ...]:
    at, data = time_text(record.at), json_text(record.data)
    return (Statement(_NUMBER_EVENT, (tenant, record.run_id, record.type, at, record.node, record.attempt, data)),)


def _step_values(record: StepExecution, tenant: str) -> tuple[Any, ...]:
    return (
        tenant,
        record.run_id,
        record.step,
        record.visit,
        record.task,
        record.try_number,
        record.name,
        record.status.value,
        record.attempt,
        time_text(record.started_at),
        time_text(record.finished_at),
        record.idempotency_key,
        optional_json_text(record.arguments),
        optional_json_text(record.result),
        optional_json_text(record.saves),
        record.goto,
        error_text(record.error),
        record.log_uri,
        usage_text(record.usage),
    )


def run_id_of(record: Record) -> str:
    """Return the run that a record belongs to."""
    return record.run.id if isinstance(record, RunCreated) else record.run_id
