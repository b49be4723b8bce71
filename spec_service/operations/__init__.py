"""What a caller may ask: one file and one async function per question.

Every operation takes the `Services` bundle first and returns a view. It raises `Refused` (problems of what was sent)
or another named error of `spec_service.errors` and `workflows.errors`.

create_spec(services, data: bytes, media: Media, source=None) -> tuple[SpecView, bool]    created or known already
validate_spec(services, data: bytes, media: Media) -> Validity
get_spec(services, spec_id: str) -> SpecText
list_specs(services, cursor: str | None = None, limit: int = 50) -> Page[SpecView]
plan_spec(services, spec_id: str, request: PlanRequest | None = None) -> PlanView    with inputs: and its preview
preview_plan(services, data: bytes, media: Media, coming=()) -> PlanView    of a text that is not stored
get_plan(services, digest: str) -> PlanView
compare_plans(services, old: str, new: str) -> PlanChanges
draw_plan(services, digest: str, drawing: Drawing) -> str
retire_spec(services, name: str) -> SpecView
publish_spec(services, spec_id: str, request: PublishRequest) -> Published
execute_spec(services, spec_id: str, request: ExecuteRequest, wait: float | None = None, key=None) -> RunAnswer
get_run(services, run_id: str) -> RunView
list_runs(services, wanted: RunFilter, cursor: str | None = None, limit: int = 50) -> Page[RunItem]
page_events(services, run_id: str, after: int = 0, limit: int = 200) -> Page[EventView]
follow_events(services, run_id: str, after: int = 0) -> AsyncIterator[EventView]
resume_run(services, run_id: str, request: ResumeRequest, key: RequestKey | None = None) -> RunAnswer
cancel_run(services, run_id: str, key: RequestKey | None = None) -> RunAnswer
retry_run(services, run_id: str, key: RequestKey | None = None) -> RunAnswer
replay_run(services, run_id: str, request: ReplayRequest | None = None) -> ReplayView    nothing is changed
fork_run(services, run_id: str, request: ForkRequest, key: RequestKey | None = None) -> RunAnswer
compare_runs(services, one: str, other: str) -> ComparisonView
send_signal(services, run_id: str, name: str, request: SignalRequest, key: RequestKey | None = None) -> RunAnswer
send_message(services, run_id: str, request: MessageRequest, key: RequestKey | None = None) -> RunAnswer
send_keyed_signal(services, name: str, request: SignalRequest) -> SignalView
upload(services, content: AsyncIterable[bytes], media_type: str) -> tuple[UploadView, bool]    new or known already
run_state(services, run_id: str) -> StateView
run_checkpoints(services, run_id: str, cursor: str | None = None, limit: int = 50) -> Page[CheckpointView]
list_artifacts(services, run_id: str, everything: bool = False) -> Page[ArtifactView]
get_artifact(services, run_id: str, path: str) -> tuple[ArtifactView, AsyncGenerator[bytes]]
list_stages(services, kind: str | None = None) -> StagesView
get_stage(services, name: str) -> tuple[EntryView, ...]    all versions, the newest first
run_stage(services, request: StageRunRequest, wait: float | None = None, key=None) -> RunAnswer    one stage alone
list_tasks(services) -> Page[TaskView]    the stages as agents call them
get_task(services, name: str) -> TaskView
get_result(services, run_id: str) -> TaskResult
create_policy(services, data: bytes, media: Media) -> tuple[PolicyView, bool]    the operator's: new or known already
get_policy(services, policy_id: str) -> PolicyView
list_policies(services) -> Page[PolicyView]    those in force
retire_policy(services, name: str) -> PolicyView
try_policy(services, data: bytes, media: Media, runs: Sequence[str] = ()) -> PolicyTrial    on recorded runs
sum_usage(services, query: UsageQuery) -> Usages
"""

from spec_service.operations.cancel_run import cancel_run
from spec_service.operations.compare_plans import compare_plans
from spec_service.operations.compare_runs import compare_runs
from spec_service.operations.create_policy import create_policy
from spec_service.operations.create_spec import create_spec
from spec_service.operations.draw_plan import draw_plan
from spec_service.operations.execute_spec import execute_spec
from spec_service.operations.fork_run import fork_run
from spec_service.operations.get_artifact import get_artifact
from spec_service.operations.get_plan import get_plan
from spec_service.operations.get_policy import get_policy
from spec_service.operations.get_result import get_result
from spec_service.operations.get_run import get_run
from spec_service.operations.get_spec import get_spec
from spec_service.operations.get_stage import get_stage
from spec_service.operations.get_task import get_task
from spec_service.operations.list_artifacts import list_artifacts
from spec_service.operations.list_policies import list_policies
from spec_service.operations.list_runs import list_runs
from spec_service.operations.list_specs import list_specs
from spec_service.operations.list_stages import list_stages
from spec_service.operations.list_tasks import list_tasks
from spec_service.operations.plan_spec import plan_spec
from spec_service.operations.preview_plan import preview_plan
from spec_service.operations.publish_spec import publish_spec
from spec_service.operations.replay_run import replay_run
from spec_service.operations.rerun_run import rerun_run
from spec_service.operations.resume_run import resume_run
from spec_service.operations.retire_policy import retire_policy
from spec_service.operations.retire_spec import retire_spec
from spec_service.operations.retry_run import retry_run
from spec_service.operations.run_checkpoints import run_checkpoints
from spec_service.operations.run_events import follow_events, page_events
from spec_service.operations.run_stage import run_stage
from spec_service.operations.run_state import run_state
from spec_service.operations.send_message import send_message
from spec_service.operations.send_signal import send_keyed_signal, send_signal
from spec_service.operations.sum_usage import sum_usage
from spec_service.operations.try_policy import try_policy
from spec_service.operations.upload import upload
from spec_service.operations.validate_spec import validate_spec

__all__ = [  # more than ten names: the list of operations is the product
    "cancel_run",
    "compare_plans",
    "compare_runs",
    "create_policy",
    "create_spec",
    "draw_plan",
    "execute_spec",
    "follow_events",
    "fork_run",
    "get_artifact",
    "get_plan",
    "get_policy",
    "get_result",
    "get_run",
    "get_spec",
    "get_stage",
    "get_task",
    "list_artifacts",
    "list_policies",
    "list_runs",
    "list_specs",
    "list_stages",
    "list_tasks",
    "page_events",
    "plan_spec",
    "preview_plan",
    "publish_spec",
    "replay_run",
    "rerun_run",
    "resume_run",
    "retire_policy",
    "retire_spec",
    "retry_run",
    "run_checkpoints",
    "run_stage",
    "run_state",
    "send_keyed_signal",
    "send_message",
    "send_signal",
    "sum_usage",
    "try_policy",
    "upload",
    "validate_spec",
]
