"""From stored things to what callers are shown of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from spec_service.ports import StoredSpec
from spec_service.stage_views import AgentView, EntryView, TaskView
from spec_service.views import ArtifactView, PublicationView, SourceView, SpecView
from translator.planning.catalog import CatalogEntry
from translator.planning.plan import Advice
from workflows.luigi.registry import StageRecord
from workflows.records import ArtifactStored


def spec_view(stored: StoredSpec) -> SpecView:
    """Show a revision of a spec."""
    return SpecView(
        id=stored.id,
        name=stored.name,
        version=stored.version,
        revision=stored.revision,
        digest=stored.digest,
        description=stored.description,
        labels=dict(stored.labels),
        created_at=stored.created_at,
        warnings=tuple(Advice(**one) for one in stored.warnings),
        source=SourceView(**asdict(stored.source)),
        published=PublicationView(**asdict(stored.published)) if stored.published else None,
        retired_at=stored.retired_at,
    )


def artifact_view(stored: ArtifactStored) -> ArtifactView:
    """Show an artifact."""
    return ArtifactView(
        path=stored.path,
        uri=f"specloom://runs/{stored.run_id}/artifacts/{stored.path}",
        bytes=stored.bytes,
        sha256=stored.sha256,
        media_type=stored.media_type,
        step=stored.step,
        created_at=stored.at,
    )


def entry_view(entry: CatalogEntry, record: StageRecord | None = None) -> EntryView:
    """Show a version of a stage or tool; `record` is the stage's."""
    return EntryView(
        kind=entry.kind,
        name=entry.name,
        version=entry.version,
        description=entry.description,
        parameters=entry.parameters,
        result=entry.result,
        source_digest=entry.source_digest,
        secrets=entry.secrets,
        agent=AgentView(**_about_agent(record)) if record else None,
    )


def task_view(record: StageRecord) -> TaskView:
    """Show a stage as agents call it."""
    return TaskView(
        **_about_agent(record),
        task=record.name,
        version=record.version,
        input_schema=record.parameters,
        source_digest=record.source_digest,
    )


def _about_agent(record: StageRecord) -> dict[str, Any]:
    return {**record.agent.model_dump(exclude={"holds_data"}), "python_class": record.python_class}
