"""What the journal makes durable: the records of runs, attempts, steps, questions, expansions, artifacts and events.

Records are plain frozen data, complete when they are queued, so that a flush has nothing left to compute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from workflows.run import Run, RunError, RunId, RunStatus
from workflows.usage import NOTHING, Usage

Json = Any


KEYS_KEPT = timedelta(hours=24)
"""How long a key stands for what was done."""


SIGNALS_KEPT = timedelta(days=7)
"""How long a signal for whichever run waits for its key is kept while none does."""

NO_RUN = RunId("")
"""What stands for the run of a signal that is for whichever run waits for its key."""

AGAIN = "~"  # at the end of the path of what is done again from its beginning
AT = "!"  # in the path of the frame of an injected node: between that of its stage and the key of the task
QuestionKind = Literal["person", "time", "signal", "poll", "limit", "run"]
"""Who or what answers a question; `time` and `poll` are answered by their expiry, `run` by the end of another run."""


class StepStatus(StrEnum):
    """How one try of a step stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CRASHED = "crashed"  # the server died meanwhile; not a failure of the step's own
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"  # it is to be done again at the same visit, or was
    DISCARDED = "discarded"  # what had followed from something that is done again; another way may be taken then


REDONE = frozenset({StepStatus.SUPERSEDED, StepStatus.DISCARDED})
"""What a rerun has taken back: it does not count any more, and stays to be read."""


@dataclass(frozen=True, slots=True)
class RunCreated:
    """A new run, queued."""

    run: Run


@dataclass(frozen=True, slots=True)
class RunMoved:
    """A guarded move of a run's status: refused unless the table of allowed moves has it.

    With `unless_answered`, it is refused as well when a question of the run has an answer that no attempt has taken
    up yet: the answer came while the run was on its way to wait.
    """

    run_id: RunId
    to: RunStatus
    at: datetime
    outputs: Json = None
    error: RunError | None = None
    unless_answered: bool = False
    only_from: RunStatus | None = None  # refused when the run has another status, even one that the table allows


@dataclass(frozen=True, slots=True)
class RunRetried:
    """A failed or cancelled run is queued again, for a rerun a succeeded one, too; refused for any other.

    What failed so far gets a fresh budget of tries, and questions that nobody answered in time are asked anew.
    """

    run_id: RunId
    at: datetime
    is_rerun: bool = False


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody wants the run to stop; refused when it is final."""

    run_id: RunId
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A stretch of execution begins: start, resume, recovery or retry."""

    run_id: RunId
    number: int  # from 1
    kind: Literal["start", "resume", "recover", "retry"]
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """A stretch of execution is over; `outcome` is the status that the run then had."""

    run_id: RunId
    number: int
    outcome: RunStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class StepExecution:
    """One try of a step, or of one task inside a luigi step; the record of its end replaces that of its start.

    The key is (run, step, visit, task, try). `visit` names one arrival at the step: the same on resume and retry,
    another one on the next round of a loop.
    """

    run_id: RunId
    step: str
    visit: str
    try_number: int  # from 1
    status: StepStatus
    attempt: int
    started_at: datetime
    task: str = ""  # key of a task of the expansion; empty for the step itself
    name: str = ""  # what to call the task on a screen
    finished_at: datetime | None = None
    idempotency_key: str = ""
    arguments: Json = None
    result: Json = None  # {"value": …}, or {"artifact": uri, "bytes": n, "sha256": …} when it is over 32 KiB
    saves: Json = None  # {channel: value}, as they were evaluated
    goto: str | None = None  # the transition that was chosen in a flow
    error: RunError | None = None
    log_uri: str | None = None
    usage: Usage | None = None  # so far; None: nothing that is counted

    @property
    def path(self) -> str:
        """Return the path of the frame in which this try of a block, or of an item of one, holds its steps.

        It is the visit; a `~` for each retry tells the frames of tries apart, and that of the idempotency key.
        """
        key = self.idempotency_key
        return f"{self.visit}{self.task}{AGAIN * (len(key) - len(key.rstrip(AGAIN)))}"

    @property
    def is_caught(self) -> bool:
        """Tell whether the step failed, and a `catch` of it took the error: it has a way on, and perhaps a result."""
        return self.status is StepStatus.FAILED and self.saves is not None


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A person, the clock or the world is asked; the run can go on when there is an answer.

    A question that is recorded already stays as it is, except one of kind `poll` whose answer is taken up: it is asked
    anew. One of kind `signal` takes the oldest signal that is kept for it: it is answered then from the start.
    """

    run_id: RunId
    interrupt_id: str
    step: str
    visit: str
    title: str
    show: Json
    schema: Json
    assignees: tuple[str, ...]
    asked_at: datetime
    expires_at: datetime | None = None
    description: str = ""
    kind: QuestionKind = "person"
    signal: str | None = None  # name of the signal that answers it
    key: str | None = None  # of the signals that answer it; None: those of any key that are sent to the run. Or: a run


@dataclass(frozen=True, slots=True)
class QuestionAnswered:
    """An answer, or the end of patience; refused when the question is closed already or does not exist."""

    run_id: RunId
    interrupt_id: str
    at: datetime
    answer: Json = None
    has_expired: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerTaken:
    """The run's attempt has taken the answer up."""

    run_id: RunId
    interrupt_id: str


