"""The tables, as SQLModel classes: the one description of the database, from which migrations are made.

Times are ISO 8601 text in UTC with microseconds, which sorts by time; JSON is text, written by us only. Rows are
read and written in plain SQL by the stores beside this file, because importing SQLAlchemy would double the time that
a server needs to start; this module is loaded by migrations and tests only.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel


def _of_run() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "run_id"], ["run.tenant", "run.id"])


class OwnerRow(SQLModel, table=True):
    """The process that owns the data directory; one row. Every transaction looks at its fence first."""

    __tablename__ = "owner"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True)  # 1
    fence: int  # grows with every owner
    pid: int
    host: str
    url: str | None
    started_at: str
    heartbeat_at: str
    released_at: str | None  # null: it lives, or did not stop as it should


class SpecRow(SQLModel, table=True):
    """A name of specs and which revision is current."""

    __tablename__ = "spec"  # pyright: ignore[reportAssignmentType]

    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    current_revision: int
    created_at: str
    retired_at: str | None  # null: it may be planned and run


class SpecRevisionRow(SQLModel, table=True):
    """A revision of a spec with its text."""

    __tablename__ = "spec_revision"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        UniqueConstraint("tenant", "digest", name="uq_spec_revision_digest"),
        UniqueConstraint("tenant", "name", "version", name="uq_spec_revision_version"),
    )

    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    version: str | None
    digest: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    media_type: str
    description: str
    labels: str  # JSON
    warnings: str  # JSON
    created_at: str
    source: str | None  # JSON; null: nobody said
    published: str | None  # JSON; null: not by this server


class PolicyRow(SQLModel, table=True):
    """A name of policies of the operator and which revision is current."""

    __tablename__ = "policy"  # pyright: ignore[reportAssignmentType]

    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    current_revision: int
    created_at: str
    retired_at: str | None  # null: it is in force


class PolicyRevisionRow(SQLModel, table=True):
    """A revision of a policy with its text."""

    __tablename__ = "policy_revision"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        UniqueConstraint("tenant", "digest", name="uq_policy_revision_digest"),
        UniqueConstraint("tenant", "name", "version", name="uq_policy_revision_version"),
    )

    tenant: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    version: str | None
    digest: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    media_type: str
    created_at: str


class PlanRow(SQLModel, table=True):
    """A plan, immutable."""

    __tablename__ = "plan"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_plan_spec_digest", "tenant", "spec_digest"),)

    tenant: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    spec_digest: str
    body: str = Field(sa_column=Column(Text, nullable=False))  # JSON
    created_at: str
    planned_at: str | None  # when somebody asked for it last; null: when it was made


class RunRow(SQLModel, table=True):
    """A run as it stands."""

    __tablename__ = "run"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("ix_run_status", "tenant", "status", "id"),
        Index("ix_run_spec", "tenant", "spec_name", "id"),
        Index("ix_run_parent", "tenant", "parent", sqlite_where=text("parent IS NOT NULL")),
    )

    tenant: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    spec_name: str
    spec_revision: int
    spec_version: str | None
    spec_digest: str
    plan_digest: str
    status: str
    inputs: str  # JSON
    outputs: str | None  # JSON
    error: str | None  # JSON
    labels: str  # JSON
    priority: int
    attempt: int
    cancel_requested: int  # 0 or 1
    retried_after: int  # number of an attempt
    retried_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    forked_from: str | None  # JSON
    parent: str | None  # the run that started it
    policies: str | None  # JSON: the revisions that were in force; null: none
    traceparent: str | None


class AttemptRow(SQLModel, table=True):
    """A stretch of execution of a run."""

    __tablename__ = "attempt"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_of_run(),)

    tenant: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    kind: str
    outcome: str | None
    started_at: str
    finished_at: str | None
    fence: int | None  # of the owner that executed it


_USED = "usage IS NOT NULL"


class StepExecutionRow(SQLModel, table=True):
    """One try of a step or of a task; `id` keeps the order in which they were first recorded."""

    __tablename__ = "step_execution"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        _of_run(),
        UniqueConstraint("tenant", "run_id", "step", "visit", "task", "try_number", name="uq_step_execution"),
        Index("ix_step_execution_used", "tenant", "started_at", sqlite_where=text(_USED)),
    )

    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    tenant: str
    run_id: str
    step: str
    visit: str
    task: str
    try_number: int
    name: str
    status: str
    attempt: int
    started_at: str
    finished_at: str | None
    idempotency_key: str
    arguments: str | None  # JSON
    result: str | None  # JSON
    saves: str | None  # JSON
    goto: str | None
    error: str | None  # JSON
    log_uri: str | None
    usage: str | None = Field(sa_column=Column(Text))  # JSON; null: nothing that is counted


_AWAITED = "signal IS NOT NULL AND answered_at IS NULL"


class QuestionRow(SQLModel, table=True):
    """A question to a person, the clock or the world, and its answer."""

    __tablename__ = "question"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        _of_run(),
        UniqueConstraint("tenant", "run_id", "interrupt_id", name="uq_question"),
        Index("ix_question_signal", "tenant", "signal", "key", sqlite_where=text(_AWAITED)),
    )

    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    tenant: str
    run_id: str
    interrupt_id: str
    step: str
    visit: str
    title: str
    description: str
    show: str | None  # JSON
    schema_: str | None = Field(sa_column=Column("schema", Text))  # JSON
    assignees: str  # JSON
    asked_at: str
    expires_at: str | None
    answered_at: str | None
    answer: str | None  # JSON
    answered_by: str | None
    has_expired: int  # 0 or 1
    is_taken: int  # 0 or 1
    kind: str = Field(sa_column_kwargs={"server_default": "person"})
    signal: str | None
    key: str | None


class SignalRow(SQLModel, table=True):
    """A signal that came before anything waited for it; `number` keeps the order in which they came."""

    __tablename__ = "signal"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        _of_run(),
        UniqueConstraint("tenant", "id", name="uq_signal"),
        Index("ix_signal_kept", "tenant", "name", sqlite_where=text("taken_by IS NULL")),
        Index("ix_signal_sent_at", "sent_at"),
    )

    number: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    tenant: str
    id: str
    run_id: str | None  # null: for whichever run waits for its key
    name: str
    key: str | None
    data: str | None = Field(sa_column=Column(Text))  # JSON
    sent_at: str
    taken_by_run: str | None
    taken_by: str | None  # interrupt_id of a question


class CachedResultRow(SQLModel, table=True):
    """A result that later calls may be given instead of calling."""

    __tablename__ = "cached_result"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        _of_run(),
        Index("ix_cached_result_expires_at", "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
    )

    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    run_id: str  # which it was made in
    kept: str = Field(sa_column=Column(Text, nullable=False))  # JSON
    cached_at: str
    expires_at: str | None


class UploadRow(SQLModel, table=True):
    """Bytes that somebody sent, for inputs; they lie in a file called by their digest."""

    __tablename__ = "upload"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index("ix_upload_used_at", "used_at"),)

    tenant: str = Field(primary_key=True)
    sha256: str = Field(primary_key=True)
    bytes: int
    media_type: str
    uploaded_at: str
    used_at: str  # when it was sent, or named in the inputs of a new run, last


class ExpansionRow(SQLModel, table=True):
    """What a luigi step turned out to be."""

    __tablename__ = "expansion"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        _of_run(),
        UniqueConstraint("tenant", "run_id", "step", "visit", name="uq_expansion"),
    )

    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True))
    tenant: str
    run_id: str
    step: str
    visit: str
    digest: str
    body: str = Field(sa_column=Column(Text, nullable=False))  # JSON
    recorded_at: str


class ArtifactRow(SQLModel, table=True):
    """Bytes that a run keeps, by path; the bytes themselves lie in the artifact store."""

    __tablename__ = "artifact"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_of_run(),)

    tenant: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True)
    path: str = Field(primary_key=True)
    bytes: int
    sha256: str
    media_type: str
    step: str
    stored_at: str


class EventRow(SQLModel, table=True):
    """An entry of a run's transcript."""

    __tablename__ = "event"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_of_run(),)

    tenant: str = Field(primary_key=True)
    run_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    type: str
    at: str
    node: str | None
    attempt: int
    data: str = Field(sa_column=Column(Text, nullable=False))  # JSON


