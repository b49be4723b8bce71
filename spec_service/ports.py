"""What the operations need from storage and from the worker, one port per need; every row belongs to a tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from translator.planning.plan import Plan
from workflows.luigi.calls import StageCall
from workflows.luigi.survey import Survey
from workflows.ports import ArtifactStore, UsageTotals
from workflows.records import ArtifactStored, History, Question, Record
from workflows.replay_report import ReplayReport
from workflows.run import Run, RunId, RunStatus
from workflows.usage import NOTHING, Usage

Json = Any


SourceKind = Literal["api", "file", "git"]
SOURCE_KINDS: tuple[SourceKind, ...] = ("api", "file", "git")


@dataclass(frozen=True, slots=True)
class SpecSource:
    """Where the text of a revision came from."""

    kind: SourceKind = "api"
    path: str | None = None  # of the file, from the folder or the repository that it was applied from
    commit: str | None = None  # of the repository


@dataclass(frozen=True, slots=True)
class Publication:
    """Where the text of a revision was committed."""

    commit: str
    branch: str
    path: str
    sha256: str  # of the text


@dataclass(frozen=True, slots=True)
class FileToCommit:
    """A file on its way to a repository."""

    path: str  # from the root that the operator configured
    data: bytes
    message: str
    check: Callable[[bytes | None], None]  # sees what is there (None: nothing); raises what forbids to replace it
    author: str | None = None  # "Name <mail>"; None: as configured


@dataclass(frozen=True, slots=True)
class Committed:
    """A file that lies in a repository."""

    commit: str
    branch: str
    path: str  # from the top of the repository
    is_new: bool = True  # False: it was there already


class SpecRepository(Protocol):
    """The branch of a repository that specs are published to."""

    @property
    def root(self) -> str:
        """Return the folder of the repository that all files stay in; "" is its top."""
        ...

    async def commit(self, file: FileToCommit) -> Committed:
        """Commit a file and move the branch, never by force.

        Raises `PublishUnavailable`, `PublishFailed`, `PathNotAllowed`, and what the file's check raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredSpec:
    """A revision of a spec, with the text that was sent."""

    name: str
    revision: int  # from 1
    version: str | None
    digest: str
    text: str
    media_type: str
    description: str
    labels: Mapping[str, str]
    warnings: tuple[Mapping[str, Json], ...]
    created_at: datetime
    source: SpecSource = SpecSource()
    published: Publication | None = None
    retired_at: datetime | None = None  # of the name

    @property
    def id(self) -> str:
        """Return the name of this very revision."""
        return f"{self.name}@r{self.revision}"


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a spec without its text."""

    revision: int
    version: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class NewSpec:
    """A checked spec on its way to the shelf."""

    name: str
    version: str | None
    digest: str
    text: str
    media_type: str
    at: datetime
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: tuple[Mapping[str, Json], ...] = ()
    source: SpecSource | None = None  # None: as it was, else "api"


class StageSurveyor(Protocol):
    """Tells what a stage would build, and runs nothing."""

    async def survey(self, call: StageCall, *, goes_below: bool = False) -> Survey:
        """Return the DAG below a stage and what of it is complete; raises `StageError`."""
        ...


class SpecStore(Protocol):
    """Revisions of specs."""

    async def put(self, spec: NewSpec) -> tuple[StoredSpec, bool]:
        """Store a spec and make it current; False when its digest was there already. Raises `VersionExists`."""
        ...

    async def get(self, spec_id: str) -> StoredSpec:
        """Return what a name, `name@version`, `name@rN` or a digest stands for; raises `UnknownSpec`."""
        ...

    async def revisions(self, name: str) -> tuple[Revision, ...]:
        """Return the revisions of a name that is in use: the current one, then the newest first; else none."""
        ...

    async def page(self, cursor: str | None, limit: int) -> tuple[tuple[StoredSpec, ...], str | None]:
        """Return current revisions by name, and the cursor of the next page; raises `BadCursor`.

        Retired names are left out.
        """
        ...

    async def retire(self, name: str, at: datetime) -> StoredSpec:
        """Take a name out of use until it is stored again; raises `UnknownSpec`."""
        ...

    async def note_published(self, name: str, revision: int, published: Publication) -> StoredSpec:
        """Remember where a revision was committed; raises `UnknownSpec`."""
        ...

    async def publications(self, name: str) -> tuple[Publication, ...]:
        """Return where the revisions of a name were committed last, the newest revision first."""
        ...


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A checked policy on its way to the shelf."""

    name: str
    version: str | None
    digest: str
    text: str
    media_type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A revision of a policy, with the text that was sent."""

    name: str
    revision: int  # from 1
    version: str | None
    digest: str
    text: str
    media_type: str
    created_at: datetime
    retired_at: datetime | None = None  # of the name: it is not in force

    @property
    def id(self) -> str:
        """Return the name of this very revision."""
        return f"{self.name}@r{self.revision}"


class PolicyStore(Protocol):
    """Revisions of the operator's policies."""

    async def put(self, policy: NewPolicy) -> tuple[StoredPolicy, bool]:
        """Store a policy and put it in force; False when its digest was there already. Raises `VersionExists`."""
        ...

    async def get(self, policy_id: str) -> StoredPolicy:
        """Return what a name, `name@version` or `name@rN` stands for; raises `UnknownPolicy`."""
        ...

    async def in_force(self) -> tuple[StoredPolicy, ...]:
        """Return the current revisions of all names that are not retired, by name."""
        ...

    async def retire(self, name: str, at: datetime) -> StoredPolicy:
        """Take a policy out of force until it is stored again; raises `UnknownPolicy`."""
        ...


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage to sum up: of steps that started in a period, by groups."""

    group_by: str = "run"  # step, run, spec, tenant, model, or label:NAME
    since: datetime | None = None  # from then on
    until: datetime | None = None  # before then
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """What the runs of a group have used."""

    key: str
    tries: int  # of steps, as far as they have used anything
    runs: int
    usage: Usage


class UsageBoard(UsageTotals, Protocol):
    """What runs have used, as far as it is recorded."""

    async def groups(self, query: UsageQuery) -> tuple[UsageGroup, ...]:
        """Return totals by groups, the dearest first, at most `query.limit`."""
        ...


class PlanShelf(Protocol):
    """Plans by digest; a stored plan never changes."""

    async def put(self, plan: Plan, at: datetime) -> None:
        """Keep a plan; a plan that is there already stays as it is."""
        ...

    async def get(self, digest: str) -> Plan:
        """Return a stored plan; raises `UnknownPlan`."""
        ...

    async def last(self, spec_name: str) -> Plan | None:
        """Return the plan that was made or asked for last among those of all revisions of a spec."""
        ...

    async def make_last(self, digest: str, at: datetime) -> None:
        """Have a stored plan be the last one of its spec."""
        ...


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; None is any."""

    status: RunStatus | None = None
    spec: str | None = None  # a name, or name@rN
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    parent: str | None = None  # the run that has started them


