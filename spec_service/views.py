"""What callers are shown of specs, plans, runs, events and the catalog; the field names are those of the JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from spec_service.ports import SourceKind
from spec_service.preview_views import PlanPreview
from translator.planning.comparing import PlanDiff
from translator.planning.plan import Advice, Bound, Channel, JsonSchema, Limits, Plan, Step
from workflows.records import Event, Question
from workflows.run import Fork, Run
from workflows.usage import NOTHING, Usage

Json = Any
T = TypeVar("T")


class View(BaseModel):
    """A frozen answer."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[T]):
    """A part of a list; `next` is the cursor of the part that follows, null at the end."""

    items: tuple[T, ...]
    next: str | None = None


class SourceView(View):
    """Where the text of a revision came from."""

    kind: SourceKind
    path: str | None = None  # of the file, from the folder or the repository that it was applied from
    commit: str | None = None


class PublicationView(View):
    """Where a text was committed."""

    commit: str
    branch: str
    path: str
    sha256: str  # of the text


class Published(View):
    """A spec that lies in the repository."""

    spec: str  # name@rN
    digest: str
    commit: str
    branch: str
    path: str  # from the top of the repository
    is_new: bool  # false: the same text was there already


class SpecView(View):
    """A stored revision of a spec."""

    id: str  # name@rN: this very revision
    name: str
    version: str | None
    revision: int
    digest: str
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    created_at: datetime
    warnings: tuple[Advice, ...] = ()
    source: SourceView = SourceView(kind="api")
    published: PublicationView | None = None
    retired_at: datetime | None = None  # of the name: it can be neither planned nor run


class SpecText(SpecView):
    """A stored revision with the text that was sent."""

    media_type: str
    text: str


class Validity(View):
    """The answer to a spec without problems."""

    valid: bool = True
    name: str
    version: str | None
    digest: str
    warnings: tuple[Advice, ...] = ()


class WaitingRuns(View):
    """Runs that wait at the same nodes of the same plan; they end on it, unless somebody forks them."""

    plan: str
    nodes: tuple[str, ...]
    count: int
    runs: tuple[str, ...]  # some of them
    can_go_on: bool  # a fork of them could go on with the new plan
    why: tuple[str, ...] = ()  # what is in the way


class PlanChanges(PlanDiff):
    """What leads from one plan to another, and what becomes of the runs that wait on others."""

    runs: tuple[WaitingRuns, ...] = ()
    has_more_runs: bool = False  # more wait than were looked at


class PlanView(View):
    """A plan for people and programs to review."""

    digest: str
    spec: str
    spec_digest: str
    version: str | None
    is_dag: bool
    start: str | None
    steps: tuple[Step, ...]
    transitions: tuple[dict[str, Json], ...]  # {from, to, when?}
    inputs: JsonSchema
    state: dict[str, Channel]
    outputs: dict[str, Json]
    secrets: tuple[str, ...]
    limits: Limits
    workflows: dict[str, Plan] = {}  # what it calls at any depth, by the digests that its steps are bound to
    bounds: tuple[Bound, ...]
    most_steps: int | None = None  # that a run can take; null where an input decides
    mermaid: str
    warnings: tuple[Advice, ...]
    changes: PlanChanges | None = None  # against the last plan of the spec, when it was planned now and had one
    preview: PlanPreview | None = None  # what the luigi steps would build, when inputs were sent

    @classmethod
    def of(cls, plan: Plan, changes: PlanChanges | None = None, preview: PlanPreview | None = None) -> PlanView:
        """Show a plan."""
        return cls(
            digest=plan.digest,
            spec=plan.spec_name,
            spec_digest=plan.spec_digest,
            version=plan.spec_version,
            is_dag=plan.is_dag,
            start=plan.start,
            steps=plan.steps,
            transitions=tuple(_transitions(plan)),
            inputs=plan.inputs,
            state=plan.state,
            outputs=plan.outputs,
            secrets=plan.secrets,
            limits=plan.limits,
            workflows=plan.workflows,
            bounds=plan.bounds,
            most_steps=plan.most_steps,
            mermaid=plan.mermaid,
            warnings=plan.warnings,
            changes=changes,
            preview=preview,
        )