class IdempotencyRow(SQLModel, table=True):
    """What a request with an `Idempotency-Key` was answered."""

    __tablename__ = "idempotency"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_of_run(), Index("ix_idempotency_created_at", "created_at"))

    tenant: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    run_id: str
    door: str
    body_digest: str
    status: int  # of HTTP
    answer: str = Field(sa_column=Column(Text, nullable=False))  # JSON
    created_at: str


class CheckpointRow(SQLModel, table=True):
    """A checkpoint of a thread: a run, or something inside one that has a history of its own."""

    __tablename__ = "checkpoint"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        # A thread's first checkpoint is the first that pruning takes: the index holds what is still to be pruned.
        Index("ix_checkpoint_first", "tenant", "thread_id", sqlite_where=text("parent_id IS NULL")),
        Index("ix_checkpoint_run", "tenant", "run_id", sqlite_where=text("run_id IS NOT NULL")),
    )

    tenant: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    parent_id: str | None
    run_id: str | None  # LangGraph's, out of the metadata; not ours
    key_id: str | None  # null: not encrypted
    format: str
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    details: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # JSON: what LangGraph calls metadata


class CheckpointWriteRow(SQLModel, table=True):
    """What a task of LangGraph wrote at a checkpoint, before the next one holds it."""

    __tablename__ = "checkpoint_write"  # pyright: ignore[reportAssignmentType]

    tenant: str = Field(primary_key=True)
    thread_id: str = Field(primary_key=True)
    namespace: str = Field(primary_key=True)
    checkpoint_id: str = Field(primary_key=True)
    task_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    task_path: str
    channel: str
    key_id: str | None  # null: not encrypted
    format: str
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