@dataclass(frozen=True, slots=True)
class Kin:
    """A run that another one has started, and how both stand."""

    child: RunId
    parent: RunId
    child_status: RunStatus
    parent_status: RunStatus


@dataclass(frozen=True, slots=True)
class RunPosition:
    """A run, its questions and what it has used, read at one moment."""

    run: Run
    questions: tuple[Question, ...] = ()
    usage: Usage = NOTHING


class RunBoard(Protocol):
    """Runs as they stand, to look at."""

    async def get(self, run_id: RunId) -> RunPosition:
        """Return a run with all its questions; raises `UnknownRun`."""
        ...

    async def page(
        self, wanted: RunFilter, cursor: str | None, limit: int
    ) -> tuple[tuple[RunPosition, ...], str | None]:
        """Return runs, the newest first, and the cursor of the next page; raises `BadCursor`."""
        ...

    async def unfinished(
        self, statuses: Collection[RunStatus], after: RunId | None, limit: int
    ) -> tuple[RunPosition, ...]:
        """Return some runs of these statuses behind the run `after`, the oldest first, with their questions."""
        ...

    async def waiting_for_signal(self, name: str, key: str) -> tuple[Question, ...]:
        """Return, of each run that waits for a signal of this key, the first question that does."""
        ...

    async def families(self) -> tuple[Kin, ...]:
        """Return the runs with a parent that are not over, or for whose end their parent still waits."""
        ...

    async def artifacts(self, run_id: RunId) -> tuple[ArtifactStored, ...]:
        """Return what a run keeps, by path; raises `UnknownRun`."""
        ...

    async def counts(self) -> Mapping[RunStatus, int]:
        """Return how many runs have each status."""
        ...