def _transitions(plan: Plan) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = []
    for step in plan.steps:
        found += [{"from": need, "to": step.id, "kind": "needs"} for need in step.needs]
        if step.transition is None:
            continue
        change = step.transition
        found += [{"from": step.id, "to": one.to, "when": one.when} for one in change.branches]
        found += [{"from": step.id, "to": to, "switch": change.switch, "case": key} for key, to in change.cases.items()]
        if change.default is not None:
            found.append({"from": step.id, "to": change.default, "switch": change.switch, "case": None})
    return found


WaitKind = Literal["person", "time", "signal", "external", "limit"]


class WaitingFor(View):
    """What a waiting run waits for: a person, a time, a signal, a raised limit, what it polls, or another run."""

    kind: WaitKind = "person"
    interrupt_id: str
    node: str  # empty where the whole run waits, for more time
    title: str
    description: str = ""
    show: Json = None
    schema_: JsonSchema = Field(alias="schema", serialization_alias="schema")
    assignees: tuple[str, ...] = ()
    asked_at: datetime
    expires_at: datetime | None = None  # of a time: when it is over; of something outside: when it is asked next
    signal: str | None = None
    key: str | None = None  # of the signal
    run: str | None = None  # another run, for whose end it waits

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    @property
    def is_for_people(self) -> bool:
        """Tell whether a person answers it."""
        return self.kind in {"person", "limit"}

    @classmethod
    def of(cls, question: Question) -> WaitingFor:
        """Show an open question."""
        kind = question.kind
        return cls(
            kind="external" if kind == "poll" or kind == "run" else kind,  # noqa: PLR1714 - types are narrowed so
            run=question.key if question.kind == "run" else None,
            signal=question.signal,
            key=question.key if question.kind == "signal" else None,
            interrupt_id=question.interrupt_id,
            node=question.step,
            title=question.title,
            description=question.description,
            show=question.show,
            schema=question.schema or {},
            assignees=question.assignees,
            asked_at=question.asked_at,
            expires_at=question.expires_at,
        )


class RunErrorView(View):
    """Why a run failed: what, in which node and attempt, where its log lies, and what failed below or before it."""

    name: str
    message: str
    code: str | None = None
    node: str | None = None
    attempt: int | None = None
    log_uri: str | None = None
    cause: RunErrorView | None = None


class ForkView(View):
    """From where a run was forked, and what was changed there."""

    run: str
    step: str
    visit: int  # which arrival at the step, from 1
    taken: int  # steps that were taken over
    set: tuple[str, ...] = ()  # channels that were given another value
    inputs: tuple[str, ...] = ()  # that were changed
    read_before: tuple[str, ...] = ()  # steps that were taken over, and had read such an input as it was

    @classmethod
    def of(cls, fork: Fork) -> ForkView:
        """Show where a run comes from."""
        return cls(
            run=fork.run,
            step=fork.step,
            visit=fork.visit,
            taken=fork.taken,
            set=tuple(fork.sets),
            inputs=fork.inputs,
            read_before=fork.read_before,
        )


class PolicyRef(View):
    """A revision of a policy."""

    name: str
    revision: int
    digest: str


class RunItem(View):
    """A run as it stands, in a list: without its inputs and outputs."""

    id: str
    spec: str  # name@rN
    spec_digest: str
    version: str | None
    plan: str
    status: str
    error: RunErrorView | None
    waiting_for: tuple[WaitingFor, ...] = ()
    attempts: int
    usage: dict[str, Json] = Field(default_factory=dict[str, Json])
    labels: dict[str, str]
    policies: tuple[PolicyRef, ...] = ()  # that were in force while it was executed
    priority: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    forked_from: ForkView | None = None
    parent: str | None = None  # the run that has started it, and shares its limits with it

    @classmethod
    def of(cls, run: Run, questions: tuple[Question, ...] = (), usage: Usage = NOTHING) -> Self:
        """Show a run, its open questions, and what it has used."""
        return cls(**_shown(run, questions, usage))