@dataclass(frozen=True, slots=True)
class SignalKept:
    """A signal that no open question waits for; refused when one does, or when the run is final.

    It answers the first question that fits: one of the run, or, with `NO_RUN`, one of any run that waits for its key.
    """

    run_id: RunId
    id: str
    name: str
    key: str | None
    data: Json
    at: datetime


@dataclass(frozen=True, slots=True)
class ResultCached:
    """A result that later calls of the same key may be given, whichever run they are of; the newest of a key stands."""

    run_id: RunId
    key: str
    kept: Json  # as in a step execution
    at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpansionRecorded:
    """The Luigi DAG that a luigi step turned out to be; recorded before any of it runs."""

    run_id: RunId
    step: str
    visit: str
    digest: str
    body: Json
    at: datetime


@dataclass(frozen=True, slots=True)
class PoliciesApplied:
    """The revisions of policies that have been in force while the run was executed; the newest list stands."""

    run_id: RunId
    policies: tuple[Mapping[str, Json], ...]  # {name, revision, digest}


@dataclass(frozen=True, slots=True)
class ArtifactStored:
    """Bytes that a run produced, by path inside the run."""

    run_id: RunId
    path: str  # as in specloom://runs/<run>/artifacts/<path>
    bytes: int
    sha256: str
    media_type: str
    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyKept:
    """What a request with a key of its own was answered; refused when the key was used in the last 24 hours.

    It stands in the unit of what the request did, so that the same key does it once.
    """

    run_id: RunId
    key: str
    door: str  # what was asked of what
    body_digest: str
    status: int  # of the answer
    answer: Json
    at: datetime


@dataclass(frozen=True, slots=True)
class EventRecorded:
    """An entry of the run's transcript; the journal numbers it 1, 2, 3 … without gaps."""

    run_id: RunId
    type: str
    at: datetime
    node: str | None = None
    attempt: int = 0
    data: Json = field(default_factory=dict[str, Any])


Record = (
    RunCreated
    | RunMoved
    | RunRetried
    | CancelRequested
    | AttemptStarted
    | AttemptEnded
    | StepExecution
    | QuestionAsked
    | QuestionAnswered
    | AnswerTaken
    | SignalKept
    | ResultCached
    | ExpansionRecorded
    | PoliciesApplied
    | ArtifactStored
    | KeyKept
    | EventRecorded
)


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a run's transcript as it was recorded."""

    run_id: RunId
    seq: int  # from 1, without gaps
    type: str
    at: datetime
    node: str | None
    attempt: int
    data: Json


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it stands."""

    run_id: RunId
    interrupt_id: str
    step: str
    visit: str
    title: str
    show: Json
    schema: Json
    assignees: tuple[str, ...]
    asked_at: datetime
    expires_at: datetime | None
    description: str = ""
    answered_at: datetime | None = None
    answer: Json = None
    has_expired: bool = False
    is_taken: bool = False
    kind: QuestionKind = "person"
    signal: str | None = None
    key: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether an answer is still wanted."""
        return self.answered_at is None

    @property
    def is_for_people(self) -> bool:
        """Tell whether a person answers it: what the author asks, or whether a limit is raised."""
        return self.kind in {"person", "limit"}

    def is_answered_by(self, signal: SignalKept) -> bool:
        """Tell whether it waits for such a signal.

        One for any run answers only those who wait for its key; one for this run needs none.
        """
        if not self.is_open or self.kind != "signal" or self.signal != signal.name:
            return False
        if signal.run_id == NO_RUN:
            return self.key == signal.key
        return self.key is None or signal.key in (None, self.key)


@dataclass(frozen=True, slots=True)
class History:
    """All that the journal knows of a run: what an attempt starts from."""

    run: Run
    steps: tuple[StepExecution, ...]  # in the order in which they were first recorded
    questions: tuple[Question, ...]
    expansions: tuple[ExpansionRecorded, ...]
    last_seq: int
    kept_bytes: Mapping[str, int] = field(default_factory=dict[str, int])  # of artifacts, by step


def used_in(steps: Iterable[StepExecution]) -> Usage:
    """Return what all these tries have used together."""
    return sum((one.usage for one in steps if one.usage is not None), NOTHING)
