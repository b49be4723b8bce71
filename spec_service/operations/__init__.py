"""What a caller may ask: one file and one async function per question.

Every operation takes the `Services` bundle first and returns a view. It raises `Refused` (problems of what was sent)
or another named error of `spec_service.errors` and `workflows.errors`.

create_spec(services, data: bytes, media: Media) -> tuple[SpecView, bool]    created or known already
validate_spec(services, data: bytes, media: Media) -> Validity
get_spec(services, spec_id: str) -> SpecText
list_specs(services, cursor: str | None = None, limit: int = 50) -> Page[SpecView]
plan_spec(services, spec_id: str) -> PlanView
get_plan(services, digest: str) -> PlanView
execute_spec(services, spec_id: str, request: ExecuteRequest, wait: float | None = None) -> RunView
get_run(services, run_id: str) -> RunView
list_runs(services, wanted: RunFilter, cursor: str | None = None, limit: int = 50) -> Page[RunView]
page_events(services, run_id: str, after: int = 0, limit: int = 200) -> Page[EventView]
follow_events(services, run_id: str, after: int = 0) -> AsyncIterator[EventView]
resume_run(services, run_id: str, request: ResumeRequest) -> RunView
cancel_run(services, run_id: str) -> RunView
run_state(services, run_id: str) -> StateView
run_checkpoints(services, run_id: str, cursor: str | None = None, limit: int = 50) -> Page[CheckpointView]
list_artifacts(services, run_id: str) -> Page[ArtifactView]
get_artifact(services, run_id: str, path: str) -> tuple[ArtifactView, bytes]
list_stages(services, kind: str | None = None) -> StagesView
get_stage(services, name: str) -> tuple[EntryView, ...]    all versions, the newest first
"""