class ArtifactShelf(ArtifactStore, Protocol):
    """Artifacts that may be too big to be held in memory."""

    async def open(self, uri: str) -> AsyncGenerator[bytes]:
        """Return the bytes in chunks; raises `UnknownArtifact`."""
        ...

    async def take_over(
        self, source: RunId, target: RunId, kept: Collection[str], wanted: Callable[[str, float], bool]
    ) -> frozenset[str]:
        """Give a run files of another one, and return their paths; neither sees what the other does with them.

        Of what the engine keeps those in `kept`, of the work directory those of which `wanted` says so, by their path
        and the time at which they were changed (seconds of the epoch). Raises `JournalError` when they cannot be
        written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes that somebody sent, for the inputs of runs."""

    uri: str  # specloom://uploads/<sha256>
    bytes: int
    sha256: str
    media_type: str


class UploadShelf(Protocol):
    """Bytes that somebody sent, once each."""

    async def put(self, content: AsyncIterable[bytes], media_type: str) -> tuple[Upload, bool]:
        """Keep bytes while they come, whole or not at all; False when they were there already.

        Raises `JournalError` when they cannot be written, and what `content` raises.
        """
        ...

    async def use(self, digests: Sequence[str]) -> frozenset[str]:
        """Keep uploads for a while more, since a run is about to name them; return those that are not there."""
        ...


class Health(Protocol):
    """How the journal is."""

    @property
    def is_broken(self) -> bool:
        """Tell whether records cannot be written at the moment."""
        ...

    @property
    def is_full(self) -> bool:
        """Tell whether so much is queued that new work has to wait."""
        ...


class Ownership(Protocol):
    """The data directory, as long as it is ours."""

    def listens(self, url: str) -> None:
        """Say where we listen, for whoever wants the directory, too."""
        ...

    @property
    def fenced_off(self) -> asyncio.Event:
        """Return what is set once another process has taken over."""
        ...


Observer = Callable[[Sequence[Record]], None]


class Announcer(Protocol):
    """Tells about records once they are durable."""

    def observe(self, observer: Observer) -> None:
        """Call `observer` on the loop with the records of each flush; it must not block or raise."""
        ...

    def observe_recovery(self, observer: Callable[[], None]) -> None:
        """Call `observer` on the loop whenever records can be written again after they could not."""
        ...


@dataclass(frozen=True, slots=True)
class CheckpointNote:
    """What is shown of a checkpoint."""

    id: str
    parent: str | None
    step: int
    source: str
    at: datetime


class CheckpointReader(Protocol):
    """LangGraph's checkpoints of a run, to look at."""

    async def values(self, run_id: RunId) -> tuple[Mapping[str, Json], CheckpointNote] | None:
        """Return the newest checkpoint's channels; None when there is none."""
        ...

    async def page(
        self, run_id: RunId, before: str | None, limit: int
    ) -> tuple[tuple[CheckpointNote, ...], str | None]:
        """Return checkpoints, the newest first, and the cursor of the next page."""
        ...


class RunReplayer(Protocol):
    """Executes runs again on what is recorded of them."""

    async def replay(self, history: History, plan: Plan, other: Plan | None = None) -> ReplayReport:
        """Return what is different, with the run's own plan or another one; calls, changes and keeps nothing."""
        ...


class Worker(Protocol):
    """Executes runs in this process."""

    def start(self, run: Run) -> None:
        """Start a run whose creation is queued just now, as soon as there is room."""
        ...

    def submit(self, run_id: RunId, priority: int = 0) -> None:
        """Start or continue a queued run as soon as there is room."""
        ...

    def expect(self, questions: Sequence[Question]) -> None:
        """Watch the clock for questions that an earlier process asked."""
        ...

    def is_live(self, run_id: RunId) -> bool:
        """Tell whether the run is executed here, or will be as soon as there is room."""
        ...

    def deliver(self, run_id: RunId, interrupt_id: str) -> bool:
        """Tell a live attempt that an answer was recorded; False when the run is not live here."""
        ...

    def cancel(self, run_id: RunId) -> bool:
        """Stop a live attempt; False when the run is not live here."""
        ...