class RunView(RunItem):
    """A run as it stands."""

    inputs: dict[str, Json]
    outputs: Json

    @classmethod
    def of(cls, run: Run, questions: tuple[Question, ...] = (), usage: Usage = NOTHING) -> Self:
        """Show a run, its open questions, and what it has used."""
        return cls(**_shown(run, questions, usage), inputs=dict(run.inputs), outputs=run.outputs)


def _shown(run: Run, questions: tuple[Question, ...], usage: Usage) -> dict[str, Json]:
    return {
        "id": run.id,
        "spec": f"{run.spec_name}@r{run.spec_revision}",
        "spec_digest": run.spec_digest,
        "version": run.spec_version,
        "plan": run.plan_digest,
        "status": run.status.value,
        "error": RunErrorView(**run.error.as_json()) if run.error else None,
        "waiting_for": () if run.status.is_final else tuple(WaitingFor.of(one) for one in questions if one.is_open),
        "attempts": run.attempt,
        "usage": usage.figures(),
        "labels": dict(run.labels),
        "policies": tuple(PolicyRef(**one) for one in run.policies),
        "priority": run.priority,
        "cancel_requested": run.cancel_requested,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "forked_from": ForkView.of(run.forked_from) if run.forked_from else None,
        "parent": run.parent,
    }


class EventView(View):
    """An entry of a run's transcript."""

    seq: int
    type: str
    at: datetime
    node: str | None = None
    attempt: int
    data: Json

    @classmethod
    def of(cls, event: Event) -> EventView:
        """Show an event."""
        return cls(seq=event.seq, type=event.type, at=event.at, node=event.node, attempt=event.attempt, data=event.data)


class PolicyView(View):
    """A stored revision of a policy."""

    id: str  # name@rN: this very revision
    name: str
    version: str | None
    revision: int
    digest: str
    created_at: datetime
    retired_at: datetime | None = None  # of the name: it is not in force
    media_type: str
    text: str


class TrialVerdict(View):
    """What a policy would have said of a step that is recorded."""

    run: str
    step: str
    visit: str
    try_number: int
    moment: Literal["before", "usage", "result"]
    at: datetime  # when the try began
    policy: str | None
    rule: str
    action: Literal["reject", "pause", "abort"]
    figure: Json
    limit: Json
    message: str


class PolicyTrial(View):
    """What a policy would have said of recorded runs."""

    policy: str
    runs: int  # that were looked at
    selected: int  # that the policy is for
    verdicts: tuple[TrialVerdict, ...]


class UsageItem(View):
    """What the runs of a group have used."""

    key: str
    tries: int  # of steps, as far as they have used anything
    runs: int
    usage: dict[str, Json]


class Usages(View):
    """What runs have used, by groups, the dearest first."""

    group_by: str
    items: tuple[UsageItem, ...]
    has_more: bool = False


class StateView(View):
    """The values of a run's channels at a checkpoint."""

    run: str
    status: str
    values: dict[str, Json]
    checkpoint: str | None  # null before the first
    at: datetime | None


class CheckpointView(View):
    """A checkpoint of a run."""

    id: str
    parent: str | None
    step: int
    source: str
    at: datetime


class ArtifactView(View):
    """Bytes that a run keeps."""

    path: str
    uri: str
    bytes: int
    sha256: str
    media_type: str
    step: str
    created_at: datetime


class SignalView(View):
    """What became of a signal for whichever run waits for its key."""

    name: str
    key: str
    delivered_to: tuple[str, ...]  # runs
    is_kept: bool  # for the first run that will wait for it


class UploadView(View):
    """Bytes that a run can be given as an input."""

    uri: str  # specloom://uploads/<sha256>
    bytes: int
    sha256: str
    media_type: str


class VersionView(View):
    """Which server this is."""

    version: str
    pid: int
    started_at: datetime
